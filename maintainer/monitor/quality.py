"""The champion against its late labels: every figure of the policy, each with the bounds that chance leaves it.

Shapes: n labelled samples in time order, c classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maintainer.domain import metrics
from maintainer.domain.evidence import Metric
from maintainer.domain.profile import LARGEST
from maintainer.domain.sample import TaskKind
from maintainer.domain.statistics import Resampling, bootstrap, wilson
from maintainer.monitor.measured import Measured

Floats = NDArray[np.float64]
HOW = Resampling(confidence=0.975)  # of each bound; both together hold at 95 %
BOTH = 0.95


@dataclass(frozen=True)
class Answered:
    """What a version answered and what was right."""

    labels: NDArray[np.generic]  # (n,) class names, or numbers
    answers: NDArray[np.generic]  # (n,) the same kind
    chances: Floats | None = None  # (n, c); a row of NaN where none are kept
    classes: tuple[str, ...] = ()


def quality(task: TaskKind, wanted: tuple[str, ...], answered: Answered) -> Measured:
    """Return the wanted metrics.

    Pairs of numbers with one that is not finite, or beyond LARGEST, are left out, and so are answers without
    probabilities of metrics on these; a note says how many.
    """
    if task is TaskKind.REGRESSION:
        return _of_numbers(wanted, answered.labels.astype(np.float64), answered.answers.astype(np.float64))
    if not answered.labels.size:
        return Measured((), (_unlabelled(wanted),))
    on_chances = tuple(name for name in wanted if name in metrics.ON_CHANCES)
    figures = [_of_classes(name, answered) for name in wanted if name not in on_chances]
    told, notes = _of_chances(on_chances, answered) if on_chances else ([], ())
    return Measured((*figures, *told), notes)


def _of_classes(name: str, answered: Answered) -> Metric:
    texts = np.concatenate([answered.labels.astype(str), answered.answers.astype(str)])
    labels, answers = np.unique(texts, return_inverse=True)[1].reshape(2, -1).astype(np.int64)
    if name == "accuracy":
        return share_of("accuracy", labels == answers)
    value = metrics.f1_macro(labels, answers)
    low, high = _bounds(f1_influence(labels, answers)[:, None], lambda means: means[:, 0])
    return _metric(name, value, labels.size, (max(0.0, value + low), min(1.0, value + high)))


def share_of(name: str, right: NDArray[np.bool_]) -> Metric:
    """Return the share of (n,) right answers, n at least 1: Wilson's bounds, wider where errors come in bursts."""
    low, high = wilson(int(right.sum()), right.size, HOW.confidence)
    lower, upper = _bounds(right[:, None].astype(np.float64), lambda means: means[:, 0])
    bursty = np.isfinite(lower)
    bounds = (max(0.0, min(low, lower)), min(1.0, max(high, upper))) if bursty else (low, high)
    return _metric(name, float(right.mean()), right.size, bounds)


def f1_influence(labels: metrics.Labels, answers: metrics.Labels) -> Floats:
    """Return (n,) how much each sample moves the mean F1; they add up to 0.

    The derivative of F = 2 tp / seen of each class by the weight of a sample, times n.
    """
    c = int(max(labels.max(), answers.max())) + 1
    seen = np.bincount(labels, minlength=c) + np.bincount(answers, minlength=c)
    right = labels == answers
    scores = 2.0 * np.bincount(labels[right], minlength=c) / np.maximum(seen, 1)
    gained = np.where(right, 2.0 / seen[labels], 0.0)
    spent = scores[labels] / seen[labels] + scores[answers] / seen[answers]
    return (gained - spent) * labels.size / np.count_nonzero(seen)


def _of_chances(wanted: tuple[str, ...], answered: Answered) -> tuple[list[Metric], tuple[str, ...]]:
    chances = answered.chances
    usable = np.zeros(answered.labels.size, bool) if chances is None else np.isfinite(chances).all(axis=1)
    rows = int(usable.sum())
    if chances is None or not rows:
        return [], (f"{', '.join(wanted)} not measured: no probabilities are kept of the labelled answers",)
    left = usable.size - rows
    note = (f"{left} labelled answers without probabilities left out of {', '.join(wanted)}",) if left else ()
    chosen = np.concatenate([chances[usable], np.zeros((rows, 1))], axis=1)  # what the model does not know has none
    places = {name: i for i, name in enumerate(answered.classes)}
    labels = np.array([places.get(str(name), chosen.shape[1] - 1) for name in answered.labels[usable]], np.int64)
    return [_of_probabilities(name, labels, chosen) for name in wanted], note


def _of_probabilities(name: str, labels: metrics.Labels, chances: Floats) -> Metric:
    value = metrics.measure(name, labels, chances)
    if name == "ece":  # resamples of it lie above it: it is a sum of absolute values
        return Metric(name, value, labels.size)
    losses = -np.log(np.clip(chances[np.arange(labels.size), labels], 1e-12, 1.0))
    return _metric(name, value, labels.size, _bounds(losses[:, None], lambda means: means[:, 0]))


def _of_numbers(wanted: tuple[str, ...], labels: Floats, answers: Floats) -> Measured:
    usable = (np.abs(labels) <= LARGEST) & (np.abs(answers) <= LARGEST)
    rows = int(usable.sum())
    left = labels.size - rows
    notes = (f"{left} labelled answers left out: a number is not finite or beyond {LARGEST:g}",) if left else ()
    if not rows:
        return Measured((), (*notes, _unlabelled(wanted)))
    return Measured(tuple(_of_values(name, labels[usable], answers[usable]) for name in wanted), notes)


def _of_values(name: str, labels: Floats, answers: Floats) -> Metric:
    error = labels - answers
    match name:
        case "mae":
            bounds = _bounds(np.abs(error)[:, None], lambda means: means[:, 0])
        case "rmse":
            bounds = _bounds((error**2)[:, None], lambda means: np.sqrt(means[:, 0]))
        case _:
            away = labels - labels.mean()
            bounds = _bounds(np.stack([error**2, away, away**2], axis=1), _explained)
    return _metric(name, metrics.measure(name, labels, answers), labels.size, bounds)


def _explained(means: Floats) -> Floats:
    spread = means[:, 2] - means[:, 1] ** 2
    return 1.0 - means[:, 0] / np.where(spread > 0, spread, np.nan)


def _bounds(terms: Floats, gain: Callable[[Floats], Floats]) -> tuple[float, float]:
    """Return the bounds of the blocked bootstrap; infinite below three blocks and where nothing varies."""
    if not (terms.std(axis=0) > 0).any():
        return -np.inf, np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        return bootstrap(terms, gain, HOW)


def _metric(name: str, value: float, n: int, bounds: tuple[float, float]) -> Metric:
    low, high = bounds
    if not (np.isfinite(low) and np.isfinite(high)):
        return Metric(name, value, n)
    return Metric(name, value, n, min(low, value), max(high, value), BOTH)


def _unlabelled(names: tuple[str, ...]) -> str:
    return f"{', '.join(names)} not measured: no answered sample of the window has a label yet"
