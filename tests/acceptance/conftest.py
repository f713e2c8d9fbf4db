"""The real program on a small model: a state directory that is bootstrapped once and copied for each test."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
MODEL = "tiny"
POLICY = """\
version: 1
model: tiny
task:
  kind: tabular-classification
  id: id
  time: at
  features:
    x: {type: number}
    y: {type: number}
    day: {type: category}
  label: label
  classes: [down, up]
checks:
  every: 30d
  window: {last: 20d, min_samples: 100}
  drift: {columns: [x, y]}
triggers:
  - {name: inputs-moved, metric: drift.share, above: 0.3}
run: {needs: {labels: 100}, cooldown: 1s, timeout: 2m}
train: {strategy: finetune, epochs: 12, forgetting_budget: 0.9, batch_size: 32, optimizer: {learning_rate: 0.02}}
gates:
  - {kind: parity}
  - {kind: superior, metric: accuracy}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("acceptance")


def rows(count: int, start: datetime, end: datetime, drifted: bool, prefix: str) -> list[dict[str, Any]]:
    """Samples of a world where the sign of x says up; once it has drifted, x has moved and says down."""
    draw = random.Random(7)
    shift, sign = (1.5, -1) if drifted else (0.0, 1)
    found: list[dict[str, Any]] = []
    for number in range(count):
        x, y = draw.gauss(0, 1), draw.gauss(0, 1)
        at = start + (end - start) * (number / count)
        label = "up" if sign * x + 0.1 * y > 0 else "down"
        day = ("mon", "tue", "wed")[number % 3]
        found.append(
            {"id": f"{prefix}{number}", "at": at.isoformat(), "x": x + shift, "y": y, "day": day, "label": label}
        )
    return found


def until(holds: Callable[[], Any], seconds: float, what: str, pause: float = 0.02) -> Any:
    """Look again and again until something holds; fail in words when it never does."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(pause)
    return found


def _process_with(word: str, home: Path) -> int | None:
    """Return a process of this home, not of a test that goes on beside this one."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ours = str(home).encode() in (folder / "environ").read_bytes()
            if ours and word.encode() in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except OSError:  # it has just ended
            continue
    return None


