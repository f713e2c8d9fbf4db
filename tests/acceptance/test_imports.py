"""The command line and the idle daemon stay light: the heavy frameworks are for their children."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HEAVY = ("torch", "transformers", "evidently", "pandas")

HELP = """
import json, sys
sys.argv = ["maintainer", "--help"]
from maintainer.cli import main
try:
    main()
except SystemExit as left:
    assert not left.code, left.code
print(json.dumps(sorted(sys.modules)))
"""

DAEMON = """
import json, os, signal, sys, threading, time
import httpx
from pathlib import Path
from maintainer.daemon.operations import Operations
from maintainer.daemon.service import Service
from maintainer.settings import load
from maintainer.web.app import create_app

ticks = 0
tick = Operations.tick

def counted(self):
    global ticks
    found = tick(self)
    ticks += 1
    return found

def until(holds):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)

def drive():
    try:
        until(lambda: ticks >= 2)
        seen.append(sorted(sys.modules))
        transport = httpx.HTTPTransport(uds=str(settings.socket))
        with httpx.Client(transport=transport, base_url="http://maintainer", timeout=30) as client:
            body = Path(sys.argv[1]).read_bytes()
            taken = client.post("/v1/models/tiny/samples", params={"name": "a.jsonl"}, content=body)
            assert taken.json()["stored"] == 1, taken.text
        before = ticks
        until(lambda: ticks >= before + 2)
        seen.append(sorted(sys.modules))
    finally:
        os.kill(os.getpid(), signal.SIGTERM)

Operations.tick = counted
seen = []
settings = load()
thread = threading.Thread(target=drive)
thread.start()
Service(settings, create_app).run()
thread.join()
print(json.dumps(seen))
"""


def modules(code: str, world: Any, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True, text=True, timeout=60, check=False, cwd=world.home, env=world.environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def heavy(names: list[str]) -> list[str]:
    return [name for name in names if name.split(".")[0] in HEAVY]


def test_help_loads_no_heavy_framework_nor_the_daemon(world: Any) -> None:
    found = modules(HELP, world)
    assert "maintainer.cli.runs" in found
    assert heavy(found) == []
    assert [name for name in found if name.split(".")[0] in ("duckdb", "fastapi", "pydantic", "httpx", "numpy")] == []


def test_the_idle_daemon_loads_no_heavy_framework_and_none_for_an_ingest(world: Any) -> None:
    row = {"id": "light", "at": "2026-01-01T00:00:00Z", "x": 1, "y": 1, "day": "mon"}
    file: Path = world.file("light.jsonl", [row])
    for found in modules(DAEMON, world, str(file)):
        assert "maintainer.daemon.service" in found
        assert heavy(found) == []
