"""Whether a trigger can ever hold and ever clear: its limits beside the values that its evidence can have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from operator import gt, lt
from typing import assert_never

from maintainer.domain.triggers import (
    SCORED,
    SPANS,
    AboveTrigger,
    AutoTrigger,
    BelowTrigger,
    DropTrigger,
    Trigger,
    range_of,
    range_of_loss,
)
from maintainer.domain.values import figure_of, format_limit


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a trigger, and what they are held against."""

    given: dict[str, float | timedelta | None]  # by key: where it holds, and where it clears
    what: str
    ends: tuple[float, float]  # the least and the greatest value that it can have


def limit_faults(trigger: Trigger) -> Iterator[tuple[str, str]]:
    """Yield each key whose limit has the wrong unit or can do no good, and what was found and wanted."""
    if isinstance(trigger, AutoTrigger):
        if not trigger.metric.startswith(SCORED):
            yield "above", f"is auto, but {trigger.metric} has no threshold of its own; wanted a number"
        return
    limits = _limits(trigger)
    given = {key: value for key, value in limits.given.items() if value is not None}
    units = [(key, _wrong_unit(trigger.metric, value)) for key, value in given.items()]
    wrong = [(key, said) for key, said in units if said]
    yield from wrong or _useless(given, limits.what, limits.ends)


def _limits(trigger: AboveTrigger | BelowTrigger | DropTrigger) -> Limits:
    metric = trigger.metric
    match trigger:
        case AboveTrigger(above=limit, clear_below=clear):
            return Limits({"above": limit, "clear_below": clear}, metric, range_of(metric))
        case BelowTrigger(below=limit, clear_above=clear):
            return Limits({"below": limit, "clear_above": clear}, metric, range_of(metric))
        case DropTrigger(drop=limit, clear_below=clear):
            return Limits({"drop": limit, "clear_below": clear}, f"the loss of {metric}", range_of_loss(metric))
        case _:
            assert_never(trigger)


def _wrong_unit(metric: str, limit: float | timedelta) -> str:
    if isinstance(limit, timedelta) == (metric in SPANS):
        return ""
    wanted = "a duration such as 30d" if metric in SPANS else f"a number: {metric} is no duration"
    return f"is {_said(limit)}; wanted {wanted}"


def _useless(given: dict[str, float | timedelta], what: str, ends: tuple[float, float]) -> Iterator[tuple[str, str]]:
    """Yield limits that a trigger cannot pass, or where it cannot clear."""
    (key, limit), *back = given.items()
    low, high = ends
    side, past, calmest, wildest = ("below", lt, high, low) if key == "below" else ("above", gt, low, high)
    within = f"it is {low:g} to {high:g}"
    if not past(wildest, figure_of(limit)):
        yield key, f"is {_said(limit)}, which {what} is never {side}: {within}"
    if past(calmest, figure_of(limit)):
        yield key, f"is {_said(limit)}, which {what} is always {side}: {within}"
    for name, clear in back:
        if past(calmest, figure_of(clear)):
            yield name, f"is {_said(clear)}, which {what} is always {side}: {within}"
        elif past(figure_of(clear), figure_of(limit)):
            yield name, f"is {_said(clear)}, which is {side} the limit, {_said(limit)}"


def _said(limit: float | timedelta) -> str:
    return str(format_limit(limit)) if isinstance(limit, timedelta) else f"{limit:g}"