def _process_writing(log: Path) -> int | None:
    """Return a process whose standard output is a file."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "fd/1").readlink() == log:
                return int(folder.name)
        except OSError:  # it has just ended
            continue
    return None


def _lives(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


@dataclass
class World:
    """One state directory, and the processes that work on it."""

    home: Path
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def policy(self) -> Path:
        return self.home / "policies" / f"{MODEL}.yaml"

    @property
    def inbox(self) -> Path:
        return self.state / "inbox" / MODEL

    @property
    def log(self) -> str:
        return (self.home / "daemon.log").read_text()

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAINTAINER_")}
        ours = {
            "MAINTAINER_STATE": str(self.state),
            "MAINTAINER_POLICIES": str(self.home / "policies"),
            "MAINTAINER_POLL_SECONDS": "0.2",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }
        return {**kept, **ours, **more}

    def run(self, *words: str, stdin: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "maintainer", *words],
            input=stdin, capture_output=True, text=True, timeout=120, check=False,
            cwd=self.home, env=self.environment(**more),
        )  # fmt: skip

    def asked(self, *words: str, status: int = 0) -> Any:
        """Run a command with --json; return the one document that it prints."""
        done = self.run(*words, "--json")
        assert done.returncode == status, f"{words} left with {done.returncode}: {done.stderr}"
        return json.loads(done.stdout)

    def start(self, **more: str) -> subprocess.Popen[bytes]:
        """Start the daemon; it listens when this returns."""
        with (self.home / "daemon.log").open("ab") as log:
            daemon = subprocess.Popen(
                [sys.executable, "-m", "maintainer", "run"],
                stdout=log, stderr=log, cwd=self.home, env=self.environment(**more),
            )  # fmt: skip
        self.daemons.append(daemon)
        listening = self.state / "maintainer.sock"
        until(lambda: listening.exists() or daemon.poll() is not None, 20, f"the daemon listens; {self.log[-2000:]}")
        assert daemon.poll() is None, self.log[-2000:]
        return daemon

    def kill(self) -> None:
        """Kill the daemon without a word of warning; its socket stays behind like after a power cut."""
        daemon = self.daemons[-1]
        daemon.kill()
        daemon.wait(timeout=10)
        (self.state / "maintainer.sock").unlink()  # so that `start` sees the next one

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command and leave it to itself; what it says goes to asked.err."""
        with (self.home / "asked.err").open("wb") as said:
            return subprocess.Popen(
                [sys.executable, "-m", "maintainer", *words],
                stdout=subprocess.DEVNULL, stderr=said, cwd=self.home, env=self.environment(),
            )  # fmt: skip

    def daemon_says(self, path: str) -> Any:
        """Ask the daemon itself."""
        transport = httpx.HTTPTransport(uds=str(self.state / "maintainer.sock"))
        with httpx.Client(transport=transport, base_url="http://maintainer", timeout=30) as client:
            return client.get(path).raise_for_status().json()

    def stop(self) -> float:
        """Ask the daemon to stop; return how many seconds it took."""
        daemon, begun = self.daemons[-1], time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=30) == 0, self.log[-2000:]
        return time.monotonic() - begun

    def sql(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """Look into control.db from outside."""
        db = sqlite3.connect(f"file:{self.state / 'control.db'}?mode=ro", uri=True, timeout=5)
        try:
            return list(db.execute(query, values))
        finally:
            db.close()

    def sql_change(self, statement: str) -> None:
        """Change control.db, as no operator should; only while nothing runs."""
        db = sqlite3.connect(self.state / "control.db", isolation_level=None)
        db.execute(statement)
        db.close()

    def journal(self, run: str) -> list[tuple[str, str]]:
        """Return (phase, kind) of a run's events."""
        return [(p, k) for p, k in self.sql("select phase, kind from run_event where run_id = ? order by seq", run)]

    def in_journal(self, run: str, phase: str, kind: str, seconds: float = 60) -> None:
        """Wait for an event."""
        until(lambda: (phase, kind) in self.journal(run), seconds, f"{phase} {kind} of {run} is noted", 0.001)

    def over(self, run: str, seconds: float = 90) -> str:
        """Wait for the end of a run; return its verdict."""
        self.in_journal(run, "report", "finished", seconds)
        return self.sql("select verdict from run_event where run_id = ? and verdict is not null", run)[0][0]

    def process_of(self, word: str) -> int:
        """Return the id of the process in whose command line a word occurs."""
        return until(lambda: _process_with(word, self.home), 30, f"a process of {word}")

    def job(self, run: str, phase: str) -> int:
        """Return the id of the process that does a phase of a run."""
        log = (self.state / "runs" / run / f"{phase}.log").resolve()
        return until(lambda: _process_writing(log), 30, f"a process that does {phase} of {run}")

    def gone(self, process: int, seconds: float = 5) -> None:
        """Wait for the end of a process that is no child of ours."""
        until(lambda: not _lives(process), seconds, f"process {process} is gone")

    def until(self, holds: Callable[[], Any], seconds: float, what: str) -> Any:
        """Look again and again until something holds."""
        return until(holds, seconds, what)

    def age(self, path: Path, minutes: float) -> None:
        """Make a file look as if nobody had written to it for a while."""
        then = time.time() - 60 * minutes
        os.utime(path, (then, then))

    def rows(self, count: int, start: datetime, end: datetime, drifted: bool, prefix: str) -> list[dict[str, Any]]:
        """Return samples of the world before or after it drifted."""
        return rows(count, start, end, drifted, prefix)

    def file(self, name: str, samples: list[dict[str, Any]]) -> Path:
        """Write samples as JSON lines."""
        path = self.home / name
        path.write_text("".join(json.dumps(sample) + "\n" for sample in samples))
        return path


@pytest.fixture(scope="session")
def bootstrapped() -> Iterator[Path]:
    """A home whose model has a champion of the world before it drifted, 900 samples from after, and a check."""
    with tempfile.TemporaryDirectory(prefix="m") as folder:
        world = World(Path(folder))
        world.policy.parent.mkdir()
        world.policy.write_text(POLICY)
        now = datetime.now(UTC)
        change = now - timedelta(days=20)
        former = world.file("former.jsonl", rows(900, now - timedelta(days=60), change, False, "f"))
        assert world.asked("bootstrap", MODEL, "--data", str(former))["verdict"] == "promoted"
        assert world.run("run", "--once").returncode == 0  # the check that is due; the next is in 30 days
        later = world.file("later.jsonl", rows(900, change, now, True, "l"))
        assert world.asked("ingest", MODEL, str(later))["stored"] == 900
        yield world.home


@pytest.fixture
def world(bootstrapped: Path) -> Iterator[World]:
    """A home of its own for each test; what still runs at its end is killed."""
    with tempfile.TemporaryDirectory(prefix="m") as folder:
        home = Path(folder) / "h"
        shutil.copytree(bootstrapped, home, symlinks=True)
        found = World(home)
        try:
            yield found
        finally:
            for daemon in found.daemons:
                if daemon.poll() is None:
                    daemon.kill()
                daemon.wait()


@pytest.fixture(params=["over the socket", "in process"])
def operator(request: pytest.FixtureRequest, world: World) -> Iterator[World]:
    """A world with or without a daemon."""
    if request.param == "over the socket":
        world.start()
    yield world
    if world.daemons:
        assert world.stop() < 10
        assert "Traceback" not in world.log
