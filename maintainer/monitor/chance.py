"""What two windows of one distribution would score by chance: the floor that a score must pass to be drift.

Rows are taken as independent draws. The windows' rows are put together and dealt out again, `DRAWS` times with one
seed; past the draws the tail is that of a gamma distribution with their mean and variance, which suits the quadratic
forms that these scores or their squares are near to (Satterthwaite 1946, https://doi.org/10.2307/3002019).
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownParameterType=false
# scipy ships no types.

from __future__ import annotations

from math import log, sqrt

import numpy as np
from scipy.special import gammaincinv, rel_entr

from maintainer.monitor.frames import Values, Whole, in_proportion
from maintainer.monitor.ranks import Pair

DRAWS = 200
CELLS = 40_000  # drawn in all: many cells need few draws, for their sum hardly varies
GROUPS = 128  # ranks at which the gap of two distribution functions is drawn
MOST = 10**8  # rows dealt out; as many of more
RARE, LEAST = 1e-4, 1e-6  # what Evidently puts into an empty cell: see _filled


def counted(method: str, reference: Whole, current: Whole, level: float) -> float:
    """Return the score that two windows with these (k,) rows in each cell pass with probability `level` by chance."""
    pooled = reference + current
    rows = in_proportion(pooled[pooled > 0], min(int(pooled.sum()), MOST))
    total = int(rows.sum())
    size = min(max(1, round(total * (int(reference.sum()) / int(pooled.sum())))), total - 1)
    draws = max(DRAWS // 4, min(DRAWS, CELLS // rows.size))
    dealt = np.random.default_rng(0).multivariate_hypergeometric(rows, size, draws, method="marginals")
    before, now = dealt / size, (rows - dealt) / (total - size)
    return _tail(method, scores(method, before, now), level)


def ks(reference_rows: int, current_rows: int, level: float) -> float:
    """Return the gap of two empirical distribution functions that is passed with probability at most `level`.

    sqrt(ln(2 / level) / 2 * (1 / n + 1 / m)): Smirnov 1948, https://doi.org/10.1214/aoms/1177730256, first term.
    """
    return sqrt(log(2.0 / level) / 2.0 * (1.0 / reference_rows + 1.0 / current_rows))


def wasserstein(pair: Pair, reference_rows: int, current_rows: int, level: float) -> float:
    """Return the area between two distribution functions that is passed with probability `level` by chance.

    The gap of two empirical distribution functions tends to a Brownian bridge in the rank, times sqrt(1/n + 1/m):
    Donsker 1952, https://doi.org/10.1214/aoms/1177729445.
    """
    total = reference_rows + current_rows
    ranks = ((reference_rows * pair.reference + current_rows * pair.current) / total).T.ravel()  # (2k,)
    widths = np.zeros(ranks.size - 1)
    widths[1::2] = np.diff(pair.knots)  # the others are the steps at a knot
    at, weights = _grouped(ranks, np.convolve(widths, [0.5, 0.5]))
    steps = np.clip(np.diff(at, prepend=0.0, append=1.0), 0.0, None)  # ranks are ascending but for rounding
    walk = np.cumsum(np.random.default_rng(0).standard_normal((DRAWS, steps.size)) * np.sqrt(steps), axis=1)
    bridge = walk[:, :-1] - at * walk[:, -1:]
    area = np.abs(bridge) @ weights * sqrt(1.0 / reference_rows + 1.0 / current_rows)
    return _tail("wasserstein", area, level)


def _grouped(ranks: Values, weights: Values) -> tuple[Values, Values]:
    """Return at most GROUPS ranks and the weights of theirs, each with about as large a part in the expected area."""
    ranks, weights = ranks[weights > 0], weights[weights > 0]
    parts = np.cumsum(weights * np.sqrt(np.clip(ranks * (1.0 - ranks), 0.0, None)))
    place = np.unique(np.ceil(parts * (GROUPS / parts[-1])), return_inverse=True)[1]
    together = np.bincount(place, weights).astype(np.float64)
    return np.clip(np.bincount(place, weights * ranks) / together, 0.0, 1.0), together


def scores(method: str, before: Values, now: Values) -> Values:
    """Return the (d,) scores of (d, k) shares, by the formulas of Evidently's tests."""
    match method:
        case "jensenshannon":
            middle = (before + now) / 2.0
            return np.sqrt((rel_entr(before, middle) + rel_entr(now, middle)).sum(axis=1) / 2.0)
        case "hellinger":
            return np.sqrt(np.clip(1.0 - np.sqrt(before * now).sum(axis=1), 0.0, 1.0))
        case "psi":
            before, now = _filled(before), _filled(now)
            return ((before - now) * np.log(before / now)).sum(axis=1)
        case "kl_div":
            before, now = _filled(before), _filled(now)
            return rel_entr(before / before.sum(axis=1)[:, None], now / now.sum(axis=1)[:, None]).sum(axis=1)
        case _:
            raise ValueError(f"{method!r} does not compare cells; wanted jensenshannon, hellinger, psi or kl_div")


def _filled(shares: Values) -> Values:
    """Return (d, k) shares with a small one in each empty cell: of the smallest other, where that is small itself."""
    least = np.where(shares > 0, shares, np.inf).min(axis=1)[:, None]
    return np.where(shares > 0, shares, np.where(least <= RARE, least * LEAST, RARE))


def _tail(method: str, drawn: Values, level: float) -> float:
    """Return what scores like the (d,) drawn ones pass with probability `level`."""
    power = 1.0 if method in ("psi", "kl_div") else 2.0
    form = drawn**power
    mean, variance = float(form.mean()), float(form.var())
    if variance <= (1e-9 * mean) ** 2:
        return float(drawn.max())
    return float((gammaincinv(mean**2 / variance, 1.0 - level) * variance / mean) ** (1.0 / power))
