from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from maintainer.daemon import operations as module
from maintainer.daemon.context import Context
from maintainer.daemon.machine import Outcome
from maintainer.daemon.operations import RETRY, RETRY_AT_MOST, Operations, Rest
from maintainer.daemon.starting import next_run
from maintainer.daemon.status import of_model
from maintainer.domain.policy import Policy, policy_hash
from maintainer.domain.run import Kind, Phase, Verdict
from maintainer.errors import ChildError, RefusedError, StoreError
from maintainer.settings import load
from maintainer.store import artifacts
from maintainer.store.control import CheckRecord, Crowning

POLICY = """\
version: 1
model: tiny
task: {kind: tabular-regression, label: y, time: at, features: {x: {type: number}}}
"""


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Stages:
    """Phases that meet a full disk while there is one."""

    full = True

    def perform(self, run_id: str, phase: Phase) -> Outcome:
        if self.full and phase is Phase.TRAIN:
            raise StoreError("no space left")
        return Outcome(phase, Verdict.PROMOTED if phase is Phase.PROMOTE else None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Stages:
    found = Stages()
    monkeypatch.setattr(Operations, "assembly", property(lambda self: found))
    return found


@pytest.fixture
def held(tmp_path: Path, clock: Clock) -> Iterator[Context]:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "tiny.yaml").write_text(POLICY)
    found = Context.open(load(state=tmp_path / "state", policies=tmp_path / "policies"), clock)
    found.load_policies()
    yield found
    found.close()


@pytest.fixture
def begin(held: Context) -> Callable[[], str]:
    def make() -> str:
        record = next_run(held, held.policy("tiny"), "a test")
        held.control.create_run(record)
        return record.id

    return make


def test_a_run_that_met_a_full_disk_rests_twice_as_long_each_time_and_then_goes_on(
    held: Context, clock: Clock, stages: Stages, begin: Callable[[], str]
) -> None:
    operations, run = Operations(held), begin()
    for _ in range(41):  # ten minutes
        operations.tick()
        clock.now += timedelta(seconds=15)
    begun = [e.happened_at for e in held.control.events(run) if e.kind is Kind.PUT_OFF]
    assert [later - former for former, later in pairwise(begun)] == [RETRY, 2 * RETRY, 4 * RETRY]
    stages.full = False
    clock.now += RETRY_AT_MOST
    operations.tick()
    assert held.control.state(run).verdict is Verdict.PROMOTED


def test_a_new_process_takes_a_paused_run_up_at_once(held: Context, stages: Stages, begin: Callable[[], str]) -> None:
    run = begin()
    Operations(held).tick()
    assert held.control.state(run).paused
    stages.full = False
    Operations(held).tick()
    assert held.control.state(run).verdict is Verdict.PROMOTED


def test_what_ends_in_the_background_is_told(held: Context, stages: Stages, begin: Callable[[], str]) -> None:
    stages.full, told = False, list[str]()
    with ThreadPoolExecutor(1) as runner:
        operations = Operations(held, runner, told.append)
        run = begin()
        operations.drive(run)
        operations.drive(run)  # driven already: not twice
    assert told == [f"run {run} promoted: promote"]
    assert [e.kind for e in held.control.events(run)].count("started") == len(Phase)


def test_a_second_run_of_a_model_is_refused_while_one_is_under_way(
    held: Context, stages: Stages, begin: Callable[[], str]
) -> None:
    run = begin()
    with pytest.raises(RefusedError, match=f"run {run} of tiny is under way"):
        begin()


def test_a_change_of_champion_that_was_cut_short_is_told_at_start_up(held: Context, clock: Clock) -> None:
    folder = held.model_dir("tiny")
    folder.mkdir(parents=True)
    artifacts.point_champion(folder, "v0001")
    held.control.crown(Crowning("tiny", "v0002", clock.now, "run tiny-0002", "maintainer", "promote"))
    assert Operations(held).recover() == ["v0001 serves tiny where the history said v0002; it says so now"]
    assert held.control.champions("tiny")[-1].version == "v0001"
    assert Operations(held).recover() == []


def test_a_promotion_that_was_cut_short_is_left_to_its_run(held: Context, begin: Callable[[], str]) -> None:
    run = begin()
    held.model_dir("tiny").mkdir(parents=True)
    artifacts.point_champion(held.model_dir("tiny"), "v0001")
    assert Operations(held).recover() == [f"run {run} goes on with collect"]
    assert held.control.champions("tiny") == []


@pytest.mark.parametrize(("ago", "due_in"), [(timedelta(days=-400), timedelta(0)), (timedelta(0), timedelta(hours=1))])
def test_a_check_from_the_future_makes_the_next_one_due_now(
    held: Context, clock: Clock, ago: timedelta, due_in: timedelta
) -> None:
    policy = held.policy("tiny")
    made = clock.now - ago
    held.control.add_check(CheckRecord("tiny-c000001", "tiny", 1, made, policy_hash(policy), "{}", "[]", "{}"))
    assert Operations(held).next_check(policy) == clock.now + due_in


def test_a_rest_is_an_hour_at_most_and_ends_when_the_clock_is_set_back(clock: Clock) -> None:
    rest = Rest.after(500, clock.now)
    assert rest.end - rest.begin == RETRY_AT_MOST
    assert rest.lasts(clock.now)
    assert not rest.lasts(clock.now - timedelta(seconds=1))


def test_a_start_by_hand_goes_on_with_the_run_that_was_paused(
    held: Context, stages: Stages, begin: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Context, "champion", lambda self, model: None)
    operations, run = Operations(held), begin()
    operations.tick()
    assert operations.paused_run("tiny") == run
    stages.full = False
    assert operations.start_run("tiny", "by hand", bootstrap=True) == run
    assert held.control.state(run).verdict is Verdict.PROMOTED
    assert operations.paused_run("tiny") is None
    assert operations.start_run("tiny", "by hand", bootstrap=True) != run


def test_a_check_that_fails_rests_longer_each_time_is_said_and_forgotten_once_one_is_made(
    held: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = SimpleNamespace(version="v0001", created_at=clock.now, metrics=dict[str, float]())
    monkeypatch.setattr(Context, "champion", lambda self, model: champion)
    tried: list[datetime] = []

    def hang(context: Context, policy: Policy, scheduled: bool) -> None:
        tried.append(context.clock())
        raise ChildError("no answer within 600 s")

    monkeypatch.setattr(module, "run_check", hang)
    operations = Operations(held)
    for _ in range(41):  # ten minutes
        operations.tick()
        clock.now += timedelta(seconds=15)
    assert [later - former for former, later in pairwise(tried)] == [RETRY, 2 * RETRY, 4 * RETRY]
    found = of_model(operations, "tiny")
    assert found["problem"] == "the check failed 4 times in a row, at last: no answer within 600 s"
    assert found["next_check"] == (tried[-1] + 8 * RETRY).isoformat()
    monkeypatch.setattr(module, "run_check", lambda *given: "checked")
    operations.check("tiny")
    assert of_model(operations, "tiny")["problem"] is None
