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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from maintainer.compute.child import environment
from maintainer.errors import ChildError, InputError, InterruptedRunError

SLICE_SECONDS = 0.2  # of waiting, between two looks at whether to go on


def nothing() -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an answer is waited for, what ends the wait early, and who is told that it is only a wait."""

    seconds: float
    stopping: threading.Event = field(default_factory=threading.Event)
    alive: Callable[[], None] = nothing  # called several times a second


class WarmChild:
    """The owner of a child that answers requests; calls take turns. The name of its log is the child's in words."""

    def __init__(self, module: str, log: Path, patience: Patience, threads: int = 1) -> None:
        self._module, self._log, self._patience, self._threads = module, log, patience, threads
        self._name = log.stem.replace("-", " ")
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._used = time.monotonic()
        # A child that asks to die with its parent dies with the thread that made it: this one stays.
        self._spawner = ThreadPoolExecutor(1, "spawn")

    def ask(self, task: str, request: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to one request.

        Raises:
            InputError: the worker refused the request; the message is its own.
            ChildError: the worker died or did not answer in time; the next call starts a fresh one.
            InterruptedRunError: the program is stopping; the worker is gone.
        """
        with self._lock:
            try:
                self._go_on(task)
                answer = self._exchange(self._living(), json.dumps({"task": task, "request": request}).encode() + b"\n")
            except (OSError, ValueError, ChildError) as error:
                self._end()
                raise ChildError(f"the {self._name} failed at {task}: {error}; see {self._log}") from error
            except BaseException:  # half an exchange would be taken for the next one's answer
                self._end()
                raise
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
        """End the worker; no request is answered from now on."""
        self._patience.stopping.set()
        with self._lock:
            self._end()
        self._spawner.shutdown()

    def _living(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = self._spawner.submit(self._spawn).result()
        return self._child

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(self._threads),
                start_new_session=True,
            )
        os.set_blocking(_pipes(child)[1].fileno(), False)
        return child

    def _exchange(self, child: subprocess.Popen[bytes], line: bytes) -> dict[str, Any]:
        source, sink = (pipe.fileno() for pipe in _pipes(child))
        deadline, left, found = time.monotonic() + self._patience.seconds, memoryview(line), bytearray()
        while not found.endswith(b"\n"):
            readable, writable = self._wait(source, [sink] if left else [], deadline)
            if writable:
                left = left[os.write(sink, left) :]
            if readable:
                piece = os.read(source, 1 << 20)
                if not piece:
                    raise ChildError("it ended without an answer")
                found += piece
        return json.loads(found)

    def _wait(self, source: int, sinks: list[int], deadline: float) -> tuple[bool, bool]:
        """Return whether the child can be read from and written to, as soon as either is so."""
        while (left := deadline - time.monotonic()) > 0:
            self._go_on("a request")
            readable, writable, _ = select.select([source], sinks, [], min(left, SLICE_SECONDS))
            if readable or writable:
                return bool(readable), bool(writable)
        raise ChildError(f"no answer within {self._patience.seconds:g} s")

    def _go_on(self, what: str) -> None:
        if self._patience.stopping.is_set():
            raise InterruptedRunError(f"stopping: the {self._name} gave up {what}")
        self._patience.alive()

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
