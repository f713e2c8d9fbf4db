"""Choosing the point of the frontier."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from maintainer.train.sweep import ALPHAS, choose, doubt_of, sweep, why_not


def test_the_best_on_new_data_inside_the_budget_is_chosen():
    points = sweep(lambda a: (0.7 + 0.2 * a, 0.9 - 0.1 * a), ALPHAS, "accuracy", 0.0301)
    assert choose(points, "accuracy").alpha == 0.3


def test_an_error_is_better_when_lower_and_its_budget_is_a_share():
    points = sweep(lambda a: (100 - 50 * a, 40 * (1 + a)), ALPHAS, "mae", 0.5001)
    assert choose(points, "mae").alpha == 0.5


def test_of_equals_the_point_nearest_to_the_champion_is_chosen():
    points = sweep(lambda a: (0.7 if a < 0.4 else 0.8, 0.9), ALPHAS, "accuracy", 0.01)
    assert choose(points, "accuracy").alpha == 0.4


def test_without_former_data_the_budget_is_met():
    points = sweep(lambda a: (a, None), ALPHAS, "accuracy", 0.0)
    assert all(point.inside_budget for point in points)
    assert choose(points, "accuracy").alpha == 1.0


def test_a_point_that_is_not_a_number_is_never_chosen():
    points = sweep(lambda a: (float("nan") if a else 0.5, 0.9), ALPHAS, "accuracy", 0.5)
    assert choose(points, "accuracy").alpha == 0.0
    points = sweep(lambda a: (0.5 + a, float("nan") if a else 0.9), ALPHAS, "accuracy", 0.5)
    assert choose(points, "accuracy").alpha == 0.0


def test_the_reason_names_what_stood_in_the_way_with_figures():
    tight = sweep(lambda a: (0.7 + 0.2 * a, 0.9 - 0.5 * a), ALPHAS, "accuracy", 0.01)
    assert choose(tight, "accuracy").alpha == 0.0
    said = why_not(tight, "accuracy", 0.01)
    assert "budget of 0.01" in said and "0.7000 to 0.9000" in said and "0.9000 to 0.4000" in said
    worse = sweep(lambda a: (0.7 - a, 0.9), ALPHAS, "accuracy", 0.01)
    assert "no challenger beats the champion's accuracy of 0.7000" in why_not(worse, "accuracy", 0.01)


def test_a_loss_within_a_standard_error_of_the_budget_is_inside_but_a_budget_of_zero_is_zero():
    def inside(doubt: float, budget: float = 0.0201) -> list[float]:
        points = sweep(lambda a: (a, 0.9 - 0.1 * a), ALPHAS, "accuracy", budget, lambda alpha: doubt)
        return [point.alpha for point in points if point.inside_budget]

    assert max(inside(0.0)) == 0.2
    assert max(inside(0.011)) == 0.3
    assert max(inside(0.5)) == 1.0
    assert max(inside(0.5, budget=0.0)) == 0.0


def test_the_standard_error_of_a_mean_is_the_one_of_the_textbook():
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=(2, 40))

    def without(values: NDArray[np.float64]) -> list[float]:
        return [float(np.delete(values, i).mean()) for i in range(40)]

    found = doubt_of("accuracy", without(before), without(after))
    assert found == pytest.approx(float((before - after).std(ddof=1)) / 40**0.5)
    assert doubt_of("accuracy", [0.5], [0.4]) == 0.0
