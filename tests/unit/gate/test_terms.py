"""Metrics as functions of means agree with the metrics themselves, on any resample."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from maintainer.domain.metrics import HIGHER_IS_BETTER, REGRESSION, lost, measure
from maintainer.domain.policy import ComparedMetric
from maintainer.gate.figures import Answered
from maintainer.gate.terms import gains, terms, value

METRICS = get_args(ComparedMetric)


def data(metric: str, n: int = 60) -> tuple[np.ndarray, Answered]:
    rng = np.random.default_rng(7)
    if metric in REGRESSION:
        labels = 1e6 + rng.normal(size=n)
        return labels, Answered(labels + rng.normal(size=n), np.zeros((n, 0)))
    chances = rng.dirichlet(np.ones(5), n)
    return rng.integers(0, 4, n), Answered(chances.argmax(axis=1), chances)  # no label is class 4


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_from_mean_terms_is_the_metric_of_the_resample(metric):
    labels, answered = data(metric)
    draws = np.random.default_rng(1).integers(0, 60, (20, 60))
    draws[0] = np.arange(60)
    got = value(metric, terms(metric, labels, answered)[draws].mean(axis=1))
    output = answered.answers if metric in REGRESSION else answered.chances
    wanted = [measure(metric, labels[draw], output[draw]) for draw in draws]
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_gains_are_losses_with_the_sign_changed(metric):
    before, after = np.array([0.5, 0.5, 0.8, 0.0, 0.0]), np.array([0.6, 0.4, 0.8, 0.0, 0.1])
    wanted = [-lost(metric, float(b), float(a)) for b, a in zip(before, after, strict=True)]
    np.testing.assert_allclose(gains(metric, before, after), wanted)
    assert (gains(metric, before, after)[0] > 0) == HIGHER_IS_BETTER[metric]
