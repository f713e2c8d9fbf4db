"""One process owns a state directory at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from maintainer.errors import BusyError, StoreError


class Owner:
    """The lock on a state directory: a file of its own, since a database's own lock is lost when any handle closes."""

    def __init__(self, state: Path) -> None:
        path = state / "owner.lock"
        try:
            state.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StoreError(f"state directory {state} cannot be used: {error.strerror or error}") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._handle, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._handle)
            raise BusyError(f"{state} is in use by process {holder}; wanted to be its only owner") from error
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process own the state."""
        os.close(self._handle)

    def __enter__(self) -> Owner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()
