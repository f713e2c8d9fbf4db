"""A run that is killed anywhere ends like the unharmed one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from maintainer.daemon import machine
from maintainer.daemon.machine import Outcome
from maintainer.domain.run import ATTEMPTS, PATIENCE, Event, Kind, Phase, Run, Verdict, replay
from maintainer.errors import (
    ChildError,
    InterruptedRunError,
    MaintainerError,
    RefusedError,
    StoreError,
    UnreadableError,
)

RUN = "m-0001"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

# what each phase leads to, by how the run ends
PATHS: dict[str, dict[Phase, Outcome | BaseException]] = {
    "promoted": {Phase.PROMOTE: Outcome("v0001 serves", Verdict.PROMOTED)},
    "rejected at train": {Phase.TRAIN: Outcome("no alpha inside the budget", Verdict.REJECTED)},
    "rejected at gate": {Phase.GATE: Outcome("worse on current", Verdict.REJECTED)},
    "failed": {Phase.COLLECT: RefusedError("no labels")},
    "failed at the end": {Phase.PROMOTE: RefusedError("another champion by now")},
}


class Killed(BaseException):
    """The process dies here: nothing of ours may catch it."""


class Faults:
    """A counter of places where the process may die; it dies at one of them."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.passed = at, 0

    def here(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise Killed


@dataclass
class Journal:
    """A journal in memory: its key is the compare-and-set; the process may die before and after each write."""

    rows: dict[tuple[str, int], Event] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)

    def append(self, event: Event) -> None:
        self.faults.here()
        if (event.run, event.seq) in self.rows:
            raise RefusedError(f"event {event.seq} of {event.run} was written already")
        self.rows[event.run, event.seq] = event
        self.faults.here()

    def events(self, run_id: str) -> list[Event]:
        return [event for (run, _), event in sorted(self.rows.items()) if run == run_id]

    def state(self, run_id: str) -> Run:
        return replay(run_id, self.events(run_id))


@dataclass
class Stages:
    """Phases that publish one thing each; the process may die before, amid and after their work."""

    path: dict[Phase, Outcome | BaseException]
    faults: Faults = field(default_factory=Faults)
    published: list[Phase] = field(default_factory=list)  # on disk: it outlives the process

    def perform(self, run_id: str, phase: Phase) -> Outcome:
        self.faults.here()
        led = self.path.get(phase, Outcome(f"{phase} done"))
        if isinstance(led, BaseException):
            raise led
        if phase not in self.published:
            self.faults.here()  # half of it written beside
            self.published.append(phase)  # the one rename
        self.faults.here()
        return led


def clock() -> Callable[[], datetime]:
    ticks = iter(range(10_000))
    return lambda: BEGIN + timedelta(seconds=next(ticks))


def run_to_the_end(journal: Journal, stages: Stages) -> Run:
    """What a daemon does from its start on."""
    tell = clock()
    machine.recover(journal, RUN, tell)
    return machine.advance(journal, RUN, stages, tell)


def unharmed(path: str) -> tuple[Run, list[Phase], int]:
    faults = Faults()
    journal, stages = Journal(faults=faults), Stages(PATHS[path], faults)
    return run_to_the_end(journal, stages), stages.published, faults.passed


def told(run: Run) -> tuple[Verdict | None, str, bool]:
    return run.verdict, run.reason, run.over


@pytest.mark.parametrize("path", PATHS)
def test_an_unharmed_run_ends_with_the_verdict_of_its_path_and_a_report(path: str) -> None:
    run, published, _ = unharmed(path)
    assert run.over
    assert run.verdict == path.split(" at ")[0]
    assert published[-1] is Phase.REPORT
    assert (Phase.PROMOTE in published) == (path == "promoted")


@pytest.mark.parametrize("path", PATHS)
def test_a_run_killed_at_any_write_or_inside_any_phase_ends_like_an_unharmed_one(path: str) -> None:
    whole, published, places = unharmed(path)
    for place in range(1, places + 1):
        faults = Faults(place)
        journal, stages = Journal(faults=faults), Stages(PATHS[path], faults)
        with pytest.raises(Killed):
            run_to_the_end(journal, stages)
        run = run_to_the_end(journal, stages)
        assert (place, told(run), stages.published) == (place, told(whole), published)


@pytest.mark.parametrize("path", ["promoted", "failed"])
def test_a_run_killed_at_any_two_places_ends_like_an_unharmed_one(path: str) -> None:
    whole, published, places = unharmed(path)
    for first in range(1, places + 1):
        for second in range(1, places + 1):
            faults = Faults(first)
            journal, stages = Journal(faults=faults), Stages(PATHS[path], faults)
            with pytest.raises(Killed):
                run_to_the_end(journal, stages)
            faults.at, faults.passed = second, 0
            try:
                run = run_to_the_end(journal, stages)
            except Killed:
                run = run_to_the_end(journal, stages)
            assert (first, second, told(run), stages.published) == (first, second, told(whole), published)


def test_three_interruptions_of_one_phase_fail_the_run_with_words() -> None:
    journal, deadly = Journal(), Stages({Phase.TRAIN: Killed()})
    for _ in range(ATTEMPTS):
        with pytest.raises(Killed):
            run_to_the_end(journal, deadly)
    run = run_to_the_end(journal, Stages(PATHS["promoted"]))
    reason = "train was cut short 3 times, at last: found running at start-up"
    assert (run.verdict, run.reason, run.over) == (Verdict.FAILED, reason, True)


