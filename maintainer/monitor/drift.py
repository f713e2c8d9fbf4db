"""Drift scores from the counts of two windows; runs in the warm check worker.

PSI, Jensen-Shannon, Hellinger and Kullback-Leibler are Evidently's own functions on the shares of its own equal-width
bins or, of categories and of few values, of each value. Wasserstein and Kolmogorov-Smirnov are computed exactly from
the two distribution functions. Where there is nothing to compare: no values on either side score 0, values on one side
only score 1.

Against Evidently's functions on all rows a score is within 0.005 (tests/integration/test_drift.py), but for:

- Wasserstein where the reference's deviation is below 0.001: Evidently norms by at least 0.001 and so overlooks drift
  in small units; here the deviation itself is taken, and of a constant reference the Kolmogorov-Smirnov distance.
- PSI and Kullback-Leibler where a cell is empty in one window or both: Evidently's result hangs on what it fills empty
  cells with, those of both windows too; and on values that are new one by one, which here are one cell.
- Hellinger where more than 1,000 values repeat: Evidently's number of bins grows with the different values, which are
  then not known (0.01).
- More than 1,000 categories: they are counted in 512 buckets, which raises a score less by chance (10,000 even
  categories without drift, 40,000 and 20,000 rows: 0.07 against 0.33) and lowers it where categories are replaced
  (all of those: 0.14 against 0.83).
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil, log2

import numpy as np

from maintainer.domain.evidence import DriftScore
from maintainer.domain.sample import ColumnKind
from maintainer.monitor import chance, ranks
from maintainer.monitor.charts import chart
from maintainer.monitor.exchange import ALARMS, ColumnPair, DriftReply, DriftRequest
from maintainer.monitor.frames import Values, Whole, cells, codes, in_proportion, shares_between, spread
from maintainer.monitor.stattests import distance

ROWS = 100_000  # of an expanded column: a share is off by at most 1 in 100,000
FEW = 5  # Evidently compares numbers with at most so many values as categories
COUNTED = 20  # and cuts a reference with more values than this into bins before PSI and the like
GONE = 1.0  # the score of a column that has values on one side only
ROUNDING = 1e-12  # a deviation below this share of the largest value is that of a constant

ON_RANKS = ("wasserstein", "ks")


def score(request: DriftRequest) -> DriftReply:
    """Return the value score and the missing score of every column asked for, each with its floor."""
    level = request.level or ALARMS / (2 * max(1, len(request.columns)))  # Bonferroni
    scores: list[DriftScore] = []
    for pair in request.columns:
        missing = _of_missing(pair, level)
        scores += [_of_values(pair, level, missing), missing]
    return DriftReply(scores=tuple(scores))


def method_of(pair: ColumnPair) -> str:
    """Return the method that compares a column.

    `auto` is what Evidently takes above 1,000 rows: Wasserstein for numbers, Jensen-Shannon for categories and for
    numbers of at most five values. Categories have no ranks: Wasserstein and KS become Jensen-Shannon there.
    """
    if pair.method == "auto":
        few = not pair.reference.rest and not pair.current.rest and len(_union(pair)) <= FEW
        return "jensenshannon" if pair.kind is ColumnKind.CATEGORY or few else "wasserstein"
    no_ranks = pair.kind is ColumnKind.CATEGORY and pair.method in ON_RANKS
    return "jensenshannon" if no_ranks else pair.method


def _of_values(pair: ColumnPair, level: float, missing: DriftScore) -> DriftScore:
    method = method_of(pair)
    before, now = pair.reference, pair.current
    if before.present and now.present:
        measure = _ranked if method in ON_RANKS else _counted
        value, floor = measure(method, pair, level)
    else:
        value = 0.0 if before.present == now.present else GONE
        floor = 0.0 if missing.score > missing.floor else value  # values so rare that none is no news
    shown = chart(before, now)
    return DriftScore(pair.name, "value", method, max(value, 0.0), pair.threshold, shown, floor)


def _of_missing(pair: ColumnPair, level: float) -> DriftScore:
    before, now = pair.reference, pair.current
    value = floor = 0.0
    if before.rows and now.rows and (before.missing or now.missing):
        rows = [np.asarray([c.missing, c.present]) for c in (before, now)]
        sides = [codes(tallies, c.rows, ROWS) for tallies, c in zip(rows, (before, now), strict=True)]
        value = distance("jensenshannon", ColumnKind.CATEGORY, sides[0], sides[1])
        floor = chance.counted("jensenshannon", rows[0], rows[1], level)
    limit = pair.threshold if pair.missing_threshold is None else pair.missing_threshold
    return DriftScore(pair.name, "missing", "jensenshannon", value, limit, None, floor)


def _ranked(method: str, pair: ColumnPair, level: float) -> tuple[float, float]:
    """Return the distance of two distribution functions and its floor.

    A reference that is one value has no deviation to norm by: there Wasserstein is the Kolmogorov-Smirnov distance.
    """
    before, now = pair.reference, pair.current
    both = ranks.paired(spread(before), spread(now))
    norm = before.deviation or 0.0
    if method == "ks" or norm <= ROUNDING * float(np.abs(both.knots).max()):
        return ranks.kolmogorov(both), chance.ks(before.present, now.present, level)
    normed = replace(both, knots=both.knots / norm)
    return ranks.wasserstein(normed), chance.wasserstein(normed, before.present, now.present, level)


def _counted(method: str, pair: ColumnPair, level: float) -> tuple[float, float]:
    """Return the distance of the shares in cells that both windows have, and its floor."""
    sides = (pair.reference, pair.current)
    before, now = (in_proportion(t, c.present) for t, c in zip(_tallies(method, pair), sides, strict=True))
    spelt = [codes(tallies, c.present, ROWS) for tallies, c in zip((before, now), sides, strict=True)]
    return distance(method, ColumnKind.CATEGORY, spelt[0], spelt[1]), chance.counted(method, before, now, level)


def _tallies(method: str, pair: ColumnPair) -> tuple[Values | Whole, Values | Whole]:
    if pair.kind is ColumnKind.CATEGORY:
        return cells(pair.reference, pair.current)
    if method == "hellinger":
        return _in_bins(pair, _union_size(pair))
    if pair.reference.distinct <= COUNTED and pair.current.numbers:
        return cells(pair.reference, pair.current)
    return _in_bins(pair, pair.reference.present + pair.current.present)


def _in_bins(pair: ColumnPair, number: int) -> tuple[Values, Values]:
    """Cut the union range as numpy's "sturges" rule does for `number` values: log2(number) + 1 bins of equal width."""
    sides = (pair.reference, pair.current)
    low = min(c.minimum for c in sides if c.minimum is not None)
    high = max(c.maximum for c in sides if c.maximum is not None)
    if low == high:
        return np.ones(1), np.ones(1)
    edges = np.linspace(low, high, ceil(log2(number) + 1.0) + 1)
    return shares_between(pair.reference, edges), shares_between(pair.current, edges)


def _union(pair: ColumnPair) -> set[float]:
    return {*pair.reference.numbers, *pair.current.numbers}


def _union_size(pair: ColumnPair) -> int:
    return len(_union(pair)) + pair.reference.other + pair.current.other
