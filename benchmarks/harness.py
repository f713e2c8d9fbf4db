"""What all benchmarks share: children that are measured, the machine, and how a result is printed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """One benchmark: our figures, the peers' figures on the same work, and peer / ours."""

    name: str
    figures: Mapping[str, float]
    peers: Mapping[str, Mapping[str, float]]
    ratios: Mapping[str, float]
    notes: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the command line says."""

    quick: bool
    data: Path | None
    json: bool
    child: Sequence[str]  # set in a measured child only


def arguments(about: str) -> Arguments:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    parser.add_argument("--data", type=Path, default=None, help="directory of generated data, kept between calls")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--child", nargs="+", default=(), help=argparse.SUPPRESS)
    given = parser.parse_args()
    return Arguments(given.quick, given.data, given.json, tuple(given.child))


def child(module: str, *words: str) -> dict[str, float]:
    """Run `python -m module --child words...` and return the JSON object on its last line."""
    command = [sys.executable, "-m", module, "--child", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def timed(work: Callable[[], object], times: int = 1) -> tuple[float, float]:
    """Return the least wall time of some calls and the least processor time, children included, in seconds.

    On a busy machine the second is the one to believe.
    """
    walls: list[float] = []
    processors: list[float] = []
    for _ in range(times):
        start, before = time.perf_counter(), processor_seconds()
        work()
        walls.append(time.perf_counter() - start)
        processors.append(processor_seconds() - before)
    return min(walls), min(processors)


def processor_seconds() -> float:
    """Return what all threads of this process, and its children that have ended, have used of the processor so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def peak_mb() -> float:
    """Return the largest resident memory of this process so far, in MB.

    From /proc: getrusage would count the parent's too, where this process was forked from a large one.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1e3


def machine() -> dict[str, str | int]:
    """Return what the figures were measured on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def commit() -> str:
    """Return the commit of the working tree, with + where it was changed; empty outside a repository."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=False)
    return found.stdout.strip() + ("+" if changed.stdout.strip() else "") if found.returncode == 0 else ""


def show(outcome: Outcome, given: Arguments) -> None:
    """Print one JSON object, or a table."""
    module = f"benchmarks.{outcome.name}"
    command = f"python -m {module}" + (" --quick" if given.quick else "")
    if given.json:
        print(json.dumps({**asdict(outcome), "machine": machine(), "commit": commit(), "command": command}))
        return
    print(f"{command}   {machine()}   {commit()}")
    wide = max(map(len, ("ratio", *outcome.peers)))
    for title, rows in (("ours", outcome.figures), *outcome.peers.items(), ("ratio", outcome.ratios)):
        for name, value in rows.items():
            print(f"  {title:<{wide}} {name:<48} {value:>12.4g}")
    for note in outcome.notes:
        print(f"  {note}")