def test_two_interruptions_of_one_phase_are_forgiven() -> None:
    journal, deadly = Journal(), Stages({Phase.TRAIN: Killed()})
    for _ in range(ATTEMPTS - 1):
        with pytest.raises(Killed):
            run_to_the_end(journal, deadly)
    assert run_to_the_end(journal, Stages(PATHS["promoted"])).verdict is Verdict.PROMOTED


def test_a_child_that_keeps_dying_fails_the_run_after_three_attempts_and_is_reported() -> None:
    journal, stages = Journal(), Stages({Phase.TRAIN: ChildError("out of memory")})
    run = run_to_the_end(journal, stages)
    assert (run.verdict, run.reason) == (Verdict.FAILED, "train was cut short 3 times, at last: out of memory")
    notes = [event.note for event in journal.events(RUN) if event.kind is Kind.INTERRUPTED]
    assert notes == ["out of memory"] * ATTEMPTS
    assert stages.published == [Phase.COLLECT, Phase.REPORT]


@pytest.mark.parametrize(
    ("cause", "times"),
    [(InterruptedRunError("asked to stop"), PATIENCE + 9), (StoreError("the disk is full"), PATIENCE)],
)
def test_a_pause_costs_no_attempt(cause: MaintainerError, times: int) -> None:
    journal, stages = Journal(), Stages({Phase.TRAIN: cause})
    for _ in range(times):
        run = run_to_the_end(journal, stages)
        assert (run.paused, run.attempts, run.phase, run.over) == (True, 0, Phase.TRAIN, False)
    stages.path = PATHS["promoted"]
    assert run_to_the_end(journal, stages).verdict is Verdict.PROMOTED


def test_a_store_that_stays_silent_fails_the_run_in_the_end() -> None:
    journal, stages = Journal(), Stages({Phase.TRAIN: StoreError("the disk is full")})
    for _ in range(PATIENCE + ATTEMPTS):
        assert not run_to_the_end(journal, stages).over
    run = run_to_the_end(journal, stages)
    assert (run.over, run.reason) == (True, "train was cut short 3 times, at last: the disk is full")


def test_what_waiting_does_not_mend_fails_the_run_at_once() -> None:
    run = run_to_the_end(Journal(), Stages({Phase.TRAIN: UnreadableError("a checksum is wrong")}))
    assert (run.over, run.reason) == (True, "train was cut short 3 times, at last: a checksum is wrong")


def test_a_pause_between_interruptions_keeps_their_count() -> None:
    journal, stages = Journal(), Stages({})
    machine.advance(journal, RUN, Stages({Phase.COLLECT: InterruptedRunError("stop")}), clock())
    for cause in (ChildError("died"), InterruptedRunError("stop"), ChildError("died")):
        run = machine.step(journal, journal.state(RUN), Stages({Phase.COLLECT: cause}), clock())
    assert run.attempts == 2
    assert run_to_the_end(journal, stages).over


@pytest.mark.parametrize("defect", [ValueError("odd"), KeyError("absent"), RecursionError(), MemoryError()])
def test_a_defect_in_a_phase_does_not_escape(defect: Exception) -> None:
    journal = Journal()
    run = run_to_the_end(journal, Stages({Phase.GATE: defect}))
    assert run.verdict is Verdict.FAILED
    assert type(defect).__name__ in next(e.note for e in journal.events(RUN) if e.kind is Kind.INTERRUPTED)


def test_a_failing_report_ends_the_run_and_keeps_its_verdict() -> None:
    path = {**PATHS["promoted"], Phase.REPORT: RefusedError("no room")}
    run = run_to_the_end(Journal(), Stages(path))
    assert (run.over, run.verdict, run.reason) == (True, Verdict.PROMOTED, "v0001 serves")


def test_the_second_of_two_machines_on_one_journal_is_refused_and_does_nothing() -> None:
    journal, first, second = Journal(), Stages({}), Stages({})
    seen = journal.state(RUN)  # both look before either acts
    machine.step(journal, seen, first, clock())
    with pytest.raises(RefusedError, match="written already"):
        machine.step(journal, seen, second, clock())
    assert (first.published, second.published) == ([Phase.COLLECT], [])


def test_a_machine_that_was_taken_over_amid_a_phase_cannot_note_its_end() -> None:
    journal = Journal()

    class Slow(Stages):
        def perform(self, run_id: str, phase: Phase) -> Outcome:
            machine.recover(journal, run_id, clock())  # the other process believes this one dead
            return super().perform(run_id, phase)

    with pytest.raises(RefusedError, match="written already"):
        machine.step(journal, journal.state(RUN), Slow({}), clock())


def test_a_journal_that_cannot_be_written_leaves_the_run_to_be_done_later() -> None:
    class Full(Journal):
        def append(self, event: Event) -> None:
            if event.kind is Kind.FINISHED and not self.rows.get((event.run, 99)):
                raise StoreError("no room")
            super().append(event)

    journal, stages = Full(), Stages(PATHS["promoted"])
    with pytest.raises(StoreError):
        machine.advance(journal, RUN, stages, clock())
    whole = Journal(journal.rows)
    assert machine.advance(whole, RUN, stages, clock()).verdict is Verdict.PROMOTED
    assert stages.published == list(Phase)


def test_a_run_that_is_over_is_left_as_it_is() -> None:
    journal, stages = Journal(), Stages(PATHS["promoted"])
    run = run_to_the_end(journal, stages)
    before = dict(journal.rows)
    assert run_to_the_end(journal, stages) == run
    assert journal.rows == before
