"""Figures of quality: against scikit-learn where it has them, against their definition where it has not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from maintainer.domain import metrics
from maintainer.domain.sample import TaskKind

Arrays = tuple[Any, Any]


@st.composite
def classified(draw: st.DrawFn) -> Arrays:
    """Make (n,) labels and (n, c) probabilities; ties and unseen classes happen."""
    n, c = draw(st.integers(1, 60)), draw(st.integers(2, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    raw = random.integers(0, 4, (n, c)) + 1e-3
    return random.integers(0, c, n), raw / raw.sum(axis=1, keepdims=True)


@st.composite
def measured(draw: st.DrawFn) -> Arrays:
    """Make (n,) labels and (n,) answers."""
    n = draw(st.integers(2, 60))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    labels = random.normal(scale=10.0 ** draw(st.integers(-3, 5)), size=n)
    return labels, labels + random.normal(size=n)


@given(classified())
def test_classification_figures_agree_with_scikit_learn(arrays: Arrays) -> None:
    labels, probabilities = arrays
    answers = probabilities.argmax(axis=1)
    classes = list(range(probabilities.shape[1]))
    assert metrics.measure("accuracy", labels, probabilities) == pytest.approx(
        reference.accuracy_score(labels, answers)
    )
    assert metrics.measure("f1_macro", labels, probabilities) == pytest.approx(
        reference.f1_score(labels, answers, average="macro")
    )
    assert metrics.measure("log_loss", labels, probabilities) == pytest.approx(
        reference.log_loss(labels, probabilities, labels=classes)
    )


@given(measured())
def test_regression_figures_agree_with_scikit_learn(arrays: Arrays) -> None:
    labels, answers = arrays
    assert metrics.measure("mae", labels, answers) == pytest.approx(reference.mean_absolute_error(labels, answers))
    assert metrics.measure("rmse", labels, answers) == pytest.approx(reference.root_mean_squared_error(labels, answers))
    assert metrics.measure("r2", labels, answers) == pytest.approx(reference.r2_score(labels, answers))


def ece_by_its_definition(labels: Any, probabilities: Any, bins: int) -> float:
    """Return the sum over bins B of |B| / n times |accuracy(B) - confidence(B)|, sample by sample."""
    total = 0.0
    for b in range(bins):
        inside = [
            i
            for i, row in enumerate(probabilities)
            if b <= row.max() * bins < b + 1 or (b == bins - 1 and row.max() * bins >= bins)
        ]
        if inside:
            right = np.mean([probabilities[i].argmax() == labels[i] for i in inside])
            total += len(inside) / len(labels) * abs(right - np.mean([probabilities[i].max() for i in inside]))
    return total


@given(classified(), st.integers(1, 20))
def test_the_calibration_error_is_that_of_its_definition(arrays: Arrays, bins: int) -> None:
    assert metrics.ece(*arrays, bins) == pytest.approx(ece_by_its_definition(*arrays, bins), abs=1e-9)


def test_calibrated_answers_have_no_calibration_error_and_sure_wrong_ones_all_of_it() -> None:
    labels = np.array([0, 0, 0, 1])
    assert metrics.ece(labels, np.tile([0.75, 0.25], (4, 1))) == pytest.approx(0.0)
    assert metrics.ece(np.array([1, 1]), np.array([[1.0, 0.0], [1.0, 0.0]])) == pytest.approx(1.0)


def test_a_sure_wrong_answer_costs_a_finite_log_loss() -> None:
    assert metrics.log_loss(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(-math.log(1e-12))


def test_constant_labels_have_an_r2_of_zero_not_a_division_by_zero() -> None:
    assert metrics.r2(np.full(5, 3.0), np.arange(5.0)) == 0.0


def test_each_task_has_its_metrics_and_each_metric_its_direction() -> None:
    of_tasks = [name for task in TaskKind for name in metrics.metrics_of(task)]
    assert sorted(of_tasks) == sorted(metrics.HIGHER_IS_BETTER)
    assert metrics.metrics_of(TaskKind.CLASSIFICATION)[0] == "accuracy"
    assert metrics.metrics_of(TaskKind.REGRESSION)[0] == "mae"


@given(st.sampled_from(sorted(metrics.HIGHER_IS_BETTER)), st.floats(0.01, 10), st.floats(0.01, 10))
def test_a_loss_is_positive_exactly_when_the_metric_got_worse(metric: str, before: float, after: float) -> None:
    worse = after < before if metrics.HIGHER_IS_BETTER[metric] else after > before
    assert (metrics.lost(metric, before, after) > 0) is worse
    assert metrics.lost(metric, before, before) == 0.0


@given(st.sampled_from(["mae", "rmse"]), st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0.1, 1000))
def test_a_loss_of_an_error_does_not_depend_on_the_labels_unit(metric: str, a: float, b: float, unit: float) -> None:
    assert metrics.lost(metric, a * unit, b * unit) == pytest.approx(metrics.lost(metric, a, b), abs=1e-9)


def test_a_loss_from_a_perfect_error_is_infinite_or_nothing() -> None:
    assert metrics.lost("mae", 0.0, 1.0) == math.inf
    assert metrics.lost("mae", 0.0, 0.0) == 0.0


def test_negative_flips_are_right_before_and_wrong_now() -> None:
    champion, challenger = np.array([1, 1, 0, 0], dtype=bool), np.array([1, 0, 1, 0], dtype=bool)
    assert metrics.negative_flips(champion, challenger) == 0.25
    assert metrics.negative_flips(champion, champion) == 0.0


TABLE = [[0.9, 0.1, 0.0], [0.7, 0.8, 0.1], [0.8, 0.6, 0.9]]  # accuracy on period j after update i


def test_backward_transfer_is_the_mean_gain_since_each_period_was_learned() -> None:
    assert metrics.backward_transfer(TABLE, "accuracy") == pytest.approx(((0.8 - 0.9) + (0.6 - 0.8)) / 2)


def test_forgetting_is_the_mean_loss_from_the_best_of_each_period() -> None:
    assert metrics.forgetting(TABLE, "accuracy") == pytest.approx(((0.9 - 0.8) + (0.8 - 0.6)) / 2)
    errors = [[1.0, 9.0], [2.0, 1.0]]
    assert metrics.forgetting(errors, "mae") == pytest.approx(1.0)  # twice the error: all of the former value lost
    assert metrics.backward_transfer(errors, "mae") == pytest.approx(-1.0)


def test_what_was_not_measured_is_left_out_of_the_means() -> None:
    holes = [[0.9, None, None], [None, None, 0.1], [0.8, 0.6, 0.9]]
    assert metrics.backward_transfer(holes, "accuracy") == pytest.approx(0.8 - 0.9)
    assert metrics.forgetting(holes, "accuracy") == pytest.approx(0.9 - 0.8)
    assert metrics.plasticity(holes) == pytest.approx((0.9 + 0.9) / 2)
    assert metrics.average([[None]]) is None and metrics.average([]) is None and metrics.plasticity([]) is None


def test_average_accuracy_is_the_mean_of_the_last_row_and_plasticity_that_of_the_diagonal() -> None:
    assert metrics.average(TABLE) == pytest.approx((0.8 + 0.6 + 0.9) / 3)
    assert metrics.plasticity(TABLE) == pytest.approx((0.9 + 0.8 + 0.9) / 3)
    assert metrics.average(TABLE[:2]) == pytest.approx((0.7 + 0.8) / 2)  # of the periods that were learned


def test_forward_transfer_is_the_mean_gain_on_a_period_before_it_is_learned() -> None:
    constant = [0.5, 0.2, 0.3]
    assert metrics.forward_transfer(TABLE, constant, "accuracy") == pytest.approx(((0.1 - 0.2) + (0.1 - 0.3)) / 2)
    assert metrics.forward_transfer([[2.0, 3.0], [2.0, 1.0]], [9.0, 4.0], "mae") == pytest.approx(
        0.25
    )  # a quarter less
    assert metrics.forward_transfer([[0.9], [0.7, 0.8]], [0.5, 0.5], "accuracy") is None


def test_intransigence_is_what_a_joint_model_is_better_by() -> None:
    assert metrics.intransigence("accuracy", [0.9, 0.95], [0.8, 0.97]) == pytest.approx((0.1 - 0.02) / 2)
    assert metrics.intransigence("mae", [1.0], [1.5]) == pytest.approx(0.5)


def test_the_worst_through_training_follows_the_direction_of_the_metric() -> None:
    assert metrics.worst_through("accuracy", [0.9, None, 0.6, 0.8]) == 0.6
    assert metrics.worst_through("mae", [1.0, 3.0, 2.0]) == 3.0
    assert metrics.worst_through("mae", [None]) is None


def test_one_update_has_forgotten_nothing() -> None:
    assert metrics.forgetting([[0.9]], "accuracy") == metrics.backward_transfer([[0.9]], "accuracy") == 0.0


def test_a_champion_is_held_to_its_own_figures_where_they_are_better_and_half_way_to_its_parents_otherwise() -> None:
    held = metrics.faded({"accuracy": 0.6, "mae": 2.0, "r2": 0.1}, {"accuracy": 0.8, "mae": 3.0})
    assert held == pytest.approx({"accuracy": 0.7, "mae": 2.0, "r2": 0.1})
    assert metrics.faded({"mae": 4.8}, {"mae": 0.2}) == pytest.approx({"mae": 2.5})


def test_a_level_that_never_comes_back_is_forgotten_within_a_few_promotions() -> None:
    held = {"accuracy": 0.9}
    for _ in range(5):
        held = metrics.faded({"accuracy": 0.7}, held)
    assert held["accuracy"] == pytest.approx(0.7, abs=0.01)
