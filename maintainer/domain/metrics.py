"""Figures of quality on arrays, and how much of one was lost between two models.

Shapes: n samples, c classes. Labels are class indices for classification and real values for regression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.sample import TaskKind

Labels = NDArray[np.int64]
Values = NDArray[np.float64]
Table = Sequence[Sequence[float | None]]  # R[i][j]: a metric on period j after update i

CLASSIFICATION = ("accuracy", "f1_macro", "log_loss", "ece")
REGRESSION = ("mae", "rmse", "r2")
ON_CHANCES = ("log_loss", "ece")  # measured on probabilities, not on answers
HIGHER_IS_BETTER = {
    "accuracy": True,
    "f1_macro": True,
    "log_loss": False,
    "ece": False,
    "mae": False,
    "rmse": False,
    "r2": True,
}
RELATIVE = frozenset({"mae", "rmse"})  # in the label's unit: a loss is a share of the former value


def metrics_of(task: TaskKind) -> tuple[str, ...]:
    """Return the metric names that a task can be measured by; the first is its main one."""
    return CLASSIFICATION if task is TaskKind.CLASSIFICATION else REGRESSION


def checked_metrics(task: TaskKind) -> tuple[str, ...]:
    """Return the metric names that a check can measure: answers are logged without their probabilities."""
    return tuple(name for name in metrics_of(task) if name not in ON_CHANCES)


def accuracy(labels: Labels, answers: Labels) -> float:
    """Return the share of (n,) answers that equal the (n,) labels."""
    return float(np.mean(np.equal(labels, answers)))


def f1_macro(labels: Labels, answers: Labels) -> float:
    """Return the mean over the classes seen of F1 = 2 tp / (2 tp + fp + fn)."""
    scores: list[float] = []
    for cls in np.unique(np.concatenate((labels, answers))):
        hit = float(np.sum((labels == cls) & (answers == cls)))
        seen = float(np.sum(labels == cls) + np.sum(answers == cls))
        scores.append(2.0 * hit / seen)
    return float(np.mean(scores))


def log_loss(labels: Labels, probabilities: Values) -> float:
    """Return the mean negative log of the (n, c) probability given to the label, floored at 1e-12."""
    chosen = probabilities[np.arange(labels.size), labels]
    return float(-np.mean(np.log(np.clip(chosen, 1e-12, 1.0))))


def ece(labels: Labels, probabilities: Values, bins: int = 15) -> float:
    """Return the expected calibration error in 0..1 over equal-width bins of the top probability.

    Naeini et al. 2015; Guo et al. 2017, eq. 3, https://arxiv.org/abs/1706.04599.
    """
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, right - confidence, minlength=bins)
    return float(np.sum(np.abs(gap)) / labels.size)


def mae(labels: Values, answers: Values) -> float:
    """Return the mean absolute error, in the unit of the label."""
    return float(np.mean(np.abs(labels - answers)))


def rmse(labels: Values, answers: Values) -> float:
    """Return the root of the mean squared error, in the unit of the label."""
    return float(np.sqrt(np.mean((labels - answers) ** 2)))


def r2(labels: Values, answers: Values) -> float:
    """Return the share of the labels' variance that is explained; 0 where the labels do not vary."""
    spread = float(np.sum((labels - labels.mean()) ** 2))
    return 1.0 - float(np.sum((labels - answers) ** 2)) / spread if spread > 0 else 0.0


def measure(name: str, labels: NDArray[np.generic], output: Values) -> float:
    """Return one metric by name.

    `output` is (n, c) probabilities for classification and (n,) values for regression; n must be at least 1.
    """
    if name in REGRESSION:
        of_values: dict[str, Callable[[Values, Values], float]] = {"mae": mae, "rmse": rmse, "r2": r2}
        return of_values[name](labels.astype(np.float64), output)
    indices = labels.astype(np.int64)
    if name in ON_CHANCES:
        return {"log_loss": log_loss, "ece": ece}[name](indices, output)
    return {"accuracy": accuracy, "f1_macro": f1_macro}[name](indices, output.argmax(axis=1))


def lost(metric: str, before: float, after: float) -> float:
    """Return how much worse `after` is than `before`; negative is a gain.

    In points of the metric, but for errors in the label's unit (mae, rmse) as a share of `before`, so that one limit
    means the same for bicycles and for megawatts.
    """
    worse = before - after if HIGHER_IS_BETTER[metric] else after - before
    if metric not in RELATIVE:
        return worse
    return worse / before if before > 0 else (0.0 if worse <= 0 else float("inf"))


