"""How many answers are right, told from the model's own probabilities before any label comes.

The probability of an answer is calibrated on former answers whose labels are known; its mean over the window then is
the accuracy to expect, as in the confidence-based performance estimation (CBPE) of NannyML. It holds as long as labels
depend on inputs as they did. Where that has changed it is wrong and cannot know: it is blind to concept drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.statistics import Resampling, block_length, design_effect, resampled_means

Floats = NDArray[np.float64]

GROUPS = 50  # of former answers by their confidence
LEAST = 100  # labelled former answers, and answers of the window
Z = 1.959964  # 95 % of a normal distribution lies within so many deviations


@dataclass(frozen=True)
class Past:
    """Former answers with their labels, oldest first."""

    confidence: Floats  # (n,) the probability that the model gave its answer
    right: NDArray[np.bool_]  # (n,)


@dataclass(frozen=True)
class Expected:
    """An accuracy with its bounds at 95 %."""

    value: float
    lower: float
    upper: float


def isotonic(hits: Floats, weights: Floats) -> Floats:
    """Return (k,) shares that never fall and are nearest to hits / weights, by pooling neighbours that do.

    The pool-adjacent-violators algorithm, Ayer et al. 1955, https://doi.org/10.1214/aoms/1177728423. Weights are
    positive.
    """
    pools: list[tuple[float, float, int]] = []
    for hit, weight in zip(hits.tolist(), weights.tolist(), strict=True):
        size = 1
        while pools and pools[-1][0] * weight >= hit * pools[-1][1]:
            former = pools.pop()
            hit, weight, size = hit + former[0], weight + former[1], size + former[2]
        pools.append((hit, weight, size))
    return np.repeat([hit / weight for hit, weight, _ in pools], [size for *_, size in pools])


def expect(past: Past, confidence: Floats, how: Resampling | None = None) -> Expected:
    """Return the accuracy to expect of answers given with (m,) confidence; both sides at least one row, finite.

    The bounds add up what the calibration leaves open (its past drawn anew in blocks) and the chance of m answers.
    """
    cuts = group_cuts(past.confidence)
    places, now = (np.searchsorted(cuts, each, side="right") for each in (past.confidence, confidence))
    k = cuts.size + 1
    share = np.bincount(now, minlength=k) / confidence.size
    weights = np.bincount(places, minlength=k).astype(np.float64)
    curve = _curve(np.bincount(places, past.right.astype(np.float64), k).astype(np.float64), weights)
    value = float(share @ curve)
    effect = design_effect(past.right - curve[places])
    noise = effect * float(share @ (curve * (1.0 - curve))) / confidence.size
    spread = sqrt(noise + _doubt(past, places, share, how or Resampling(resamples=200)))
    return Expected(value, max(0.0, value - Z * spread), min(1.0, value + Z * spread))


def group_cuts(confidence: Floats) -> Floats:
    """Return where former answers are cut into groups of about equal size, and never between equal confidences."""
    values = np.unique(confidence)
    if values.size > GROUPS:
        ranks = np.arange(1, GROUPS) / GROUPS
        values = np.unique(np.concatenate([values[:1], np.quantile(confidence, ranks, method="inverted_cdf")]))
    return (values[:-1] + values[1:]) / 2.0


def _curve(hits: Floats, weights: Floats) -> Floats:
    """Return (k,) calibrated shares; a group that is empty has that of its neighbour below, or above."""
    there = weights > 0
    found = isotonic(hits[there], weights[there])
    places = np.clip(np.cumsum(there) - 1, 0, found.size - 1)
    return found[places]


def _doubt(past: Past, places: NDArray[np.intp], share: Floats, how: Resampling) -> float:
    """Return the variance of the mean over the window that the finite past leaves."""
    k = share.size
    terms = np.zeros((places.size, 2 * k))
    rows = np.arange(places.size)
    terms[rows, places] = past.right
    terms[rows, k + places] = 1.0
    block = block_length(past.right.astype(np.float64))
    means = np.concatenate(list(resampled_means(terms, block, how)))
    return float(np.var([share @ _curve(each[:k], each[k:]) for each in means]))
