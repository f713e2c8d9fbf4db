"""Columns rebuilt from counts: as quantile points, as shares between any edges, and as categories in proportion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import ColumnKind

Values = NDArray[np.float64]
Whole = NDArray[np.int64]

OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution function that is linear between knots; a vertical step is a point mass."""

    ranks: Values  # (k,) 0 to 1, ascending
    values: Values  # (k,) ascending


def spread(counts: ColumnCounts) -> Spread:
    """Return the distribution of a number column that has values.

    Inside a bin, and among values that were not counted one by one, it is taken as uniform.
    """
    assert counts.minimum is not None and counts.maximum is not None
    if counts.edges:
        lower = np.clip([-np.inf, *counts.edges], counts.minimum, counts.maximum)
        upper = np.clip([*counts.edges, np.inf], counts.minimum, counts.maximum)
        tallies = np.asarray(counts.counts, dtype=np.float64)
    else:
        lower, upper, tallies = _pieces(counts)
    full = tallies > 0
    ends = np.cumsum(tallies[full]) / tallies.sum()
    starts = np.concatenate([[0.0], ends[:-1]])
    ranks = np.stack([starts, ends], axis=1).ravel()
    return Spread(ranks, np.stack([lower[full], upper[full]], axis=1).ravel())


def _pieces(counts: ColumnCounts) -> tuple[Values, Values, Values]:
    """Return lower and upper ends and the rows of each listed value and of each gap between them."""
    order = np.argsort(counts.numbers)
    values = np.asarray(counts.numbers, dtype=np.float64)[order]
    tallies = np.asarray(counts.counts, dtype=np.float64)[order]
    if not counts.other:
        return values, values, tallies
    assert counts.minimum is not None and counts.maximum is not None
    knots: Values = np.concatenate([[counts.minimum], values, [counts.maximum]])
    gaps = np.diff(knots)  # unlisted values are distinct from the listed, so the gaps have room for them
    filled = counts.other * gaps / gaps.sum()
    lower = np.concatenate([knots[:-1], values])
    upper = np.concatenate([knots[1:], values])
    order = np.lexsort((upper, lower))
    return lower[order], upper[order], np.concatenate([filled, tallies])[order]


def points(counts: ColumnCounts, size: int) -> Values:
    """Return at most `size` ascending values at evenly spaced ranks: the column, reduced."""
    shape = spread(counts)
    number = min(size, counts.present)
    ranks = (np.arange(number) + 0.5) / number
    return np.interp(ranks, shape.ranks, shape.values)


def shares_below(counts: ColumnCounts, limits: Values) -> Values:
    """Return the (k,) shares of values that are smaller than each of (k,) ascending limits."""
    shape = spread(counts)
    at = np.searchsorted(shape.values, limits, side="left")  # knots smaller than the limit
    below = np.clip(at - 1, 0, None)
    above = np.clip(at, None, shape.values.size - 1)
    width = shape.values[above] - shape.values[below]
    inside = np.where(width > 0, (limits - shape.values[below]) / np.where(width > 0, width, 1.0), 0.0)
    share = shape.ranks[below] + inside * (shape.ranks[above] - shape.ranks[below])
    return np.where(at == 0, 0.0, np.where(at == shape.values.size, 1.0, share))


def shares_between(counts: ColumnCounts, edges: Values) -> Values:
    """Return the (k - 1,) shares in [e0, e1), ..., [e(k-2), e(k-1)], as numpy.histogram cuts."""
    below = shares_below(counts, edges)
    below[-1] = 1.0 - shares_above(counts, float(edges[-1]))
    return np.clip(np.diff(below), 0.0, None)


def shares_above(counts: ColumnCounts, limit: float) -> float:
    """Return the share of values that are larger than a limit."""
    return float(1.0 - shares_below(counts, np.nextafter(np.asarray([limit]), np.inf))[0])


def in_proportion(tallies: Sequence[float] | Values | Whole, size: int) -> Whole:
    """Return whole counts that sum to `size` in the proportion of tallies: the largest remainders are rounded up."""
    exact = np.asarray(tallies, dtype=np.float64)
    exact = exact * (size / exact.sum())
    whole = np.floor(exact).astype(np.int64)
    short = size - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:short]] += 1
    return whole


def codes(tallies: Sequence[float] | Values | Whole, rows: int, size: int) -> Whole:
    """Return min(rows, size) category numbers in the proportion of the tallies."""
    return np.repeat(np.arange(len(tallies)), in_proportion(tallies, min(rows, size)))


def aligned(reference: ColumnCounts, current: ColumnCounts) -> tuple[list[str], Whole, Whole]:
    """Return the values of both windows and their (v,) rows in each; what one window cannot tell apart is (other).

    A value listed on one side only belongs to (other) where the other side has unlisted values and would not have
    listed this one either; else it is new there.
    """
    windows = (reference, current)
    sides = [dict(zip(_listed(c), c.counts, strict=True)) for c in windows]
    names = [*sides[0], *(name for name in sides[1] if name not in sides[0])]
    least = [min(c.counts) / c.present if c.other else 0.0 for c in windows]  # the share a value needs to be listed
    here = [{name: n / c.present for name, n in side.items()} for side, c in zip(sides, windows, strict=True)]
    kept = [n for n in names if here[0].get(n, 1.0) > least[1] * (n not in here[1])]
    kept = [n for n in kept if here[1].get(n, 1.0) > least[0] * (n not in here[0])]
    rows = [np.asarray([side.get(name, 0) for name in kept], dtype=np.int64) for side in sides]
    rest = [c.present - int(found.sum()) for c, found in zip(windows, rows, strict=True)]
    if not any(rest):
        return kept, rows[0], rows[1]
    return [*kept, OTHER], np.append(rows[0], rest[0]), np.append(rows[1], rest[1])


def _listed(counts: ColumnCounts) -> list[str]:
    if counts.kind is ColumnKind.CATEGORY:
        return list(counts.words)
    return [repr(value + 0.0) for value in counts.numbers]  # minus zero is zero
