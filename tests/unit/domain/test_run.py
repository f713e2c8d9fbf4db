"""A run is the fold of its journal: what follows what, and that a journal tells one story however it is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maintainer.domain.run import ATTEMPTS, Event, Kind, Phase, Run, Verdict, after, apply, replay

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = list(Phase)


def event(seq: int, kind: Kind, phase: Phase, verdict: Verdict | None = None, note: str = "") -> Event:
    return Event("r", seq, kind, phase, BEGIN + timedelta(seconds=seq), verdict, note)


def tell(*steps: tuple[Kind, Phase] | tuple[Kind, Phase, Verdict]) -> Run:
    """Return the run of these steps, numbered from 1."""
    return replay("r", [event(i, *step) for i, step in enumerate(steps, start=1)])


@st.composite
def journals(draw: st.DrawFn) -> list[Event]:
    """Make a journal as a machine writes it: the phase at hand is started, then ends, is cut short or paused."""
    run, events = Run("r"), list[Event]()
    for _ in range(draw(st.integers(0, 40))):
        if run.over:
            break
        endings = [Kind.FINISHED, Kind.FINISHED, Kind.FAILED, Kind.INTERRUPTED, Kind.PAUSED, Kind.PUT_OFF]
        kind = draw(st.sampled_from(endings)) if run.running else Kind.STARTED
        verdicts = [None, None, Verdict.REJECTED, Verdict.PROMOTED] if kind is Kind.FINISHED else [None]
        one = event(run.seq + 1, kind, run.phase, draw(st.sampled_from(verdicts)), f"note {run.seq + 1}")
        events.append(one)
        run = apply(run, one)
    return events


def test_a_run_goes_through_every_phase_in_order_and_is_then_over() -> None:
    seen, run = [Phase.COLLECT], Run("r")
    while not run.over:
        for kind in (Kind.STARTED, Kind.FINISHED):
            verdict = Verdict.PROMOTED if run.phase is Phase.PROMOTE and kind is Kind.FINISHED else None
            run = apply(run, event(run.seq + 1, kind, run.phase, verdict))
        seen += [] if run.over else [run.phase]
    assert seen == ORDER
    assert run.verdict is Verdict.PROMOTED


@given(journals())
def test_reading_a_journal_at_once_or_in_two_parts_tells_the_same(events: list[Event]) -> None:
    whole = replay("r", events)
    for cut in range(len(events) + 1):
        run = replay("r", events[:cut])
        for one in events[cut:]:
            run = apply(run, one)
        assert run == whole


@given(journals())
def test_the_first_verdict_and_its_reason_stay(events: list[Event]) -> None:
    runs = [replay("r", events[:cut]) for cut in range(len(events) + 1)]
    for before, now in pairwise(runs):
        if before.verdict is not None:
            assert (now.verdict, now.reason) == (before.verdict, before.reason)


@given(journals())
def test_phases_never_go_back_and_nothing_but_the_report_follows_a_verdict(events: list[Event]) -> None:
    runs = [replay("r", events[:cut]) for cut in range(len(events) + 1)]
    for before, now in pairwise(runs):
        assert ORDER.index(now.phase) >= ORDER.index(before.phase)
        assert now.verdict is None or now.phase is Phase.REPORT
        assert not (now.over and now.running)


@given(journals(), st.data())
def test_an_event_that_cannot_follow_is_refused(events: list[Event], data: st.DataObject) -> None:
    run = replay("r", events)
    good = event(run.seq + 1, Kind.STARTED, run.phase)
    gap = data.draw(st.integers(-5, 5).filter(bool))
    for bad in (replace(good, seq=good.seq + gap), replace(good, run="other")):
        with pytest.raises(ValueError, match="cannot follow"):
            apply(run, bad)
    if run.over:
        with pytest.raises(ValueError, match="cannot follow"):
            apply(run, good)


def test_an_interruption_costs_an_attempt_and_a_pause_none() -> None:
    begun = (Kind.STARTED, Phase.TRAIN)
    done = [(kind, phase) for phase in (Phase.COLLECT,) for kind in (Kind.STARTED, Kind.FINISHED)]
    paused = tell(*done, begun, (Kind.PAUSED, Phase.TRAIN), begun)
    cut = tell(*done, *[begun, (Kind.INTERRUPTED, Phase.TRAIN)] * ATTEMPTS)
    assert (paused.attempts, paused.running, paused.exhausted) == (0, True, False)
    assert (cut.attempts, cut.running, cut.exhausted) == (ATTEMPTS, False, True)
    assert cut.phase is Phase.TRAIN


def test_attempts_are_counted_for_each_phase_anew() -> None:
    run = tell(
        (Kind.STARTED, Phase.COLLECT),
        (Kind.INTERRUPTED, Phase.COLLECT),
        (Kind.STARTED, Phase.COLLECT),
        (Kind.FINISHED, Phase.COLLECT),
    )
    assert (run.phase, run.attempts) == (Phase.TRAIN, 0)


def test_a_failed_phase_fails_the_run_but_the_report_is_still_written() -> None:
    run = replay(
        "r", [event(1, Kind.STARTED, Phase.COLLECT), event(2, Kind.FAILED, Phase.COLLECT, note="disk is full")]
    )
    assert (run.verdict, run.reason, run.phase, run.over) == (Verdict.FAILED, "disk is full", Phase.REPORT, False)
    reported = apply(apply(run, event(3, Kind.STARTED, Phase.REPORT)), event(4, Kind.FINISHED, Phase.REPORT))
    assert (reported.over, reported.verdict, reported.reason) == (True, Verdict.FAILED, "disk is full")


def test_a_report_that_fails_does_not_change_the_verdict() -> None:
    run = tell((Kind.STARTED, Phase.GATE), (Kind.FINISHED, Phase.GATE, Verdict.REJECTED), (Kind.FAILED, Phase.REPORT))
    assert (run.over, run.verdict) == (True, Verdict.REJECTED)


def test_what_follows_a_phase() -> None:
    assert [after(phase, None) for phase in ORDER] == [*ORDER[1:], None]
    assert [after(phase, Verdict.FAILED) for phase in ORDER] == [Phase.REPORT] * (len(ORDER) - 1) + [None]
