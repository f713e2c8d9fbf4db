"""How light the program is at rest: the time of `maintainer --help`, the idle daemon's memory and processor share.

The daemon watches models that have data, a champion and a check, so that everything it keeps is loaded. Its own process
and its warm check worker, which is let go after fifteen idle minutes, are measured at the same time and told apart.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.harness import Outcome, arguments, processor_seconds, show, timed

POLICY = """\
version: 1
model: model-{number}
task:
  kind: tabular-regression
  time: at
  features: {{x: {{type: number}}, y: {{type: number}}}}
  label: value
"""
ROWS, DAYS = 6000, 60  # of each model, up to now: 700 in the window of a check
SECONDS, QUICK_SECONDS = 60, 10  # of idleness that are measured
WARM_UP_SECONDS = 5
MODELS = 3
PATIENCE = 300  # seconds for one command
HELP_LIMIT, MEMORY_LIMIT, PROCESSOR_LIMIT = 0.25, 150.0, 0.5  # seconds, MB, per cent of a core


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "maintainer", *words]


def help_seconds(times: int = 10) -> tuple[float, float]:
    """Return the median wall time of `maintainer --help` after one call that is not counted, and the mean CPU time.

    On a busy machine the second is the one to believe.
    """

    def once() -> None:
        subprocess.run(command("--help"), check=True, stdout=subprocess.DEVNULL)

    once()
    before = processor_seconds()
    wall = statistics.median(timed(once)[0] for _ in range(times))
    return wall, (processor_seconds() - before) / times


def spent(process: int) -> float:
    """Return the processor seconds that a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1e3


def children(process: int) -> list[int]:
    """Return the processes that a process has started and that still live."""
    lists = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")]
    return [int(child) for found in lists for child in found.split()]


def samples(path: Path, seed: int) -> None:
    """Write labelled samples of the days before now: the value is a curve of x and y with noise."""
    draw, now = random.Random(seed), datetime.now(UTC)
    with path.open("w") as file:
        file.write("at,x,y,value\n")
        for row in range(ROWS):
            at = now - timedelta(days=DAYS * (1 - row / ROWS))
            x, y = draw.gauss(0, 1), draw.gauss(0, 1)
            file.write(f"{at.isoformat()},{x:.6f},{y:.6f},{x * y + 2 * x + draw.gauss(0, 0.1):.6f}\n")


def lay_out(folder: Path) -> dict[str, str]:
    """Make the state of some models, each with data and a champion; return the environment that finds it."""
    policies = folder / "policies"
    policies.mkdir()
    found = {**os.environ, "MAINTAINER_STATE": f"{folder}/state", "MAINTAINER_POLICIES": str(policies)}
    for number in range(MODELS):
        (policies / f"{number}.yaml").write_text(POLICY.format(number=number))
        samples(folder / "history.csv", number)
        do(found, "bootstrap", f"model-{number}", "--data", str(folder / "history.csv"))
    return found


def do(environment: dict[str, str], *words: str) -> None:
    done = subprocess.run(command(*words), env=environment, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode:
        raise RuntimeError(f"{words} ended with {done.returncode}: {done.stderr[-1000:]}")


def idle(seconds: float) -> dict[str, float]:
    """Return resident MB and per cent of a core of a daemon and of its warm worker that have nothing to do."""
    with tempfile.TemporaryDirectory(prefix="m") as folder:
        environment = lay_out(Path(folder))
        daemon = subprocess.Popen(command("run"), env=environment, stderr=subprocess.DEVNULL)
        try:
            listening = Path(folder) / "state" / "maintainer.sock"
            while not listening.exists():
                if daemon.poll() is not None:
                    raise RuntimeError(f"the daemon ended with {daemon.returncode}")
                time.sleep(0.05)
            for number in range(MODELS):
                do(environment, "check", f"model-{number}")
            if not children(daemon.pid):
                raise RuntimeError("no check has used the worker: there is nothing to measure")
            time.sleep(WARM_UP_SECONDS)
            return at_rest({"daemon": [daemon.pid], "worker": children(daemon.pid)}, seconds)
        finally:
            daemon.terminate()
            daemon.wait(timeout=30)


def at_rest(processes: dict[str, list[int]], seconds: float) -> dict[str, float]:
    """Watch groups of processes for a while."""
    begun = time.monotonic()
    before = {name: sum(map(spent, group)) for name, group in processes.items()}
    time.sleep(seconds)
    passed = time.monotonic() - begun
    found: dict[str, float] = {}
    for name, group in processes.items():
        found[f"idle {name} MB"] = sum(map(resident_mb, group))
        found[f"idle {name} cpu percent"] = 100 * (sum(map(spent, group)) - before[name]) / passed
    return found


def main() -> None:
    """Measure and print."""
    given = arguments("command line and idle daemon")
    seconds = QUICK_SECONDS if given.quick else SECONDS
    wall, used = help_seconds()
    figures = {"help s": wall, "help cpu s": used, **idle(seconds)}
    limits = {"help s": HELP_LIMIT, "idle daemon MB": MEMORY_LIMIT, "idle daemon cpu percent": PROCESSOR_LIMIT}
    ratios = {f"{name} of its limit": figures[name] / limit for name, limit in limits.items()}
    notes = (
        f"{MODELS} models with {ROWS} samples, a champion and a check each; tick every 5 s",
        f"{seconds} s; limits as peers, for the daemon's own process",
        "resident sizes: library code that both processes have loaded is counted in both",
    )
    show(Outcome("service", figures, {"limit": limits}, ratios, notes), given)


if __name__ == "__main__":
    main()
