"""One trigger against the evidence of one check: whether its limit is passed, and where the trigger stands then.

A trigger fires when m of its last n checks hold. It stays fired until its metric clears: at its limit, or further at
`clear_below` (`clear_above`), so that a score which dances on the limit fires once. Clearing forgets the checks so far.
A run that is started for it makes it spent; spent is quiet again once the metric clears, and fired again when the rule
still holds and enough labels came since that run that a second attempt has something new to learn from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from math import inf, isnan
from typing import assert_never

from maintainer.domain.evidence import BLIND, Finding, TriggerMode, TriggerState
from maintainer.domain.metrics import lost
from maintainer.domain.policy import AboveTrigger, AutoTrigger, BelowTrigger, DropTrigger, Policy, Trigger
from maintainer.domain.triggers import ESTIMATED, SPANS
from maintainer.domain.values import figure_of

DAY = 86_400.0  # seconds
LIMIT = "limit of "  # before the name of a score: its own limit


@dataclass(frozen=True, slots=True)
class Measure:
    """What a trigger sees in one check."""

    value: float | None  # None: no data
    limit: float
    holds: bool
    clear: bool  # past the limit, or past clear_below (clear_above), on the quiet side
    words: str  # "above", "below", "lost more than"


def assess_all(
    policy: Policy,
    values: Mapping[str, float],  # evidence name -> figure, LIMIT name -> a score's own; without data absent
    states: Mapping[str, TriggerState],  # trigger -> what it remembers; quiet where absent
    baseline: Mapping[str, float],  # metric -> the figure that the champion is held to
    labels_known: int,  # labels that have ever arrived, as `spend` was told
) -> tuple[Finding, ...]:
    """Return the finding of every trigger of a policy, in its order."""
    found: list[Finding] = []
    for trigger in policy.triggers:
        finding = assess(trigger, values, states.get(trigger.name, TriggerState()), baseline)
        state = rearm(trigger, finding.state, labels_known, policy.run.needs.labels)
        news = labels_known - finding.state.labels_at_run
        again = f", fired again after {news} new labels" if state is not finding.state else ""
        found.append(replace(finding, state=state, sentence=finding.sentence + again))
    return tuple(found)


def assess(
    trigger: Trigger, values: Mapping[str, float], state: TriggerState, baseline: Mapping[str, float]
) -> Finding:
    """Hold one trigger against a check's figures; the value of a drop is what was lost against the baseline."""
    measure = _measure(trigger, values, baseline)
    after = _step(trigger, measure, state)
    return Finding(
        trigger=trigger.name,
        metric=trigger.metric,
        value=measure.value,
        limit=measure.limit,
        holds=measure.holds,
        state=after,
        sentence=_sentence(trigger, measure, after),
    )


def rearm(trigger: Trigger, state: TriggerState, labels_known: int, needed: int) -> TriggerState:
    """Return a spent trigger fired again, where its rule still holds and enough labels came since its run.

    The rule still holds when the last counted check did, and m of the last n.
    """
    holds = state.recent[-1:] == (True,) and sum(state.recent) >= trigger.for_[0]
    if state.mode is TriggerMode.SPENT and holds and labels_known - state.labels_at_run >= needed:
        return replace(state, mode=TriggerMode.FIRED)
    return state


def spend(state: TriggerState, labels_known: int) -> TriggerState:
    """Return the state after a run was started, with the labels known at that moment; a quiet trigger stays quiet."""
    if state.mode is TriggerMode.QUIET:
        return state
    return replace(state, mode=TriggerMode.SPENT, labels_at_run=labels_known)


def _measure(trigger: Trigger, values: Mapping[str, float], baseline: Mapping[str, float]) -> Measure:
    value = _known(values.get(trigger.metric))
    match trigger:
        case AboveTrigger(above=limit, clear_below=clear):
            return _upward(value, figure_of(limit), clear, "above")
        case AutoTrigger(clear_below=clear):
            limit = values.get(f"{LIMIT}{trigger.metric}", inf)
            return _upward(value, limit, clear, "above its own limit,")
        case BelowTrigger(clear_above=clear):
            limit = figure_of(trigger.below)
            past = limit if clear is None else figure_of(clear)
            holds = value is not None and value < limit
            return Measure(value, limit, holds, value is not None and value >= past, "below")
        case DropTrigger(drop=limit, clear_below=clear):
            metric = trigger.metric.removeprefix("quality.")
            before = _known(baseline.get(metric))
            loss = None if value is None or before is None else _known(lost(metric, before, value))
            return _upward(loss, limit, clear, "lost more than")
        case _:
            assert_never(trigger)


def _known(value: float | None) -> float | None:
    return None if value is None or isnan(value) else value


def _upward(value: float | None, limit: float, clear: float | timedelta | None, words: str) -> Measure:
    past = limit if clear is None else figure_of(clear)
    return Measure(value, limit, value is not None and value > limit, value is not None and value <= past, words)


def _step(trigger: Trigger, measure: Measure, state: TriggerState) -> TriggerState:
    """Return where the trigger stands after one more check."""
    holds, clear = measure.holds, measure.clear
    if measure.value is None:
        match trigger.no_data:
            case "keep":
                return state
            case "clear":
                holds, clear = False, True
            case "fire":
                holds, clear = True, False
            case _:
                assert_never(trigger.no_data)
    if state.mode is not TriggerMode.QUIET and clear:
        return TriggerState()
    m, n = trigger.for_
    recent = (*state.recent, holds)[-n:]
    fires = state.mode is TriggerMode.QUIET and sum(recent) >= m
    return replace(state, recent=recent, mode=TriggerMode.FIRED if fires else state.mode)


def _sentence(trigger: Trigger, measure: Measure, state: TriggerState) -> str:
    if measure.value is None:
        return f"{trigger.metric} has no data ({trigger.no_data}){_standing(trigger, state)}"
    value, limit = _figure(trigger.metric, measure.value), _figure(trigger.metric, measure.limit)
    if isinstance(trigger, DropTrigger):
        said = f"{trigger.metric} {'lost' if measure.value >= 0 else 'gained'} {_figure('', abs(measure.value))}"
        return f"{said}, {'more' if measure.holds else 'not more'} than {limit}{_standing(trigger, state)}"
    words = measure.words if measure.holds else f"not {measure.words}"
    blind = f" ({BLIND})" if trigger.metric == ESTIMATED else ""
    return f"{trigger.metric}{blind} is {value}, {words} {limit}{_standing(trigger, state)}"


def _standing(trigger: Trigger, state: TriggerState) -> str:
    m, n = trigger.for_
    held = f", held in {sum(state.recent)} of the last {len(state.recent)} checks ({m} of {n} fire)" if n > 1 else ""
    match state.mode:
        case TriggerMode.QUIET:
            return held
        case TriggerMode.FIRED:
            return f"{held}, fired"
        case TriggerMode.SPENT:
            return f"{held}, a run was started"
        case _:
            assert_never(state.mode)


def _figure(metric: str, value: float) -> str:
    if metric in SPANS:
        return f"{value / DAY:.3g} days" if abs(value) >= DAY else f"{value / 3600:.3g} hours"
    return f"{value:.0f}" if metric in ("labels.new", "samples.new") else f"{value:.4g}"
