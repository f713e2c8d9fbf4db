"""Drift scores from the counts of two windows, by Evidently's own tests; runs in the warm check worker.

Number columns go to Evidently as points at evenly spaced ranks (Wasserstein, Kolmogorov-Smirnov) or as the shares of
Evidently's own equal-width bins, counted on all rows (PSI, Jensen-Shannon, Hellinger, Kullback-Leibler); categories go
in proportion. Where there is nothing to compare: no values on either side score 0, values on one side only score 1.

Against the same functions on all rows a score is within 0.005 (tests/integration/test_drift.py), but for: PSI and
Kullback-Leibler where a bin is empty on one side, whose weight Evidently takes from the rarest other bin (up to 3 %);
Wasserstein where a few outliers make up most of the deviation (0.01); and more than 1,000 categories, where those not
listed are one, which lowers a score.
"""

from __future__ import annotations

from math import ceil, log2

import numpy as np

from maintainer.domain.evidence import DriftScore
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import ColumnKind
from maintainer.monitor.charts import chart
from maintainer.monitor.exchange import ColumnPair, DriftReply, DriftRequest
from maintainer.monitor.frames import Values, Whole, aligned, codes, points, shares_between
from maintainer.monitor.stattests import KS, distance

POINTS = 5_000  # of a reduced number column: a rank is off by at most 1 in 10,000
ROWS = 100_000  # of an expanded category column: a share is off by at most 1 in 100,000
FEW = 5  # Evidently compares numbers with at most so many values as categories
COUNTED = 20  # and cuts a reference with more values than this into bins before PSI and the like
GONE = 1.0  # the score of a column that has values on one side only
LEAST_DEVIATION = 0.001  # Evidently's floor of the deviation that norms the Wasserstein distance

ON_RANKS = {"wasserstein": "wasserstein", "ks": KS}


def score(request: DriftRequest) -> DriftReply:
    """Return the value score and the missing score of every column asked for."""
    scores: list[DriftScore] = []
    for pair in request.columns:
        scores += [_of_values(pair), _of_missing(pair)]
    return DriftReply(scores=tuple(scores))


def method_of(pair: ColumnPair) -> str:
    """Return the method that compares a column.

    `auto` is what Evidently takes above 1,000 rows: Wasserstein for numbers, Jensen-Shannon for categories and for
    numbers of at most five values. Categories have no ranks: Wasserstein and KS become Jensen-Shannon there.
    """
    if pair.method == "auto":
        few = not pair.reference.edges and not pair.current.edges and len(_union(pair)) <= FEW
        return "jensenshannon" if pair.kind is ColumnKind.CATEGORY or few else "wasserstein"
    no_ranks = pair.kind is ColumnKind.CATEGORY and pair.method in ON_RANKS
    return "jensenshannon" if no_ranks else pair.method


def _of_values(pair: ColumnPair) -> DriftScore:
    method = method_of(pair)
    before, now = pair.reference, pair.current
    if before.present and now.present:
        value = _ranked(method, before, now) if method in ON_RANKS else _counted(method, pair)
    else:
        value = 0.0 if before.present == now.present else GONE
    return DriftScore(pair.name, "value", method, max(value, 0.0), pair.threshold, chart(before, now))


def _of_missing(pair: ColumnPair) -> DriftScore:
    before, now = pair.reference, pair.current
    value = 0.0
    if before.rows and now.rows and (before.missing or now.missing):
        sides = [codes([c.missing, c.present], c.rows, ROWS) for c in (before, now)]
        value = distance("jensenshannon", ColumnKind.CATEGORY, sides[0], sides[1])
    return DriftScore(pair.name, "missing", "jensenshannon", value, pair.threshold)


def _ranked(method: str, before: ColumnCounts, now: ColumnCounts) -> float:
    reference = points(before, POINTS)
    value = distance(ON_RANKS[method], ColumnKind.NUMBER, reference, points(now, POINTS))
    if method != "wasserstein" or before.deviation is None:
        return value
    # Evidently norms by the deviation of what it is given; that of all rows is known, and no outlier is missed in it
    return value * max(float(np.std(reference)), LEAST_DEVIATION) / max(before.deviation, LEAST_DEVIATION)


def _counted(method: str, pair: ColumnPair) -> float:
    before, now = _tallies(method, pair)
    reference = codes(before, pair.reference.present, ROWS)
    current = codes(now, pair.current.present, ROWS)
    return distance(method, ColumnKind.CATEGORY, reference, current)


def _tallies(method: str, pair: ColumnPair) -> tuple[Values | Whole, Values | Whole]:
    if pair.kind is ColumnKind.CATEGORY:
        return aligned(pair.reference, pair.current)[1:]
    if method == "hellinger":
        return _in_bins(pair, _union_size(pair))
    if pair.reference.distinct <= COUNTED:
        return aligned(pair.reference, pair.current)[1:]
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
    unlisted = sum(c.distinct - len(c.numbers) for c in (pair.reference, pair.current))
    return len(_union(pair)) + unlisted
