from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from maintainer.daemon import context as module
from maintainer.daemon.context import Context
from maintainer.daemon.notify import Pulse
from maintainer.settings import load

POLICY = """\
version: 1
model: tiny
task: {kind: tabular-regression, label: y, time: at, features: {x: {type: number}}}
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Context]:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "tiny.yaml").write_text(POLICY)
    settings = load(state=tmp_path / "state", policies=tmp_path / "policies")
    found = Context.open(settings, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    yield found
    found.close()


def test_unchanged_policy_files_are_not_read_again(held: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(held.load_policies()) == 1
    monkeypatch.setattr(module, "load_folder", lambda folder: pytest.fail("read again"))
    assert held.load_policies() == []


def test_an_edit_of_equal_size_and_time_is_noticed(held: Context, tmp_path: Path) -> None:
    held.load_policies()
    path = tmp_path / "policies" / "tiny.yaml"
    before = path.stat()
    path.write_text(POLICY.replace("{x:", "{z:"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert held.load_policies()[0].startswith("policy of tiny replaced")
    assert "z" in held.policies["tiny"].task.features


def test_a_bad_edit_keeps_the_former_policy_and_its_problem_until_it_is_mended(held: Context, tmp_path: Path) -> None:
    held.load_policies()
    path = tmp_path / "policies" / "tiny.yaml"
    path.write_text(POLICY + "mode: sideways\n")
    assert held.load_policies() == []
    assert held.load_policies() == []
    assert "sideways" in held.problems[0]
    assert held.policies["tiny"].mode == "auto"
    path.write_text(POLICY + "mode: observe\n")
    held.load_policies()
    assert (held.problems, held.policies["tiny"].mode) == ([], "observe")


def test_features_in_another_order_are_another_policy(held: Context, tmp_path: Path) -> None:
    path = tmp_path / "policies" / "tiny.yaml"
    path.write_text(POLICY.replace("{x:", "{w: {type: number}, x:"))
    held.load_policies()
    path.write_text(POLICY.replace("}}}", "}, w: {type: number}}}"))
    assert held.load_policies()[0].startswith("policy of tiny replaced")
    assert list(held.policies["tiny"].task.features) == ["x", "w"]


def test_what_a_policy_says_to_no_effect_is_told_when_it_is_taken_up(held: Context, tmp_path: Path) -> None:
    (tmp_path / "policies" / "tiny.yaml").write_text(POLICY + "train: {strategy: finetune, replay: {share: 0.2}}\n")
    assert held.load_policies()[1:] == ["policy of tiny: train.replay does nothing under strategy finetune"]
    assert held.load_policies() == []


def test_a_file_that_is_gone_withdraws_its_policy(held: Context, tmp_path: Path) -> None:
    held.load_policies()
    (tmp_path / "policies" / "tiny.yaml").unlink()
    assert held.load_policies() == ["policy of tiny withdrawn: its file is gone"]
    assert held.policies == {}


def test_a_doubted_folder_is_read_again(held: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    held.load_policies()
    read: list[Path] = []
    monkeypatch.setattr(module, "load_folder", lambda folder: read.append(folder) or (held.policies, []))
    held.doubt_policies()
    held.load_policies()
    assert len(read) == 1


def test_the_clock_and_the_api_may_ask_for_a_new_policy_at_once(held: Context) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(held.policy, ["tiny"] * 32))
    assert {policy.model for policy in found} == {"tiny"}


def test_the_watchdog_is_told_at_once_that_a_long_statement_is_no_hang_and_no_more_after_it(held: Context) -> None:
    told, count = threading.Event(), list[int]()

    def alive() -> None:
        count.append(1)
        told.set()

    held.alive = Pulse(alive)
    held.alive.begin()
    before = threading.active_count()
    with held.busy():
        assert told.wait(5)
    assert threading.active_count() == before and len(count) == 1


def test_only_the_thread_that_ticks_feeds_the_watchdog() -> None:
    fed: list[int] = []
    pulse = Pulse(lambda: fed.append(threading.get_ident()))

    def feed() -> None:
        pulse()
        with pulse.busy():
            pulse()

    feed()
    with ThreadPoolExecutor(1) as ticking:
        ticking.submit(pulse.begin).result()
        feed()
        assert fed == []
        ticking.submit(feed).result()
    assert len(fed) == 3
