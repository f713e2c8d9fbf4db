"""A trigger over many checks: when it fires, how long it stays fired, and when it fires again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from maintainer.decide.triggers import assess, assess_all, rearm, spend
from maintainer.domain.evidence import Finding, TriggerMode, TriggerState
from maintainer.domain.policy import Policy, Trigger

QUIET, FIRED, SPENT = TriggerMode.QUIET, TriggerMode.FIRED, TriggerMode.SPENT
ADAPTER: TypeAdapter[Trigger] = TypeAdapter(Trigger)


def made(**keys: Any) -> Trigger:
    return ADAPTER.validate_python({"name": "t", "metric": "drift.share"} | keys)


def seen(trigger: Trigger, values: Sequence[float | None], state: TriggerState | None = None) -> list[Finding]:
    """Return the findings of one check after another; None is a check without the metric."""
    state, found = state or TriggerState(), list[Finding]()
    for value in values:
        found.append(assess(trigger, {} if value is None else {trigger.metric: value}, state, {}))
        state = found[-1].state
    return found


def modes(trigger: Trigger, values: Sequence[float | None], state: TriggerState | None = None) -> list[TriggerMode]:
    return [finding.state.mode for finding in seen(trigger, values, state)]


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 6), st.integers(0, 5))
def test_m_of_n_fires_at_the_very_check_a_count_by_hand_says(held: list[bool], m: int, more: int) -> None:
    n = m + more
    trigger = made(above=0.5, **{"for": f"{m} of {n}"})
    found = modes(trigger, [0.9 if holds else 0.1 for holds in held])
    by_hand = next((i for i in range(len(held)) if sum(held[max(0, i + 1 - n) : i + 1]) >= m), None)
    assert (found.index(FIRED) if FIRED in found else None) == by_hand


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 4), st.integers(0, 3))
def test_after_clearing_the_count_begins_anew(held: list[bool], m: int, more: int) -> None:
    n = m + more
    trigger = made(above=0.5, **{"for": f"{m} of {n}"})
    mode, recent, expected = QUIET, list[bool](), list[TriggerMode]()
    for holds in held:
        if mode is FIRED and not holds:
            mode, recent = QUIET, []
        else:
            recent = [*recent, holds][-n:]
            mode = FIRED if mode is FIRED or sum(recent) >= m else QUIET
        expected.append(mode)
    assert modes(trigger, [0.9 if holds else 0.1 for holds in held]) == expected


@given(st.lists(st.floats(0.21, 0.5), min_size=1, max_size=50))
def test_a_score_that_dances_on_the_limit_fires_once(values: list[float]) -> None:
    trigger, state, fired = made(above=0.3, clear_below=0.2), TriggerState(), 0
    for value in values:
        state = assess(trigger, {"drift.share": value}, state, {}).state
        if state.mode is FIRED:
            fired, state = fired + 1, spend(state, 0)
    assert fired == int(any(value > 0.3 for value in values))


def test_between_the_limit_and_clear_below_it_stays_as_it_is_and_past_it_clears() -> None:
    trigger = made(above=0.3, clear_below=0.2)
    assert modes(trigger, [0.25, 0.31, 0.25, 0.2, 0.25, 0.31]) == [QUIET, FIRED, FIRED, QUIET, QUIET, FIRED]


def test_without_clear_below_the_limit_itself_clears() -> None:
    assert modes(made(above=0.3), [0.31, 0.3, 0.31]) == [FIRED, QUIET, FIRED]
    assert modes(made(metric="contract.quarantine_share", above=0), [0.1, 0.0]) == [FIRED, QUIET]


def test_a_below_trigger_is_the_mirror_of_an_above_trigger() -> None:
    trigger = made(metric="labels.coverage", below=0.3, clear_above=0.5)
    assert modes(trigger, [0.4, 0.29, 0.4, 0.5, 0.4]) == [QUIET, FIRED, FIRED, QUIET, QUIET]


@given(st.floats(0.0, 1.0), st.floats(0.01, 0.99))
def test_above_and_below_never_hold_together(value: float, limit: float) -> None:
    above, below = (
        assess(made(**{word: limit}), {"drift.share": value}, TriggerState(), {}) for word in ("above", "below")
    )
    assert (above.holds, below.holds) == (value > limit, value < limit)


@pytest.mark.parametrize(
    ("metric", "before", "after", "loss"),
    [
        ("accuracy", 0.9, 0.85, 0.05),
        ("accuracy", 0.9, 0.95, -0.05),
        ("f1_macro", 0.8, 0.7, 0.1),
        ("mae", 40.0, 50.0, 0.25),
        ("r2", 0.8, 0.7, 0.1),
    ],
)
def test_a_drop_is_what_was_lost_against_the_champions_own_holdout(
    metric: str, before: float, after: float, loss: float
) -> None:
    trigger = made(metric=f"quality.{metric}", drop=0.04)
    finding = assess(trigger, {f"quality.{metric}": after}, TriggerState(), {metric: before})
    assert finding.value == pytest.approx(loss)
    assert finding.holds is (loss > 0.04)


def test_a_drop_without_a_baseline_has_no_data() -> None:
    finding = assess(
        made(metric="quality.accuracy", drop=0.04), {"quality.accuracy": 0.1}, TriggerState(), {"ece": 1.0}
    )
    assert (finding.value, finding.holds) == (None, False)


@pytest.mark.parametrize("nothing", [None, float("nan")])
@pytest.mark.parametrize(
    ("no_data", "expected"), [("keep", [FIRED, FIRED]), ("clear", [FIRED, QUIET]), ("fire", [FIRED, FIRED])]
)
def test_a_check_without_data_keeps_clears_or_fires(nothing: float | None, no_data: str, expected: object) -> None:
    assert modes(made(above=0.3, no_data=no_data), [0.4, nothing]) == expected


def test_without_data_a_quiet_trigger_fires_only_if_told_to() -> None:
    found = {word: modes(made(above=0.3, no_data=word), [None] * 2)[-1] for word in ("keep", "clear", "fire")}
    assert found == {"keep": QUIET, "clear": QUIET, "fire": FIRED}


@given(st.lists(st.floats(0, 1), max_size=10), st.integers(0, 5))
def test_kept_checks_without_data_are_as_if_they_had_not_been(values: list[float], gaps: int) -> None:
    trigger = made(above=0.5, **{"for": "2 of 3"})
    padded = [piece for value in values for piece in (*[None] * gaps, value)]
    last = seen(trigger, values)[-1].state if values else TriggerState()
    assert (seen(trigger, padded)[-1].state if padded else TriggerState()) == last


def test_a_run_spends_a_fired_trigger_until_its_metric_clears() -> None:
    trigger = made(above=0.3, clear_below=0.2)
    spent = spend(seen(trigger, [0.4])[-1].state, 100)
    assert (spent.mode, spent.labels_at_run) == (SPENT, 100)
    assert modes(trigger, [0.4, 0.25, 0.1, 0.4], spent) == [SPENT, SPENT, QUIET, FIRED]


def test_a_run_leaves_quiet_triggers_alone() -> None:
    state = seen(made(above=0.3, **{"for": "2 of 3"}), [0.4])[-1].state
    assert spend(state, 100) == state


@given(st.integers(0, 1000), st.integers(1, 500), st.integers(0, 1000))
def test_a_spent_trigger_fires_again_exactly_when_enough_labels_are_new(at_run: int, needed: int, new: int) -> None:
    spent = TriggerState(SPENT, (True,), at_run)
    assert rearm(made(above=0.5), spent, at_run + new, needed).mode is (FIRED if new >= needed else SPENT)


def test_new_labels_do_not_fire_a_trigger_that_no_longer_holds() -> None:
    trigger = made(above=0.5, **{"for": "1 of 2"})
    for state in (TriggerState(SPENT, (True, False), 0), TriggerState(), TriggerState(FIRED, (True,), 0)):
        assert rearm(trigger, state, 10_000, 1) == state


def test_one_check_in_five_does_not_fire_a_trigger_of_three_of_five_again() -> None:
    trigger = made(above=0.3, clear_below=0.2, **{"for": "3 of 5"})
    spent = spend(seen(trigger, [0.4, 0.4, 0.4])[-1].state, 0)
    dancing = seen(trigger, [0.25] * 4 + [0.4], spent)[-1].state
    assert dancing.recent == (False, False, False, False, True)
    assert rearm(trigger, dancing, 10_000, 1).mode is SPENT
    steady = seen(trigger, [0.4, 0.4], dancing)[-1].state
    assert rearm(trigger, steady, 10_000, 1).mode is FIRED


def test_all_triggers_of_a_policy_are_assessed_with_their_own_state_and_the_rest_forgotten() -> None:
    policy = Policy.model_validate(
        {
            "version": 1,
            "model": "m",
            "task": {"kind": "tabular-classification", "features": {"a": {"type": "number"}}, "label": "y"},
            "triggers": [
                {"name": "drift", "metric": "drift.share", "above": 0.3},
                {"name": "drop", "metric": "quality.accuracy", "drop": 0.05},
                {"name": "old", "metric": "champion.age", "above": "30d"},
            ],
            "run": {"needs": {"labels": 50}},
        }
    )
    states = {"drift": TriggerState(SPENT, (True,), 100), "gone": TriggerState(FIRED)}
    values = {"drift.share": 0.4, "quality.accuracy": 0.8, "champion.age": 86_400.0}
    few = assess_all(policy, values, states, {"accuracy": 0.9}, labels_known=149)
    enough = assess_all(policy, values, states, {"accuracy": 0.9}, labels_known=150)
    assert [finding.trigger for finding in few] == ["drift", "drop", "old"]
    assert [finding.state.mode for finding in few] == [SPENT, FIRED, QUIET]
    assert [finding.state.mode for finding in enough] == [FIRED, FIRED, QUIET]
    assert "fired again after 50 new labels" in enough[0].sentence


@pytest.mark.parametrize(
    ("keys", "value", "sentence"),
    [
        ({"above": 0.3}, 0.4, "drift.share is 0.4, above 0.3, fired"),
        ({"above": 0.3}, 0.2, "drift.share is 0.2, not above 0.3"),
        ({"above": 0.3}, None, "drift.share has no data (keep)"),
        ({"metric": "champion.age", "above": "30d"}, 40 * 86_400.0, "champion.age is 40 days, above 30 days, fired"),
        ({"metric": "labels.new", "above": 5000}, 12345.0, "labels.new is 12345, above 5000, fired"),
    ],
)
def test_a_finding_says_in_words_what_was_found(keys: dict[str, Any], value: float | None, sentence: str) -> None:
    assert seen(made(**keys), [value])[0].sentence == sentence


def test_a_state_survives_being_kept_as_json() -> None:
    states = TypeAdapter(TriggerState)
    state = spend(seen(made(above=0.3, **{"for": "2 of 3"}), [0.4, 0.4])[-1].state, 7)
    assert states.validate_json(states.dump_json(state)) == state


def test_a_trigger_above_auto_holds_while_the_score_is_above_its_own_limit():
    trigger = made(metric="drift.score.a", above="auto")
    state = TriggerState()
    for score, limit, fired in ((0.2, 0.3, False), (0.2, 0.1, True), (0.2, 0.15, True), (0.1, 0.15, False)):
        finding = assess(trigger, {"drift.score.a": score, "limit of drift.score.a": limit}, state, {})
        assert (finding.state.mode is TriggerMode.FIRED) is fired
        assert finding.limit == limit
        state = finding.state
    assert "not above its own limit, 0.15" in finding.sentence
