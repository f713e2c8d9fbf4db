"""Whether rows of two windows can be told apart by all their columns together, and which columns tell.

A classifier learns which window a row is from. It is a ridge on normal scores of the ranks, on indicators of missing
values and of frequent categories, and on those products of two of them that moved most in what it learns from: what it
sees are shifts, spreads and correlations, at a cost of milliseconds. What only three columns show together it misses.

Its p-value is exact, not one of cross-validation, where each row both teaches and judges and the terms are no longer
independent. Windows are cut into blocks of time, dealt to folds; the classifier of each fold learns from the folds
before it alone, so under the null each fold's p-value is uniform given all before it, and Stouffer's sum of them holds
(prediction before training: Podkopaev & Ramdas 2023, https://arxiv.org/abs/2305.00143). Within a fold, what is permuted
are whole blocks, so that rows like their neighbours in time do not count as evidence one by one.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
# scipy ships no types.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from maintainer.domain.kinds import Carrier, Together
from maintainer.domain.profile import LARGEST
from maintainer.monitor.frames import Values, Whole

FOLDS, BLOCKS = 5, 6  # blocks of a window in each fold: 924 ways to deal twelve into two windows
LEAST = 2 * FOLDS * BLOCKS  # rows of a window: two in each block
CATEGORIES = 8  # of a column that get an indicator, the most frequent
BASIS = 300  # indicators and numbers at most
TERMS = 16  # of them and of products of two that a classifier weighs: more are noise where few columns move
RIDGE = 0.01  # of each row, in units of a column's variance
METHOD = "domain classifier"

Columns = Mapping[str, NDArray[np.generic]]  # column -> (n,) float64, NaN is missing, or objects, None is missing


@dataclass(frozen=True, slots=True)
class Rows:
    """n rows of both windows as numbers, what they are made of, and where they lie."""

    basis: Values  # (n, b) standardised
    owner: Whole  # (b,) which column each comes from
    names: tuple[str, ...]
    current: NDArray[np.bool_]  # (n,)
    block: Whole  # (n,) of a window in time, 0 to FOLDS * BLOCKS - 1


@dataclass(frozen=True, slots=True)
class Classifier:
    """Weights of some of the basis and of products; what is higher is rather current."""

    terms: Whole  # (t, 2) places in the basis; -1: no second factor
    middle: Values  # (t,)
    weights: Values  # (t,)

    def scores(self, basis: Values) -> Values:
        """Return (n,) scores of (n, b) rows."""
        return (_made(basis, self.terms) - self.middle) @ self.weights


def compare(reference: Columns, current: Columns, seed: int = 0) -> Together | None:
    """Return whether rows, oldest first, can be told apart; None with fewer than LEAST rows in either window."""
    sizes = tuple(len(next(iter(side.values()), np.zeros(0))) for side in (reference, current))
    if min(sizes) < LEAST:
        return None
    rows = _rows(reference, current, sizes)
    if not rows.basis.shape[1]:
        return Together("drift.multivariate", METHOD, 0.0, 1.0, (sizes[0], sizes[1]))
    fold = rows.block % FOLDS
    areas, deviates = list[float](), list[float]()
    model = learn(rows.basis[fold == 0], rows.current[fold == 0])
    for place in range(1, FOLDS):
        here = fold == place
        model = learn(rows.basis[fold < place], rows.current[fold < place])
        area, p = judged(model.scores(rows.basis[here]), rows.current[here], rows.block[here])
        areas.append(area)
        deviates.append(float(norm.isf(p)))
    p = float(norm.sf(sum(deviates) / sqrt(len(deviates))))
    found = Together("drift.multivariate", METHOD, max(0.0, 2.0 * float(np.mean(areas)) - 1.0), p, (sizes[0], sizes[1]))
    if not found.drifted:
        return found
    carriers = _carriers(model, rows, fold == FOLDS - 1, seed)
    return Together(found.evidence, METHOD, found.score, p, found.rows, carriers)


def learn(basis: Values, current: NDArray[np.bool_]) -> Classifier:
    """Return the ridge of -1 (reference) and 1 (current) on those of basis and products that moved most."""
    terms = _moved(basis, current)
    made = _made(basis, terms)
    middle = made.mean(axis=0)
    made = made - middle
    target = np.where(current, 1.0, -1.0)
    gram = made.T @ made
    gram[np.diag_indices_from(gram)] += RIDGE * len(target)
    return Classifier(terms, middle, np.linalg.solve(gram, made.T @ (target - target.mean())))


def judged(scores: Values, current: NDArray[np.bool_], block: Whole) -> tuple[float, float]:
    """Return the area under the ROC curve of a fold's rows, and how often blocks dealt anew reach it.

    The area is a sum of ranks (Mann & Whitney 1947), so a block counts by the sum of its own. Blocks of the two windows
    may differ in size by as much as the windows do: what is dealt is the mean rank of each.
    """
    ranks = rankdata(scores)
    n, m = int((~current).sum()), int(current.sum())
    area = (float(ranks[current].sum()) - m * (m + 1) / 2.0) / (n * m)
    means = [_means(ranks[side], block[side]) for side in (~current, current)]
    pooled = np.concatenate(means)
    half = len(means[1])
    dealt = np.asarray([sum(chosen) for chosen in combinations(pooled.tolist(), half)])
    reached = dealt >= float(means[1].sum()) - 1e-9
    return area, float(reached.mean()) if reached.mean() < 1.0 else 1.0 - 0.5 / reached.size


def _means(ranks: Values, block: Whole) -> Values:
    places = np.unique(block, return_inverse=True)[1]
    return np.bincount(places, ranks) / np.bincount(places)


def _carriers(model: Classifier, rows: Rows, here: NDArray[np.bool_], seed: int) -> tuple[Carrier, ...]:
    """Return what the last classifier loses in area when one column after the other is shuffled (Breiman 2001)."""
    rng = np.random.default_rng(seed)
    basis, current, block = rows.basis[here], rows.current[here], rows.block[here]
    whole = judged_area(model.scores(basis), current)
    order = rng.permutation(len(block))
    lost: list[tuple[float, str]] = []
    for place, name in enumerate(rows.names):
        mine = rows.owner == place
        if mine.any():
            shuffled = basis.copy()
            shuffled[:, mine] = basis[order][:, mine]
            lost.append((max(0.0, whole - judged_area(model.scores(shuffled), current)), name))
    total = sum(loss for loss, _ in lost)
    ranked = sorted(lost, key=lambda one: (-one[0], one[1]))
    return tuple(Carrier(name, loss / total) for loss, name in ranked if total > 0 and loss / total >= 0.01)


def judged_area(scores: Values, current: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve."""
    n, m = int((~current).sum()), int(current.sum())
    return (float(rankdata(scores)[current].sum()) - m * (m + 1) / 2.0) / (n * m)


