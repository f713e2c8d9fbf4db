"""The process that heavy jobs are forked from, so that their frameworks are loaded once: tasks `fork` and `wait`.

It computes nothing itself: what it has imported has started no thread, and a job's memory is the job's own.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import time
import traceback
from typing import Any, NoReturn

from maintainer.compute.serving import serve

LOOK_SECONDS, WAIT_SECONDS = 0.02, 0.2


def fork(request: dict[str, Any]) -> dict[str, Any]:
    """Begin a job, `python -m module arguments` in a process group of its own; return its process id."""
    for module in request["loads"]:
        importlib.import_module(module)
    parent, pid = os.getpid(), os.fork()
    if pid == 0:
        os.environ["MAINTAINER_PARENT"] = str(parent)
        _become(request)
    return {"pid": pid}


def wait(request: dict[str, Any]) -> dict[str, Any]:
    """Return the exit status of a job (a signal as a negative number), or none where it goes on a while longer."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        pid, status = os.waitpid(request["pid"], os.WNOHANG)
        if pid:
            return {"status": os.waitstatus_to_exitcode(status)}
        time.sleep(LOOK_SECONDS)
    return {"status": None}


def _become(request: dict[str, Any]) -> NoReturn:
    """Run the job's module in this process, which was just forked off; the parent's pipes are its own."""
    status = 1
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDONLY)
        log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for target, source in ((0, nowhere), (1, log), (2, log)):
            os.dup2(source, target)
        sys.argv = [request["module"], *request["arguments"]]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve({"fork": fork, "wait": wait})
