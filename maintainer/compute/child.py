"""A fresh child process for one job: own process group, deadline, memory limit, nice; it dies with its parent."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from maintainer.errors import ChildError, InputError, InterruptedRunError

PR_SET_PDEATHSIG = 1
DELIBERATE, OUT_OF_MEMORY = 3, 4  # exit statuses of a child that can say what went wrong
TAIL = 600  # characters of a crashed child's log that are told


@dataclass(frozen=True, slots=True)
class Job:
    """One command and what it may cost."""

    module: str  # python -m module
    arguments: tuple[str, ...]
    log: Path
    timeout_seconds: float
    memory_bytes: int
    threads: int = 1


def environment(threads: int) -> dict[str, str]:
    """Return the environment of a child: no telemetry, no network look-ups, threads that sleep when they wait."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "DO_NOT_TRACK": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def limit_self(memory_bytes: int, niceness: int = 10) -> None:
    """Bind this process, which is a child: die with the parent, give way to others, stay below a memory limit."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if str(os.getppid()) != os.environ.get("MAINTAINER_PARENT", str(os.getppid())):
        raise SystemExit("the parent process is gone")
    os.nice(niceness)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def run_job(job: Job, stopping: threading.Event) -> None:
    """Run a job to its end.

    Raises:
        InputError: the job refused its input; the message is its own.
        ChildError: it crashed, ran out of memory or past its deadline.
        InterruptedRunError: `stopping` was set; the child is gone.
    """
    with job.log.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", job.module, *job.arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**environment(job.threads), "MAINTAINER_PARENT": str(os.getpid())},
            start_new_session=True,
        )
        try:
            status = _wait(child, job, stopping)
        finally:
            _end(child)
    if status != 0:
        raise _said(job, status)


def _wait(child: subprocess.Popen[bytes], job: Job, stopping: threading.Event) -> int:
    deadline = time.monotonic() + job.timeout_seconds
    while True:
        try:
            return child.wait(timeout=0.1)
        except subprocess.TimeoutExpired:
            if stopping.is_set():
                raise InterruptedRunError(f"{job.module} was asked to stop") from None
            if time.monotonic() > deadline:
                raise ChildError(f"{job.module} ran past its deadline of {job.timeout_seconds:.0f} s") from None


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's process group, of which it may be the first to have gone."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:  # nobody is left
        return
    child.wait()


def _said(job: Job, status: int) -> Exception:
    tail = job.log.read_text(errors="replace")[-TAIL:].strip()
    if status == DELIBERATE:
        return InputError(tail.splitlines()[-1] if tail else f"{job.module} refused its input")
    aborted = status == -signal.SIGABRT and "bad_alloc" in tail  # C++ has no other way to say so
    if status in (OUT_OF_MEMORY, -signal.SIGKILL) or aborted:
        return ChildError(f"{job.module} ran out of memory or was killed; its limit is {job.memory_bytes >> 20} MiB")
    return ChildError(f"{job.module} ended with status {status}; {job.log} ends with: {tail}")
