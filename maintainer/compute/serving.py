"""The child's side of `warm.WarmChild`: one line of JSON in, one line of JSON out, until standard input ends."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

from maintainer.compute.child import PR_SET_PDEATHSIG
from maintainer.errors import MaintainerError


def serve(tasks: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]) -> None:
    """Answer requests; nothing but answers goes to the original standard output."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    replies = os.fdopen(os.dup(1), "w")  # closed on exec, and by what is forked off
    os.dup2(2, 1)  # what a library prints goes to the log
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            reply = tasks[asked["task"]](asked["request"])
        except MaintainerError as error:
            reply = {"refused": str(error)}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()
