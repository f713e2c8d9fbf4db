"""Distances between the distribution functions of a number column in two windows, exact for what was counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maintainer.monitor.frames import Spread, Values, shares


@dataclass(frozen=True, slots=True)
class Pair:
    """Two distribution functions on common knots, linear between them."""

    knots: Values  # (k,) ascending
    reference: Values  # (2, k) share of values below each knot, and with it
    current: Values  # (2, k)


def paired(reference: Spread, current: Spread) -> Pair:
    """Return both distribution functions on the knots of either."""
    knots = np.union1d(reference.values, current.values)
    sides = [np.stack([shares(shape, knots), shares(shape, knots, "right")]) for shape in (reference, current)]
    return Pair(knots, sides[0], sides[1])


def kolmogorov(pair: Pair) -> float:
    """Return the largest gap between the two distribution functions, 0 to 1; higher is more different.

    The statistic D of Smirnov 1948, https://doi.org/10.1214/aoms/1177730256.
    """
    return float(np.abs(pair.reference - pair.current).max())


def wasserstein(pair: Pair) -> float:
    """Return the area between the two distribution functions, in the unit of the knots; higher is more different."""
    gap = pair.reference - pair.current
    start, end = gap[1, :-1], gap[0, 1:]  # just after a knot, just before the next
    size = np.abs(start) + np.abs(end)
    crossed = np.divide(start**2 + end**2, size, out=np.zeros_like(size), where=size > 0)
    return float(np.diff(pair.knots) @ (np.where(start * end < 0, crossed, size) / 2.0))
