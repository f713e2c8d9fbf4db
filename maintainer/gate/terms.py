"""Each metric as a function of means: per-sample terms whose mean over any resample gives its value.

A resample then costs a mean instead of a new pass over its samples, for F1 and r2 as well.
Shapes: n samples, c classes, r resamples, k terms.
"""

from __future__ import annotations

from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.metrics import HIGHER_IS_BETTER, RELATIVE
from maintainer.domain.policy import ComparedMetric
from maintainer.gate.figures import Answered

Floats = NDArray[np.float64]


def terms(metric: ComparedMetric, labels: NDArray[np.generic], answered: Answered) -> Floats:
    """Return the (n, k) terms of a metric."""
    match metric:
        case "accuracy":
            return _column(labels == answered.answers)
        case "f1_macro":
            return _hits_and_sightings(labels.astype(np.int64), answered)
        case "log_loss":
            chosen = answered.chances[np.arange(labels.size), labels.astype(np.int64)]
            return _column(-np.log(np.clip(chosen, 1e-12, 1.0)))
        case "mae":
            return _column(np.abs(labels.astype(np.float64) - answered.answers))
        case "rmse":
            return _column((labels.astype(np.float64) - answered.answers) ** 2)
        case "r2":
            values = labels.astype(np.float64)
            centred = values - values.mean()  # a variance from means loses its digits far from zero
            return np.stack([(values - answered.answers) ** 2, centred, centred**2], axis=1)
        case _:
            assert_never(metric)


def _column(values: NDArray[np.generic]) -> Floats:
    return values.astype(np.float64)[:, None]


def _hits_and_sightings(labels: NDArray[np.int64], answered: Answered) -> Floats:
    """Return (n, 2 c): whether class j was hit, then how often (0 to 2) it was label or answer."""
    each = np.arange(answered.classes)
    seen, said = labels[:, None] == each, answered.answers[:, None] == each
    return np.concatenate([seen & said, seen.astype(np.int8) + said], axis=1).astype(np.float64)


def value(metric: ComparedMetric, means: Floats) -> Floats:
    """Return the (r,) values of a metric from its (r, k) mean terms."""
    match metric:
        case "accuracy" | "log_loss" | "mae":
            return means[:, 0]
        case "f1_macro":
            hits, sightings = np.split(means, 2, axis=1)
            scores = 2 * hits / np.where(sightings > 0, sightings, 1.0)
            return scores.sum(axis=1) / np.maximum((sightings > 0).sum(axis=1), 1)
        case "rmse":
            return np.sqrt(means[:, 0])
        case "r2":
            spread = means[:, 2] - means[:, 1] ** 2
            return np.where(spread > 0, 1 - means[:, 0] / np.where(spread > 0, spread, 1.0), 0.0)
        case _:
            assert_never(metric)


def gains(metric: ComparedMetric, before: Floats, after: Floats) -> Floats:
    """Return -lost(metric, before, after) elementwise (see domain.metrics): positive is better."""
    better = after - before if HIGHER_IS_BETTER[metric] else before - after
    if metric not in RELATIVE:
        return better
    relative = better / np.where(before > 0, before, 1.0)
    return np.where(before > 0, relative, np.where(better >= 0, 0.0, -np.inf))
