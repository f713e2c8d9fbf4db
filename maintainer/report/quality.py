"""Quality on the page of a check: figures with their bounds, estimates beside what came true, changes of the error."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from maintainer.domain.evidence import Metric, Reckoned
from maintainer.domain.metrics import HIGHER_IS_BETTER


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric beside what the champion is held to."""

    metric: Metric
    baseline: float | None
    change: float | None
    word: str  # better, worse, within chance; empty where there is nothing to compare with, or no interval


@dataclass(frozen=True, slots=True)
class Reckoning:
    """The estimates of former checks beside what their windows turned out to be."""

    rows: tuple[Reckoned, ...]  # of which labels came, the newest first
    waiting: int  # for labels
    error: float | None  # mean absolute error of the estimates; None without any


def metric_row(metric: Metric, baseline: float | None) -> MetricRow:
    """Return the row of one metric."""
    if baseline is None or not isfinite(metric.value):
        return MetricRow(metric, baseline, None, "")
    word = ""
    if metric.lower is not None and metric.upper is not None:
        gains = (metric.lower - baseline, metric.upper - baseline)
        low, high = gains if HIGHER_IS_BETTER[metric.name] else (-gains[1], -gains[0])
        word = beyond_chance(low, high)
    return MetricRow(metric, baseline, metric.value - baseline, word)


def beyond_chance(low: float, high: float) -> str:
    """Return what the bounds of a gain (positive is better) say of it, in a word or two."""
    if low <= 0 <= high:
        return "within chance"
    return "better" if low > 0 else "worse"


def reckoning(former: tuple[Reckoned, ...]) -> Reckoning:
    """Return what became of former estimates."""
    known = tuple(one for one in former if one.realised is not None)
    errors = [abs(one.error) for one in known if one.error is not None]
    return Reckoning(known, len(former) - len(known), sum(errors) / len(errors) if errors else None)
