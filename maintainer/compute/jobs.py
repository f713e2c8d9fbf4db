"""One heavy job at a time per caller, each in a child of its own: process group, deadline, memory limit, nice."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from maintainer.compute.child import DELIBERATE, OUT_OF_MEMORY
from maintainer.compute.warm import Patience, WarmChild
from maintainer.errors import ChildError, InputError

TAIL = 600  # characters of a crashed child's log that are told
START_SECONDS = 300.0  # for the frameworks to be read from a slow disk


@dataclass(frozen=True, slots=True)
class Job:
    """One command and what it may cost."""

    module: str  # python -m module
    arguments: tuple[str, ...]
    log: Path
    timeout_seconds: float
    memory_bytes: int
    loads: tuple[str, ...] = ()  # modules it needs that are slow to import


class Nursery:
    """Begins jobs by fork from one process that keeps what they import, and sees each to its end."""

    def __init__(self, log: Path, stopping: threading.Event, threads: int = 1) -> None:
        self._log = log
        self._stopping = stopping
        self._warm = WarmChild("maintainer.compute.nursery", log, Patience(START_SECONDS, stopping), threads)

    def run(self, job: Job) -> None:
        """Run a job to its end.

        Raises:
            InputError: the job refused its input; the message is its own.
            ChildError: it crashed, ran out of memory or past its deadline.
            InterruptedRunError: the program is stopping; the child is gone.
        """
        asked = {"module": job.module, "arguments": job.arguments, "log": str(job.log), "loads": job.loads}
        pid: int = self._warm.ask("fork", asked)["pid"]
        try:
            status = self._wait(pid, job)
        finally:
            _end(pid)
        if status != 0:
            raise _said(job, status)

    def release_idle(self, seconds: float) -> None:
        """Let go of what is kept when no job was begun or waited for during so long."""
        self._warm.release_idle(seconds)

    def close(self) -> None:
        """End every job; none is begun from now on."""
        self._warm.close()

    def _wait(self, pid: int, job: Job) -> int:
        deadline = time.monotonic() + job.timeout_seconds
        while (status := self._warm.ask("wait", {"pid": pid})["status"]) is None:
            if time.monotonic() > deadline:
                _end(pid)
                self._warm.ask("wait", {"pid": pid})
                raise ChildError(f"{job.module} ran past its deadline of {job.timeout_seconds:.0f} s")
        return status


def _end(pid: int) -> None:
    """Kill what is left of a job's process group, of which the first may have gone."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # nobody is left
        return


def _said(job: Job, status: int) -> Exception:
    tail = job.log.read_text(errors="replace")[-TAIL:].strip()
    if status == DELIBERATE:
        return InputError(tail.splitlines()[-1] if tail else f"{job.module} refused its input")
    aborted = status == -signal.SIGABRT and "bad_alloc" in tail  # C++ has no other way to say so
    if status in (OUT_OF_MEMORY, -signal.SIGKILL) or aborted:
        return ChildError(f"{job.module} ran out of memory or was killed; its limit is {job.memory_bytes >> 20} MiB")
    return ChildError(f"{job.module} ended with status {status}; {job.log} ends with: {tail}")