def faded(own: Mapping[str, float], parent: Mapping[str, float]) -> dict[str, float]:
    """Return the figures that a new champion is held to, given its own and those its parent was held to.

    Its own where they are better; otherwise half-way back to the parent's. A champion that is only a little better than
    a broken one must not make the broken level the new normal; a level that never comes back fades within a few
    promotions.
    """
    held: dict[str, float] = {}
    for metric, value in own.items():
        former = parent.get(metric, value)
        better = value > former if HIGHER_IS_BETTER[metric] else value < former
        held[metric] = value if better else (value + former) / 2.0
    return held


def negative_flips(champion_right: NDArray[np.bool_], challenger_right: NDArray[np.bool_]) -> float:
    """Return the share of samples that the champion had right and the challenger has wrong.

    Yan et al. 2021, https://arxiv.org/abs/2011.09161.
    """
    return float(np.mean(champion_right & ~challenger_right))


def average(table: Table) -> float | None:
    """Return mean over j <= T of R[T, j]; table[i][j] is the metric on period j after update i, None where unknown.

    Lopez-Paz & Ranzato 2017, eq. 2, https://arxiv.org/abs/1706.08840.
    """
    known = [value for value in table[-1][: len(table)] if value is not None] if table else []
    return float(np.mean(known)) if known else None


def plasticity(table: Table) -> float | None:
    """Return mean over j of R[j, j]: how well each period was learned when it was new.

    Called learning accuracy in Riemer et al. 2019, section 4, https://arxiv.org/abs/1810.11910.
    """
    known = [value for j, row in enumerate(table) if j < len(row) and (value := row[j]) is not None]
    return float(np.mean(known)) if known else None


def backward_transfer(table: Table, metric: str) -> float:
    """Return mean over j < T of the gain R[T, j] - R[j, j]; what is unknown is left out.

    Negative is forgetting. Lopez-Paz & Ranzato 2017, eq. 3, https://arxiv.org/abs/1706.08840. Signs follow `lost`.
    """
    last = len(table) - 1
    pairs = [(table[j][j], table[last][j]) for j in range(last)]
    gains = [-lost(metric, own, now) for own, now in pairs if own is not None and now is not None]
    return float(np.mean(gains)) if gains else 0.0


def forward_transfer(table: Table, constant: Sequence[float | None], metric: str) -> float | None:
    """Return mean over j > 0 of the gain R[j-1, j] - b[j]: what a period gets from those before it.

    Lopez-Paz & Ranzato 2017, eq. 4, https://arxiv.org/abs/1706.08840; b is there an untrained model, here the best
    constant answer to the period. None where no row tells of the period after it. Signs follow `lost`.
    """
    gains: list[float] = []
    for j in range(1, len(table)):
        before, base = (table[j - 1][j] if len(table[j - 1]) > j else None), constant[j]
        if before is not None and base is not None:
            gains.append(-lost(metric, base, before))
    return float(np.mean(gains)) if gains else None


def forgetting(table: Table, metric: str) -> float:
    """Return mean over j < T of the loss from the best R[l, j], j <= l < T, to R[T, j]; what is unknown is left out.

    Chaudhry et al. 2018, eq. 3, https://arxiv.org/abs/1801.10112, from the update that first learned the period.
    """
    last = len(table) - 1
    best = max if HIGHER_IS_BETTER[metric] else min
    losses: list[float] = []
    for j in range(last):
        former, now = [value for i in range(j, last) if (value := table[i][j]) is not None], table[last][j]
        if former and now is not None:
            losses.append(lost(metric, best(former), now))
    return float(np.mean(losses)) if losses else 0.0


def intransigence(metric: str, joint: Sequence[float], own: Sequence[float]) -> float:
    """Return mean over k of the loss from a model trained on all data at once, joint[k], to R[k, k]; needs a k.

    Chaudhry et al. 2018, eq. 5, https://arxiv.org/abs/1801.10112. Negative: better than the joint model.
    """
    return float(np.mean([lost(metric, best, found) for best, found in zip(joint, own, strict=True)]))


def worst_through(metric: str, former: Sequence[float | None]) -> float | None:
    """Return the worst that a model did on former data at any time of its training; None where it was never asked.

    The min-ACC of De Lange et al. 2023, eq. 3, https://arxiv.org/abs/2205.13452, over epochs in place of steps.
    """
    known = [value for value in former if value is not None]
    if not known:
        return None
    return min(known) if HIGHER_IS_BETTER[metric] else max(known)
