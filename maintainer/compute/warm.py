"""A child that stays: one line of JSON in, one line of JSON out, restarted when it died, let go when idle."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from maintainer.compute.child import environment
from maintainer.errors import ChildError, InputError


class WarmChild:
    """The check worker's owner; calls take turns."""

    def __init__(self, module: str, log: Path, timeout_seconds: float, threads: int = 1) -> None:
        self._module, self._log, self._timeout, self._threads = module, log, timeout_seconds, threads
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._used = time.monotonic()

    def ask(self, task: str, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one request.

        Raises:
            InputError: the worker refused the request; the message is its own.
            ChildError: the worker died or did not answer in time; the next call starts a fresh one.
        """
        with self._lock:
            self._used = time.monotonic()
            child = self._living()
            try:
                answer = self._exchange(child, json.dumps({"task": task, "request": request}))
            except (OSError, ChildError) as error:
                self._end()
                raise ChildError(f"the check worker failed at {task}: {error}; see {self._log}") from error
            self._used = time.monotonic()
        if "refused" in answer:
            raise InputError(str(answer["refused"]))
        return answer

    def release_idle(self, seconds: float) -> None:
        """End the worker when it was not used for so long."""
        if self._lock.acquire(blocking=False):
            try:
                if time.monotonic() - self._used > seconds:
                    self._end()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            self._end()

    def _living(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("ab") as log:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", self._module],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=environment(self._threads),
                    start_new_session=True,
                )
        return self._child

    def _exchange(self, child: subprocess.Popen[bytes], line: str) -> dict[str, Any]:
        source, sink = _pipes(child)
        sink.write(line.encode() + b"\n")
        sink.flush()
        deadline, found = time.monotonic() + self._timeout, b""
        while not found.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([source], [], [], left)[0]:
                raise ChildError(f"no answer within {self._timeout:.0f} s")
            piece = os.read(source.fileno(), 1 << 20)
            if not piece:
                raise ChildError(f"it ended with status {child.wait()}")
            found += piece
        return json.loads(found)

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                _close(pipe)


def _pipes(child: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if child.stdout is None or child.stdin is None:
        raise ChildError("it has no pipes")
    return child.stdout, child.stdin


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:  # what was still buffered has no reader any more
        return
