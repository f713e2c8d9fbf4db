"""What holds for every child process: no telemetry, gives way, stays below a memory limit, dies with its parent."""

from __future__ import annotations

import ctypes
import os
import resource
import signal

PR_SET_PDEATHSIG = 1
DELIBERATE, OUT_OF_MEMORY = 3, 4  # exit statuses of a child that can say what went wrong


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