def _rows(reference: Columns, current: Columns, sizes: tuple[int, ...]) -> Rows:
    names = tuple(name for name in reference if name in current)
    parts, owners = list[Values](), list[int]()
    room = max(2, BASIS // max(1, len(names)))
    for place, name in enumerate(names):
        column = np.concatenate([reference[name], current[name]])
        made = _numbers(column.astype(np.float64)) if column.dtype.kind in "fiub" else _indicators(column, room - 1)
        parts += made
        owners += [place] * len(made)
    block = np.concatenate([np.arange(size) * (FOLDS * BLOCKS) // size for size in sizes])
    now = np.arange(sum(sizes)) >= sizes[0]
    basis = np.stack(parts, axis=1) if parts else np.zeros((sum(sizes), 0))
    return Rows(basis, np.asarray(owners, np.int64), names, now, block)


def _numbers(column: Values) -> list[Values]:
    """Return a column's normal scores, 0 where it is missing, and whether it is; what does not vary is left out."""
    there = np.abs(column) <= LARGEST
    column = np.where(there, column, np.nan)
    made = [_standard((~there).astype(np.float64))]
    if there.sum() > 1:
        scores = np.zeros(column.size)
        scores[there] = norm.ppf((rankdata(column[there]) - 0.5) / there.sum())
        made.insert(0, _standard(scores))
    return [one for one in made if one.any()]


def _indicators(column: NDArray[np.generic], most: int) -> list[Values]:
    """Return for each of the most frequent categories, missing among them, which rows have it."""
    texts = np.asarray(["\0" if value is None else str(value) for value in column.tolist()], dtype=object)
    values, places, counts = np.unique(texts.astype(str), return_inverse=True, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[: min(most, CATEGORIES)]
    made = [_standard((places == value).astype(np.float64)) for value in frequent if values.size > 1]
    return [one for one in made if one.any()]


def _standard(column: Values) -> Values:
    """Return a column with mean 0 and variance 1 over both windows; zeros where it does not vary."""
    deviation = float(column.std())
    return (column - column.mean()) / deviation if deviation > 1e-12 else np.zeros(column.size)


def _moved(basis: Values, current: NDArray[np.bool_]) -> Whole:
    """Return the (t, 2) terms whose means differ most between the windows, by Welch's t; -1 is no second factor."""
    whole = np.concatenate([np.ones((len(basis), 1)), basis], axis=1)
    sides = [whole[side] for side in (~current, current)]
    means = [side.T @ side / len(side) for side in sides]
    squares = [np.square(side).T @ np.square(side) / len(side) for side in sides]
    spread = sum((square - mean**2) / len(side) for square, mean, side in zip(squares, means, sides, strict=True))
    moved = np.abs(means[1] - means[0]) / np.sqrt(np.maximum(spread, 1e-12))
    first, second = np.triu_indices(len(moved))
    order = np.argsort(-moved[first, second], kind="stable")
    order = order[(second[order] > 0)][:TERMS]
    return np.stack([second[order], first[order]], axis=1) - 1


def _made(basis: Values, terms: Whole) -> Values:
    """Return the (n, t) terms; products are squashed so that a few far rows do not decide."""
    first, second = basis[:, terms[:, 0]], basis[:, terms[:, 1]]
    return np.where(terms[:, 1] < 0, first, np.tanh(first * second / 3.0) * 3.0)
