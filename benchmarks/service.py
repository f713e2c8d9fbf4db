"""How light the program is at rest: the time of `maintainer --help`, the idle daemon's memory and processor share."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import Outcome, arguments, show, timed

POLICY = """\
version: 1
model: model-{number}
task:
  kind: tabular-regression
  time: at
  features: {{x: {{type: number}}, y: {{type: number}}}}
  label: value
"""
SECONDS, QUICK_SECONDS = 60, 10  # of idleness that are measured
WARM_UP_SECONDS = 5
MODELS = 3
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
    before = os.times()
    wall = statistics.median(timed(once) for _ in range(times))
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, used / times


def spent(process: int) -> float:
    """Return the processor seconds that a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1e3


def idle(seconds: float) -> tuple[float, float]:
    """Return resident MB and per cent of a core of a daemon that watches some models and has nothing to do."""
    with tempfile.TemporaryDirectory(prefix="m") as folder:
        policies = Path(folder) / "policies"
        policies.mkdir()
        for number in range(MODELS):
            (policies / f"{number}.yaml").write_text(POLICY.format(number=number))
        settings = {"MAINTAINER_STATE": f"{folder}/state", "MAINTAINER_POLICIES": str(policies)}
        daemon = subprocess.Popen(command("run"), env={**os.environ, **settings}, stderr=subprocess.DEVNULL)
        try:
            listening = Path(folder) / "state" / "maintainer.sock"
            while not listening.exists():
                if daemon.poll() is not None:
                    raise RuntimeError(f"the daemon ended with {daemon.returncode}")
                time.sleep(0.05)
            time.sleep(WARM_UP_SECONDS)
            before, begun = spent(daemon.pid), time.monotonic()
            time.sleep(seconds)
            share = 100 * (spent(daemon.pid) - before) / (time.monotonic() - begun)
            return resident_mb(daemon.pid), share
        finally:
            daemon.terminate()
            daemon.wait(timeout=30)


def main() -> None:
    """Measure and print."""
    given = arguments("command line and idle daemon")
    memory, processor = idle(QUICK_SECONDS if given.quick else SECONDS)
    wall, used = help_seconds()
    figures = {"help_seconds": wall, "help_cpu_seconds": used, "idle_rss_mb": memory, "idle_cpu_percent": processor}
    limits = {"help_seconds": HELP_LIMIT, "idle_rss_mb": MEMORY_LIMIT, "idle_cpu_percent": PROCESSOR_LIMIT}
    ratios = {f"{name} of its limit": figures[name] / limit for name, limit in limits.items()}
    notes = (f"{MODELS} models, tick every 5 s; {QUICK_SECONDS if given.quick else SECONDS} s; limits as peers",)
    show(Outcome("service", figures, {"limit": limits}, ratios, notes), given)


if __name__ == "__main__":
    main()
