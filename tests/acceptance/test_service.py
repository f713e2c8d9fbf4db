"""The daemon by itself: inboxes, checks that start runs, policy edits, one owner."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest


def test_what_is_dropped_drifts_is_noticed_retrained_and_promoted_without_a_hand(world: Any) -> None:
    world.policy.write_text(world.policy.read_text().replace("every: 30d", "every: 1h"))
    world.sql_change("delete from model_check")  # the first check is due at once
    world.start()
    triggered = "select id, triggers from run where check_id is not null"
    run = world.until(lambda: world.sql(triggered), 60, "a run starts")[0]
    assert json.loads(run[1]) == ["inputs-moved"]
    assert world.over(run[0]) == "promoted"
    found = world.asked("status", "tiny")
    assert (found["champion"], found["last_run"]["run"]) == ("v0002", run[0])
    assert "x" in found["last_check"]["drifted"]


def test_a_file_in_the_inbox_is_taken_in_and_moved_and_a_broken_one_set_aside(world: Any) -> None:
    world.start()
    now = datetime.now(UTC)
    world.inbox.mkdir(parents=True, exist_ok=True)
    lines = [{"id": f"n{n}", "at": now.isoformat(), "x": 0.5, "y": 1.0, "day": "mon"} for n in range(5)]
    (world.inbox / "good.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (world.inbox / "half.jsonl.partial").write_text('{"id": ')
    (world.inbox / "bad.parquet").write_bytes(b"not parquet")
    world.age(world.inbox / "bad.parquet", minutes=5)
    done = world.until(lambda: list((world.inbox / "done").glob("*good.jsonl")), 20, "the file is in done/")
    assert len(done) == 1
    world.until(lambda: list((world.inbox / "quarantine").glob("*bad.parquet")), 20, "the file is in quarantine/")
    assert [path.name for path in world.inbox.iterdir() if path.is_file()] == ["half.jsonl.partial"]
    assert world.asked("status", "tiny")["samples"] == 1805
    assert "good.jsonl: 5 stored" in world.log


def test_a_bad_policy_edit_keeps_the_former_in_force_and_a_good_one_replaces_it(world: Any) -> None:
    daemon = world.start(MAINTAINER_POLL_SECONDS="3600")  # only a signal makes it look again
    world.until(lambda: "policy of tiny adopted" in world.log, 20, "the policy is read")
    good = world.policy.read_text()
    world.policy.write_text(good.replace("min_samples: 100", "min_samples: many"))
    daemon.send_signal(signal.SIGHUP)
    found = world.until(lambda: world.asked("status")["policy_problems"], 20, "the problem is told")
    assert "min_samples" in found[0]
    assert f"{world.policy}:" in found[0]
    held = world.daemon_says("/v1/models/tiny/policy")
    assert held["checks"]["window"]["min_samples"] == 100
    assert world.asked("doctor", status=3)["well"] is False
    world.policy.write_text(good.replace("min_samples: 100", "min_samples: 101"))
    daemon.send_signal(signal.SIGHUP)
    world.until(lambda: "policy of tiny replaced" in world.log, 20, "the good edit is in force")
    assert world.daemon_says("/v1/models/tiny/policy")["checks"]["window"]["min_samples"] == 101
    assert world.asked("status")["policy_problems"] == []
    assert daemon.poll() is None


def test_a_second_daemon_on_the_same_state_is_refused_in_words(world: Any) -> None:
    daemon = world.start()
    second = world.run("run")
    assert second.returncode == 1
    assert f"{world.state} is in use by process {daemon.pid}; wanted to be its only owner" in second.stderr
    assert "Traceback" not in second.stderr
    assert world.asked("status")["models"][0]["champion"] == "v0001"  # the first is none the worse


def test_systemd_is_told_ready_once_the_api_listens_fed_and_told_of_the_end(world: Any) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(world.home / "notify"))
        ear.settimeout(20)
        world.start(NOTIFY_SOCKET=str(world.home / "notify"))
        first = ear.recv(4096).decode()
        assert first.startswith("READY=1\nSTATUS=serving ")
        assert world.asked("status")["models"]
        heard = [ear.recv(4096).decode() for _ in range(3)]
        assert "WATCHDOG=1" in heard
        world.daemons[-1].send_signal(signal.SIGHUP)
        world.until(lambda: ear.recv(4096).decode().startswith("RELOADING=1\nMONOTONIC_USEC="), 20, "reloading")
        world.stop()
        ear.settimeout(0)
        last: list[str] = []
        with pytest.raises(BlockingIOError):
            while True:
                last.append(ear.recv(4096).decode())
    assert "READY=1" in last
    assert "STOPPING=1" in last


def test_a_daemon_stops_while_a_check_is_going_on(world: Any) -> None:
    world.start()
    asking = world.begin("check", "tiny")
    world.process_of("maintainer.daemon.warm")
    assert world.stop() < 10
    assert asking.wait(timeout=20) == 1
    assert not (world.state / "maintainer.sock").exists()


def test_an_interrupt_from_the_keyboard_is_a_clean_stop_too(world: Any) -> None:
    daemon = world.start()
    begun = time.monotonic()
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(timeout=20) == 0
    assert time.monotonic() - begun < 10


def test_a_store_that_will_not_open_is_told_and_mended_through_the_running_daemon(world: Any) -> None:
    (world.state / "samples.duckdb").write_bytes(b"garbage" * 1000)
    world.start()
    found = world.asked("doctor", status=3)
    assert "maintainer doctor --repair" in json.dumps(found)
    assert world.asked("doctor", "--repair")["well"] is True
    assert world.asked("status", "tiny")["samples"] == 1800


def test_a_reload_while_it_stops_is_no_harm(world: Any) -> None:
    daemon = world.start()
    asking = world.begin("check", "tiny")
    world.process_of("maintainer.daemon.warm")
    daemon.send_signal(signal.SIGTERM)
    while daemon.poll() is None:
        daemon.send_signal(signal.SIGHUP)
        time.sleep(0.005)
    assert daemon.returncode == 0, world.log[-2000:]
    asking.wait(timeout=20)
    assert "Traceback" not in world.log


def test_a_daemon_whose_api_ends_by_itself_ends_with_a_failure() -> None:
    script = """
import os, sys
from maintainer.cli import daemon
from maintainer.cli.app import run
import uvicorn
uvicorn.Server.run = lambda self, sockets: sys.exit(3)
sys.argv[1:] = ["run"]
run()
"""
    around = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with tempfile.TemporaryDirectory(prefix="m") as home:
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, cwd=home, env=around, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert (
        done.stderr.splitlines()[-1] == "maintainer: the API ended by itself, and the daemon with it; the log says why"
    )
