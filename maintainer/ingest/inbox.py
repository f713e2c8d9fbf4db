"""A folder that files are dropped into: which are whole, and where they go once they were taken in."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from maintainer.errors import RefusedError, StoreError
from maintainer.ingest.names import later

SETTLE_SECONDS = 2.0  # a file that changed later than this may still be being written
DOUBT_SECONDS = 60.0  # how long a file that looks half-written is waited for
UNFINISHED = (".partial", ".tmp", ".part", ".crdownload", ".swp")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file in the inbox and how many seconds it has been left alone."""

    path: Path
    age_seconds: float

    @property
    def settled(self) -> bool:
        """Return whether it can be read: unchanged for a while, and text that ends in a line end."""
        return self.age_seconds >= DOUBT_SECONDS or (self.age_seconds >= SETTLE_SECONDS and _ends_well(self.path))

    @property
    def doubtful(self) -> bool:
        """Return whether a failure to read it may only mean that its writer has not finished."""
        return self.age_seconds < DOUBT_SECONDS


def _ends_well(path: Path) -> bool:
    try:
        size = path.stat().st_size
        if path.suffix.lower() in (".parquet", ".pq") or size == 0:
            return size > 0
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except OSError:  # gone again, or not to be read: who takes it in says so once it is left alone
        return False


def inbox_below(state: Path, relative: str) -> Path:
    """Return a source's folder.

    Raises:
        RefusedError: it would lie outside the state directory.
    """
    folder = (state / relative).resolve()
    if not folder.is_relative_to(state.resolve()):
        raise RefusedError(f"source path {relative!r} leaves the state directory {state}")
    return folder


def scan(folder: Path, wall_seconds: float) -> list[Dropped]:
    """Return the files of a folder that are not hidden or marked as unfinished, oldest first.

    Raises:
        StoreError: the folder cannot be listed.
    """
    try:
        paths = list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise StoreError(f"{folder} cannot be listed: {error.strerror or error}") from error
    found = [dropped for path in paths if (dropped := _dropped(path, wall_seconds)) is not None]
    return sorted(found, key=lambda dropped: (-dropped.age_seconds, dropped.path.name))


def _dropped(path: Path, wall_seconds: float) -> Dropped | None:
    """Return a file that may be taken in; None for what is hidden, unfinished, no file, or gone by now."""
    if path.name.startswith(".") or path.suffix.lower() in UNFINISHED:
        return None
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return Dropped(path, wall_seconds - found.st_mtime) if stat.S_ISREG(found.st_mode) else None


def put_away(path: Path, target: Path) -> Path:
    """Move a file to where it is kept; nothing there is overwritten.

    Raises:
        StoreError: it cannot be moved.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        while target.exists():
            target = later(target)
        os.replace(path, target)
    except OSError as error:
        raise StoreError(f"{path} cannot be moved to {target.parent}: {error.strerror or error}") from error
    return target
