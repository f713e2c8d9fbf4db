"""Columns rebuilt from counts: as distribution functions, as shares between any edges, and as categories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.profile import BUCKETS, ColumnCounts
from maintainer.domain.sample import ColumnKind

Values = NDArray[np.float64]
Whole = NDArray[np.int64]

OTHER = "(other)"


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution function that is linear between knots; a vertical step is a point mass."""

    ranks: Values  # (2k,) 0 to 1, ascending: below each knot, and with it
    values: Values  # (2k,) ascending, each knot twice


def spread(counts: ColumnCounts) -> Spread:
    """Return the distribution of a number column that has values.

    A listed value is a point mass, and so is a bin that ends at the next number; in a wider bin the rest is uniform.
    """
    lower, upper, rest = _bins(counts)
    narrow = np.nextafter(lower, np.inf) >= upper
    masses = np.concatenate([np.asarray(counts.numbers, dtype=np.float64), upper[narrow]])
    rows = np.concatenate([np.asarray(counts.counts, dtype=np.float64), rest[narrow]])
    order = np.argsort(masses)
    upto = np.concatenate([[0.0], np.cumsum(rows[order])])
    rest[narrow] = 0.0
    knots = np.unique(np.concatenate([masses[rows > 0], lower[rest > 0], upper[rest > 0]]))
    inside = np.interp(knots, [lower[0], *upper], [0.0, *np.cumsum(rest)]) if rest.any() else np.zeros(knots.size)
    sides = [inside + upto[np.searchsorted(masses[order], knots, side=side)] for side in ("left", "right")]
    return Spread(np.stack(sides, axis=1).ravel() / counts.present, np.repeat(knots, 2))


def _bins(counts: ColumnCounts) -> tuple[Values, Values, Values]:
    """Return the lower and upper ends of all bins, which touch, and the rows of the rest in each."""
    assert counts.minimum is not None and counts.maximum is not None
    ends = np.clip([-np.inf, *counts.edges, np.inf], counts.minimum, counts.maximum)
    rest = np.asarray(counts.rest or [0] * (ends.size - 1), dtype=np.float64)
    return ends[:-1], ends[1:], rest


def shares(shape: Spread, limits: Values, side: Literal["left", "right"] = "left") -> Values:
    """Return the (k,) shares of values smaller than each of (k,) limits, or on the right side not larger than it."""
    above = np.searchsorted(shape.values, limits, side=side)
    start, end = np.clip(above - 1, 0, None), np.clip(above, None, shape.values.size - 1)
    width = shape.values[end] - shape.values[start]
    inside = np.where(width > 0, (limits - shape.values[start]) / np.where(width > 0, width, 1.0), 0.0)
    share = shape.ranks[start] + inside * (shape.ranks[end] - shape.ranks[start])
    return np.where(above == 0, 0.0, np.where(above == shape.values.size, 1.0, share))


def shares_between(counts: ColumnCounts, edges: Values) -> Values:
    """Return the (k - 1,) shares in [e0, e1), ..., [e(k-2), e(k-1)], as numpy.histogram cuts."""
    shape = spread(counts)
    below = shares(shape, edges)
    below[-1] = shares(shape, edges[-1:], "right")[0]
    return np.clip(np.diff(below), 0.0, None)


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


def cells(reference: ColumnCounts, current: ColumnCounts) -> tuple[Whole, Whole]:
    """Return the (k,) rows of both windows in cells that are the same in both.

    Where every value is listed, each is a cell. Else words are counted in the buckets of their hash: which words are
    listed hangs on chance, and cells that hang on the rows they count make windows look different. Numbers are aligned.
    """
    if reference.kind is ColumnKind.NUMBER or not (reference.rest or current.rest):
        return aligned(reference, current)[1:]
    return _hashed(reference), _hashed(current)


def _hashed(counts: ColumnCounts) -> Whole:
    buckets = np.asarray(counts.rest or [0] * BUCKETS, dtype=np.int64)
    np.add.at(buckets, np.asarray(counts.buckets, dtype=np.int64), np.asarray(counts.counts, dtype=np.int64))
    return buckets


def aligned(reference: ColumnCounts, current: ColumnCounts) -> tuple[list[str], Whole, Whole]:
    """Return the values of both windows and their (v,) rows in each; what one window cannot tell apart is (other).

    A value listed on one side only belongs to (other) where the other side has unlisted values and would not have
    listed this one either; else it is new there.
    """
    windows = (reference, current)
    sides = [dict(zip(_listed(c), c.counts, strict=True)) for c in windows]
    names = [*sides[0], *(name for name in sides[1] if name not in sides[0])]
    least = [min(c.counts, default=0) / c.present if c.rest else 0.0 for c in windows]  # the share that is listed
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
