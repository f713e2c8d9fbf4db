from __future__ import annotations

import asyncio
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from anyio import to_thread
from apscheduler.schedulers.background import BackgroundScheduler

from maintainer.daemon.notify import Notifier
from maintainer.daemon.service import Beat, Every, join_requests, keep_time, listen, utc_now
from maintainer.errors import SettingsError, StoreError


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="m") as folder:
        yield Path(folder)


@pytest.fixture
def ear(short: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What systemd hears."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(short / "notify"))
        channel.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(short / "notify"))
        yield channel


def heard(ear: socket.socket) -> list[str]:
    found: list[str] = []
    while True:
        try:
            found.append(ear.recv(4096).decode())
        except BlockingIOError:
            return found


class Ticking:
    """Operations of which only the tick is asked."""

    def __init__(self, *ends: list[str] | Exception) -> None:
        self.ends = iter(ends)

    def tick(self) -> list[str]:
        end = next(self.ends)
        if isinstance(end, Exception):
            raise end
        return end


def beat(notifier: Notifier, *ends: list[str] | Exception) -> Beat:
    return Beat(cast("Any", Ticking(*ends)), notifier)


def test_a_beat_feeds_the_watchdog_and_shows_what_was_done(ear: socket.socket) -> None:
    beat(Notifier(), ["a.csv: 3 stored"])()
    assert heard(ear) == ["STATUS=a.csv: 3 stored", "WATCHDOG=1"]


@pytest.mark.parametrize("error", [StoreError("the disk is full"), ValueError("a defect")])
def test_a_beat_survives_what_goes_wrong_says_it_once_and_beats_on(ear: socket.socket, error: Exception) -> None:
    beating = beat(Notifier(), error, error, ["well again"])
    for _ in range(3):
        beating()
    told = [line for line in heard(ear) if line.startswith("STATUS")]
    assert len(told) == 2
    assert str(error) in told[0]
    assert told[1] == "STATUS=well again"


def test_the_watchdog_is_not_fed_more_often_than_it_needs(ear: socket.socket) -> None:
    notifier = Notifier()
    for _ in range(100):
        notifier.alive()
    assert heard(ear) == ["WATCHDOG=1"]


def test_a_status_of_several_lines_is_told_as_one(ear: socket.socket) -> None:
    notifier = Notifier()
    notifier.status("first\nsecond")
    notifier.status("first\nsecond")
    assert heard(ear) == ["STATUS=first second"]


def test_without_systemd_nothing_is_told_and_a_socket_that_is_gone_is_survived(
    monkeypatch: pytest.MonkeyPatch, short: Path
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().send("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(short / "gone"))
    Notifier().send("READY=1")


def test_the_socket_is_for_its_owner_and_group_and_replaces_a_dead_one(short: Path) -> None:
    path = short / "s"
    listen(path).close()  # left behind, as after a kill
    with listen(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_socket_path_too_long_or_of_no_folder_is_refused_in_words(short: Path) -> None:
    with pytest.raises(SettingsError, match="longer than the 107 bytes of a socket's path; use a shorter state"):
        listen(short / ("s" * 120))
    with pytest.raises(SettingsError, match="cannot be bound: No such file"):
        listen(short / "absent" / "s")


EVERY = timedelta(seconds=5)


def test_a_clock_that_was_set_back_puts_no_tick_off() -> None:
    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_job(print, Every(EVERY), id="tick", next_run_time=utc_now() + timedelta(minutes=10))
    scheduler.start(paused=True)
    try:
        keep_time(scheduler, EVERY)
        assert scheduler.get_job("tick").next_run_time <= utc_now()
    finally:
        scheduler.shutdown()


def test_a_tick_that_is_near_is_left_alone() -> None:
    scheduler, near = BackgroundScheduler(timezone=UTC), utc_now() + EVERY / 2
    scheduler.add_job(print, Every(EVERY), id="tick", next_run_time=near)
    scheduler.start(paused=True)
    try:
        keep_time(scheduler, EVERY)
        assert scheduler.get_job("tick").next_run_time == near
    finally:
        scheduler.shutdown()


def test_a_clock_that_jumps_by_decades_owes_one_tick() -> None:
    long_ago, now = datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert Every(EVERY).get_next_fire_time(long_ago, now) == now + EVERY


def test_a_request_whose_server_is_gone_is_waited_for() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def ingest() -> None:
        begun.set()
        go_on.wait(10)
        done.set()

    async def serve() -> None:
        asked = asyncio.create_task(to_thread.run_sync(ingest))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        asked.cancel()

    asyncio.run(serve())
    with ThreadPoolExecutor(1) as ending:
        ended = ending.submit(join_requests)
        assert not done.is_set()
        go_on.set()
        ended.result(timeout=10)
        assert done.is_set()
