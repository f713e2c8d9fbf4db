"""Figures of gates in words: points for shares, per cent for relative losses."""

from __future__ import annotations

from math import isinf

from maintainer.domain.metrics import RELATIVE
from maintainer.domain.policy import ComparedMetric

POINTS = frozenset({"accuracy", "f1_macro"})


def signed(metric: ComparedMetric, gain: float) -> str:
    """Return a gain with its sign, in the unit that the metric's gains have."""
    return f"{_figure(metric, gain, '+')}{_unit(metric)}"


def unsigned(metric: ComparedMetric, amount: float) -> str:
    """Return a margin in the unit that the metric's gains have."""
    return f"{_figure(metric, amount, '')}{_unit(metric)}"


def span(metric: ComparedMetric, low: float, high: float) -> str:
    """Return two bounds of a gain, with the unit once."""
    return f"{_figure(metric, low, '+')} to {_figure(metric, high, '+')}{_unit(metric)}"


def _figure(metric: ComparedMetric, gain: float, sign: str) -> str:
    if isinf(gain):
        return "+∞" if gain > 0 else "-∞"
    if metric in POINTS or metric in RELATIVE:
        return f"{100 * gain:{sign}.2f}"
    return f"{gain:{sign}.4f}"


def _unit(metric: ComparedMetric) -> str:
    return " points" if metric in POINTS else " %" if metric in RELATIVE else ""


def percent(share: float) -> str:
    """Return a share of samples."""
    return f"{100 * share:.2f} %"


def samples(n: int) -> str:
    """Return a count of samples."""
    return f"{n:,} sample{'' if n == 1 else 's'}"
