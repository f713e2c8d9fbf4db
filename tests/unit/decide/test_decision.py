"""From findings to a decision: when a run starts, and what is said when it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from maintainer.decide.decision import RunFacts, decide, still_missing, wait
from maintainer.decide.triggers import assess_all, spend
from maintainer.domain.evidence import Finding, Outlook, TriggerMode, TriggerState
from maintainer.domain.policy import Policy

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
FIRED = TriggerState(TriggerMode.FIRED, (True,))


def policy(**changes: Any) -> Policy:
    """Return a policy with one trigger, a cool-down of 6 h and 3 runs per week, and changes at its root."""
    run = {"needs": {"labels": 200}, "cooldown": "6h", "budget": {"runs": 3, "per": "7d"}}
    task = {"kind": "tabular-classification", "features": {"a": {"type": "number"}}, "label": "y"}
    triggers = [{"name": "moved", "metric": "drift.share", "above": 0.3, "clear_below": 0.2}]
    return Policy.model_validate({"version": 1, "model": "m", "task": task, "triggers": triggers, "run": run} | changes)


def finding(name: str = "moved", state: TriggerState = FIRED) -> Finding:
    return Finding(name, "drift.share", 0.4, 0.3, True, state, f"{name} is 0.4, above 0.3, fired")


def facts(starts: Sequence[datetime] = (), labels: int = 500, running: bool = False, champion: bool = True) -> RunFacts:
    return RunFacts(labels_available=labels, run_starts=tuple(starts), running=running, champion=champion)


def test_a_fired_trigger_starts_a_run_and_says_why() -> None:
    decision = decide(policy(), [finding()], facts(), BEGIN)
    assert decision.start
    assert decision.triggers == ("moved",)
    assert decision.reason == "moved fired: moved is 0.4, above 0.3."


def test_a_trigger_that_has_not_fired_or_is_spent_starts_nothing() -> None:
    spent = TriggerState(TriggerMode.SPENT, (True,), 5)
    for state, said in ((TriggerState(), "No trigger has fired."), (spent, "a run was started for moved")):
        decision = decide(policy(), [finding(state=state)], facts(), BEGIN)
        assert not decision.start and said in decision.reason and decision.triggers == ()


def test_without_a_champion_or_beside_a_running_run_nothing_starts() -> None:
    for known, said in ((facts(champion=False), "bootstrap"), (facts(running=True), "going on already")):
        decision = decide(policy(), [finding()], known, BEGIN)
        assert not decision.start and said in decision.reason


def test_what_it_waits_for_is_said_with_numbers_and_until_when() -> None:
    starts = [BEGIN - timedelta(days=6), BEGIN - timedelta(days=2), BEGIN - timedelta(hours=1)]
    decision = decide(policy(), [finding()], facts(starts, labels=120), BEGIN)
    assert not decision.start
    assert decision.triggers == ("moved",)
    assert decision.reason == (
        "moved fired, but waits for labels (120 of the 200 needed) and the cool-down of 6h until 2026-01-01 05:00 UTC "
        "(last run 2025-12-31 23:00 UTC) and the budget (3 of 3 runs per 7d) until 2026-01-02 00:00 UTC."
    )


def test_waiting_ends_exactly_when_it_was_said_to() -> None:
    starts = [BEGIN, BEGIN + timedelta(days=1), BEGIN + timedelta(days=2)]
    for starts_so_far, until in ((starts[:1], BEGIN + timedelta(hours=6)), (starts, BEGIN + timedelta(days=7))):
        for early, expected in ((timedelta(microseconds=1), False), (timedelta(0), True)):
            assert decide(policy(), [finding()], facts(starts_so_far), until - early).start is expected


def test_a_budget_that_was_lowered_waits_until_enough_runs_are_past() -> None:
    starts = [BEGIN + timedelta(days=day) for day in range(5)]  # five, and now only three are allowed in a week
    now = BEGIN + timedelta(days=5)
    assert "(5 of 3 runs per 7d) until 2026-01-10 00:00 UTC" in decide(policy(), [finding()], facts(starts), now).reason
    assert decide(policy(), [finding()], facts(starts), BEGIN + timedelta(days=9)).start


def test_the_labels_needed_are_enough() -> None:
    assert [decide(policy(), [finding()], facts(labels=n), BEGIN).start for n in (199, 200)] == [False, True]


def test_observe_says_what_it_would_have_done() -> None:
    observing = policy(mode="observe")
    would_start = decide(observing, [finding()], facts(), BEGIN)
    would_wait = decide(observing, [finding()], facts(labels=0), BEGIN)
    assert "would start a run now" in would_start.reason and "observe" in would_start.reason
    assert "would wait for labels (0 of the 200 needed)" in would_wait.reason


def test_a_moment_is_said_in_utc_whatever_zone_it_comes_in() -> None:
    local = BEGIN.astimezone(timezone(timedelta(hours=10)))
    assert (
        decide(policy(), [finding()], facts([local]), local).reason
        == decide(policy(), [finding()], facts([BEGIN]), BEGIN).reason
    )


STATES = st.builds(TriggerState, st.sampled_from(TriggerMode))
FINDINGS = st.lists(STATES, max_size=5).map(lambda states: [finding(f"t{i}", s) for i, s in enumerate(states)])
PAST = st.lists(st.integers(0, 20 * 24).map(lambda hours: BEGIN - timedelta(hours=hours)), max_size=6)
FACTS = st.builds(facts, PAST, st.integers(0, 400), st.booleans(), st.booleans())


@given(FINDINGS, FACTS, st.randoms())
def test_the_order_of_triggers_and_of_former_runs_changes_nothing(
    found: list[Finding], known: RunFacts, random: Any
) -> None:
    decision = decide(policy(), found, known, BEGIN)
    starts = list(known.run_starts)
    random.shuffle(found)
    random.shuffle(starts)
    turned = facts(starts, known.labels_available, known.running, known.champion)
    assert decide(policy(), found, turned, BEGIN) == decision


@given(FINDINGS, FACTS)
def test_observe_never_starts(found: list[Finding], known: RunFacts) -> None:
    assert not decide(policy(mode="observe"), found, known, BEGIN).start


@given(FINDINGS, FACTS)
def test_every_decision_is_one_sentence(found: list[Finding], known: RunFacts) -> None:
    reason = decide(policy(), found, known, BEGIN).reason
    assert reason[-1] == "." and ". " not in reason and "\n" not in reason


@given(FINDINGS, FACTS)
def test_a_run_starts_exactly_when_something_fired_and_nothing_is_in_its_way(
    found: list[Finding], known: RunFacts
) -> None:
    week = [start for start in known.run_starts if start > BEGIN - timedelta(days=7)]
    rested = all(start <= BEGIN - timedelta(hours=6) for start in known.run_starts)
    free = known.champion and not known.running and known.labels_available >= 200 and rested and len(week) < 3
    fired = any(f.state.mode is TriggerMode.FIRED for f in found)
    assert decide(policy(), found, known, BEGIN).start is (free and fired)


def simulate(rules: Policy, scores: list[float], gaps: list[int], labels_per_check: int) -> list[datetime]:
    """Run checks over drift scores, starting a run whenever it is decided; return when runs started."""
    now, states, starts, labels = BEGIN, dict[str, TriggerState](), list[datetime](), 0
    for score, gap in zip(scores, gaps, strict=False):
        now, labels = now + timedelta(minutes=gap), labels + labels_per_check
        found = assess_all(rules, {"drift.share": score}, states, {}, labels)
        decision = decide(rules, found, facts(starts, labels), now)
        states = {f.trigger: spend(f.state, labels) if decision.start else f.state for f in found}
        starts += [now] if decision.start else []
    return starts


SCORES = st.lists(st.sampled_from([0.1, 0.25, 0.35, 0.9]), min_size=20, max_size=120)
GAPS = st.lists(st.integers(1, 2000), min_size=120, max_size=120)


@given(SCORES, GAPS, st.sampled_from([0, 10, 100, 500]))
def test_never_more_runs_than_the_budget_in_any_span_and_never_two_within_the_cooldown(
    scores: list[float], gaps: list[int], labels_per_check: int
) -> None:
    starts = simulate(policy(), scores, gaps, labels_per_check)
    assert all(later - earlier >= timedelta(hours=6) for earlier, later in pairwise(starts))
    for first in starts:
        assert sum(first <= start < first + timedelta(days=7) for start in starts) <= 3


@given(st.lists(st.sampled_from([0.21, 0.25, 0.29, 0.31, 0.35]), min_size=20, max_size=60))
def test_a_score_that_dances_on_the_limit_starts_one_run(scores: list[float]) -> None:
    rules = policy(run={"needs": {"labels": 1}, "cooldown": "1s", "budget": {"runs": 1000, "per": "1d"}})
    states, started = dict[str, TriggerState](), 0
    for i, score in enumerate(scores):  # the same labels at every check: nothing new to learn from
        found = assess_all(rules, {"drift.share": score}, states, {}, 100)
        decision = decide(rules, found, facts(labels=100), BEGIN + timedelta(minutes=i))
        states = {f.trigger: spend(f.state, 100) if decision.start else f.state for f in found}
        started += decision.start
    assert started == int(any(score > 0.3 for score in scores))


def test_a_rejected_attempt_is_tried_again_only_with_something_new_to_learn_from() -> None:
    rules = policy(run={"needs": {"labels": 200}, "cooldown": "1s", "budget": {"runs": 1000, "per": "1d"}})
    starts = simulate(rules, [0.9] * 20, [60] * 20, 100)
    hours = [int((start - BEGIN) / timedelta(hours=1)) for start in starts]
    assert hours == list(range(2, 21, 2))  # 100 labels an hour, 200 for each attempt


# --- a run that could not pass its gates

HOPELESS = Outlook("too few labels: superior accuracy", BEGIN, labels_known=1000, labels_wanted=300)


def seen(come: int = 0, starts: Sequence[datetime] = ()) -> RunFacts:
    return replace(facts(starts), labels_known=1000 + come, outlook=HOPELESS)


def test_a_run_that_nobody_could_pass_is_put_off_and_the_trigger_stays_fired() -> None:
    decision = wait(decide(policy(), [finding()], facts(), BEGIN), HOPELESS)
    assert not decision.start and decision.triggers == ("moved",) and decision.outlook == HOPELESS
    assert decision.reason == "moved fired, but waits for labels: too few labels: superior accuracy."


def test_nothing_is_looked_at_again_before_the_labels_that_it_waits_for_have_come() -> None:
    later = BEGIN + timedelta(hours=1)
    for come, start in ((0, False), (299, False), (300, True), (5000, True)):
        decision = decide(policy(), [finding()], seen(come), later)
        assert decision.start is start
        if not start:
            assert decision.outlook == HOPELESS  # for the check after this one
            told = (
                f"waits for labels ({come} of about 300 have come since 2026-01-01 00:00 UTC: too few labels: superior"
            )
            assert told in decision.reason


def test_a_quarter_of_the_window_later_it_is_looked_at_again_without_a_label_more() -> None:
    quarter = timedelta(days=7) / 4
    for passed, start in ((quarter - timedelta(seconds=1), False), (quarter, True)):
        assert decide(policy(), [finding()], seen(), BEGIN + passed).start is start
    assert still_missing(policy(), HOPELESS, 1100, BEGIN) == 200
    assert still_missing(policy(), HOPELESS, 1100, BEGIN + quarter) == 0


def test_what_it_waits_for_outlives_a_cool_down_and_ends_with_the_trigger() -> None:
    decision = decide(policy(), [finding()], seen(300, [BEGIN]), BEGIN + timedelta(hours=1))
    assert "waits for the cool-down" in decision.reason and decision.outlook == HOPELESS
    assert decide(policy(), [finding(state=TriggerState())], seen(), BEGIN).outlook is None
