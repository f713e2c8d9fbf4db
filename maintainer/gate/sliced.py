"""What became of each slice of the samples: the main metric of both models, its gain, and what flipped there.

A slice is a value of a column: a category, one of a few numbers, or a quarter of what numbers the reference has. Slices
are many, and each bound counts for one: at 95 % one of twenty lies off its slice by chance alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.phase import SliceMoved, Slices
from maintainer.domain.policy import ComparedMetric
from maintainer.domain.statistics import Resampling, wilson
from maintainer.gate.compare import compare
from maintainer.gate.figures import Answered, Floats, Pairs
from maintainer.gate.gates import FEWEST
from maintainer.gate.terms import gains, terms, value

LISTED = 20  # slices that are told with all their figures; the others are counted
FEW = 10  # different numbers at most that are a slice each
MISSING = "(missing)"
DIGITS = (4, 6, 9, 17)  # of a number in a name: as many as keep two of them apart

Names = NDArray[np.object_]
Columns = Mapping[
    str, NDArray[np.generic]
]  # column -> (n,) float64, NaN where missing, or str objects, "" where missing


@dataclass(frozen=True, slots=True)
class Slice:
    """The samples that have one value of a column."""

    column: str
    value: str
    rows: NDArray[np.int64]  # in order of time

    @property
    def small(self) -> bool:
        """Return whether there are too few samples to conclude anything from."""
        return self.rows.size < FEWEST


def named(columns: Mapping[str, Columns], reference: str) -> dict[str, dict[str, Names]]:
    """Return the slice of every sample: part -> column -> (n,) names; quartiles are those of the part `reference`."""
    found: dict[str, dict[str, Names]] = {part: {} for part in columns}
    for column in {column: None for values in columns.values() for column in values}:
        parts = {part: values[column] for part, values in columns.items()}
        whole = np.concatenate(list(parts.values()))
        first = parts.get(reference, whole)
        for part, values in parts.items():
            found[part][column] = _categories(values) if whole.dtype == object else _numbers(values, whole, first)
    return found


def _categories(values: NDArray[np.generic]) -> Names:
    return np.where(values == "", MISSING, values).astype(object)


def _numbers(values: NDArray[np.generic], whole: NDArray[np.generic], reference: NDArray[np.generic]) -> Names:
    """Return numbers by value where there are few different ones in the whole, else by the reference's quartiles."""
    numbers, known = values.astype(np.float64), np.isfinite(values.astype(np.float64))
    names = np.full(numbers.size, MISSING, object)
    different = np.unique(_finite(whole))
    if different.size <= FEW:
        names[known] = np.array(_told(different), object)[np.searchsorted(different, numbers[known])]
        return names
    base = _finite(reference)
    cuts = np.unique(np.quantile(base if base.size else different, [0.25, 0.5, 0.75]))
    told = _told(cuts)
    ranges = [f"up to {told[0]}", *(f"{a} to {b}" for a, b in pairwise(told)), f"above {told[-1]}"]
    names[known] = np.array(ranges, object)[np.searchsorted(cuts, numbers[known])]
    return names


def _finite(values: NDArray[np.generic]) -> Floats:
    numbers = values.astype(np.float64)
    return numbers[np.isfinite(numbers)]


def _told(numbers: Floats) -> list[str]:
    """Return different numbers in as few digits as tell them apart."""
    tried = ([f"{number:.{digits}g}" for number in numbers] for digits in DIGITS)
    return next(names for names in tried if len(set(names)) == len(names))


def slices_of(
    metric: ComparedMetric, pairs: Pairs, names: Mapping[str, Names], near: float | None, how: Resampling
) -> Slices:
    """Return the slices of one holdout; `near` is how near an answer must be to be right, None where it must be equal.

    Those that lost most come first; where there is no champion, those that are worst. Small ones come last, the largest
    first. At most LISTED are told.
    """
    parts = list(_parts(names))
    large = [part for part in parts if not part.small]
    small = sorted((part for part in parts if part.small), key=lambda part: -part.rows.size)
    ranked = sorted(large, key=lambda part: _rank(metric, _only(pairs, part.rows)))
    shown = [*ranked, *small][:LISTED]
    left = len(parts) - len(shown)
    told = tuple(_moved(metric, pairs, part, near, how) for part in shown)
    return Slices(metric=metric, shown=told, more=left, more_small=min(left, len(small)))


def _parts(names: Mapping[str, Names]) -> Iterator[Slice]:
    for column, values in names.items():
        found, places = np.unique(values.astype(str), return_inverse=True)
        order = np.argsort(places, kind="stable")
        ends = np.cumsum(np.bincount(places, minlength=found.size))[:-1]
        for name, rows in zip(found, np.split(order, ends), strict=True):
            if rows.size:
                yield Slice(column, str(name), rows)


def _only(pairs: Pairs, rows: NDArray[np.int64]) -> Pairs:
    def of(answered: Answered) -> Answered:
        return Answered(answered.answers[rows], answered.chances[rows])

    former = of(pairs.champion) if pairs.champion else None
    return replace(pairs, labels=pairs.labels[rows], challenger=of(pairs.challenger), champion=former)


def _value(metric: ComparedMetric, pairs: Pairs, answered: Answered) -> Floats:
    """Return the (1,) metric of a model."""
    return value(metric, terms(metric, pairs.labels, answered).mean(axis=0, keepdims=True))


def _rank(metric: ComparedMetric, pairs: Pairs) -> float:
    """Return what is smaller the worse a slice does: its gain, without a champion that on a model of no value."""
    after = _value(metric, pairs, pairs.challenger)
    before = _value(metric, pairs, pairs.champion) if pairs.champion else np.ones_like(after)
    return float(np.nan_to_num(gains(metric, before, after)[0]))


def _moved(metric: ComparedMetric, whole: Pairs, part: Slice, near: float | None, how: Resampling) -> SliceMoved:
    pairs = _only(whole, part.rows)
    found = SliceMoved(
        column=part.column,
        value=part.value,
        n=part.rows.size,
        small=part.small,
        before=None,
        after=float(_value(metric, pairs, pairs.challenger)[0]),
        gain=None,
    )
    if pairs.champion is None or whole.champion is None:
        return found
    before = _value(metric, pairs, pairs.champion)
    gain = float(gains(metric, before, np.array([found.after]))[0])
    interval = None if part.small else compare(metric, pairs, pairs.champion, how).interval
    figures: dict[str, object] = {
        "before": float(before[0]),
        "gain": gain if np.isfinite(gain) else None,
        "interval": interval,
    }
    if near is None or whole.spread > 0:
        was, now = (whole.right(answered, near)[part.rows] for answered in (whole.champion, whole.challenger))
        figures |= _flips(was, now, how.confidence)
    return found.model_copy(update=figures)


def _flips(was: NDArray[np.bool_], now: NDArray[np.bool_], confidence: float) -> dict[str, object]:
    lost, won = int(np.sum(was & ~now)), int(np.sum(now & ~was))
    return {
        "negative": lost / was.size,
        "positive": won / was.size,
        "negative_interval": wilson(lost, was.size, confidence),
        "positive_interval": wilson(won, was.size, confidence),
    }
