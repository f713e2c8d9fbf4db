"""Realised quality: the figures, and the bounds that chance leaves them."""

from math import sqrt

import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.metrics import log_loss as reference_log_loss

from maintainer.domain import metrics
from maintainer.domain.sample import TaskKind
from maintainer.domain.statistics import wilson
from maintainer.monitor.measured import Measured
from maintainer.monitor.quality import Answered, f1_influence, quality, share_of


def classes(labels: np.ndarray, answers: np.ndarray, wanted: tuple[str, ...] = ("accuracy", "f1_macro")) -> Measured:
    return quality(TaskKind.CLASSIFICATION, wanted, Answered(labels, answers))


def numbers(labels: np.ndarray, answers: np.ndarray) -> Measured:
    return quality(TaskKind.REGRESSION, metrics.REGRESSION, Answered(labels, answers))


def test_classes_without_probabilities_give_accuracy_and_f1():
    labels, answers = (np.asarray(list(text), dtype=object) for text in ("aabbc", "aabcc"))
    found = classes(labels, answers)
    assert {m.name: (round(m.value, 4), m.n) for m in found.metrics} == {
        "accuracy": (0.8, 5),
        "f1_macro": (round((1 + 2 / 3 + 2 / 3) / 3, 4), 5),
    }
    assert not found.notes
    assert [m.name for m in classes(labels, answers, ("f1_macro",)).metrics] == ["f1_macro"]


def test_no_labels_yet_is_a_note_and_no_number():
    nothing = np.asarray([], dtype=object)
    found = classes(nothing, nothing)
    assert not found.metrics
    assert "label" in found.notes[0]


def test_regression_is_measured_on_the_pairs_that_are_finite():
    found = numbers(np.asarray([1.0, 2.0, np.nan]), np.asarray([1.0, 4.0, 0.0]))
    by_name = {m.name: m for m in found.metrics}
    assert by_name["mae"].value == 1.0
    assert by_name["rmse"].value == pytest.approx(sqrt(2))
    assert by_name["mae"].n == 2


@pytest.mark.parametrize("absurd", [1e200, -1e200, np.inf])
def test_a_number_that_cannot_be_squared_is_left_out_of_the_figures_and_noted(absurd: float):
    found = numbers(np.asarray([1.0, 2.0, absurd]), np.asarray([1.0, absurd, 1.0]))
    assert {m.name: (m.value, m.n) for m in found.metrics} == {"mae": (0.0, 1), "rmse": (0.0, 1), "r2": (0.0, 1)}
    assert found.notes == ("2 labelled answers left out: a number is not finite or beyond 1e+150",)


def test_the_interval_of_accuracy_is_wilsons_where_errors_are_alone():
    told = share_of("accuracy", np.array([True]))
    assert (told.lower, told.upper) == (pytest.approx(1 / (1 + 1.959964**2)), 1.0)
    alone = np.random.default_rng(0).random(5000) < 0.9
    told, (lower, upper) = share_of("accuracy", alone), wilson(int(alone.sum()), 5000, 0.975)
    assert (told.lower, told.upper) == (pytest.approx(lower, abs=1e-3), pytest.approx(upper, abs=1e-3))
    assert wilson(10, 100, 0.975) == (pytest.approx(0.0552, abs=1e-4), pytest.approx(0.1744, abs=1e-4))
    assert told.confidence == 0.95


def test_the_interval_is_wider_where_errors_come_in_bursts():
    rng = np.random.default_rng(0)
    alone, bursts = rng.random(2000) < 0.8, np.repeat(rng.random(100) < 0.8, 20)
    widths = [told.upper - told.lower for told in (share_of("accuracy", each) for each in (alone, bursts))]  # pyright: ignore
    assert widths[1] > 2.5 * widths[0]


def test_intervals_hold_the_true_figure_in_about_95_of_100_samples():
    rng = np.random.default_rng(0)
    held = dict.fromkeys(("accuracy", "f1_macro", "mae", "rmse", "r2"), 0)
    truth = {"accuracy": 0.8, "f1_macro": f1_of(rng, 400_000), "mae": sqrt(2 / np.pi), "rmse": 1.0, "r2": 0.8}
    for _ in range(100):
        labels, answers = three(rng, 300)
        values = rng.normal(0.0, sqrt(5.0), 300)
        found = (*classes(labels, answers).metrics, *numbers(values, values + rng.normal(0, 1, 300)).metrics)
        for told in found:
            held[told.name] += told.lower <= truth[told.name] <= told.upper  # pyright: ignore
    assert min(held.values()) >= 87, held


def three(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    return labels.astype(str), np.where(rng.random(n) < 0.8, labels, (labels + 1) % 3).astype(str)


def f1_of(rng: np.random.Generator, n: int) -> float:
    return float(f1_score(*three(rng, n), average="macro"))


def test_the_influence_of_a_sample_on_f1_is_what_another_of_it_does():
    rng = np.random.default_rng(1)
    labels, answers = (each.astype(np.int64) for each in three(rng, 500))
    influence = f1_influence(labels, answers)
    assert influence.sum() == pytest.approx(0.0, abs=1e-9)
    before = metrics.f1_macro(labels, answers)
    for i in range(0, 500, 50):
        after = metrics.f1_macro(np.append(labels, labels[i]), np.append(answers, answers[i]))
        assert (after - before) * 501 == pytest.approx(influence[i], rel=0.05, abs=1e-3)


def test_figures_on_probabilities_agree_with_scikit_learn_and_the_gate():
    rng = np.random.default_rng(2)
    chances = rng.dirichlet([2, 1, 1], 400)
    labels = np.array([rng.choice(3, p=row) for row in chances])
    names = np.array(["a", "b", "c"], object)
    given = Answered(names[labels], names[chances.argmax(axis=1)], chances, ("a", "b", "c"))
    found = {m.name: m for m in quality(TaskKind.CLASSIFICATION, ("log_loss", "ece"), given).metrics}
    assert found["log_loss"].value == pytest.approx(reference_log_loss(labels, chances))
    assert found["log_loss"].lower < found["log_loss"].value < found["log_loss"].upper  # pyright: ignore
    assert found["ece"].value == pytest.approx(metrics.ece(labels, chances))
    assert found["ece"].lower is None


def test_a_label_that_the_model_does_not_know_has_no_probability_and_rows_without_any_are_left_out():
    chances = np.array([[0.9, 0.1], [0.9, 0.1], [np.nan, np.nan]])
    given = Answered(np.array(["a", "new", "a"], object), np.array(["a", "a", "a"], object), chances, ("a", "b"))
    found = quality(TaskKind.CLASSIFICATION, ("log_loss",), given)
    assert found.metrics[0].value == pytest.approx(-(np.log(0.9) + np.log(1e-12)) / 2)
    assert (found.metrics[0].n, found.notes) == (2, ("1 labelled answers without probabilities left out of log_loss",))


def test_no_probabilities_at_all_are_a_note():
    given = Answered(np.array(["a"], object), np.array(["a"], object), None, ("a",))
    found = quality(TaskKind.CLASSIFICATION, ("accuracy", "ece"), given)
    assert [m.name for m in found.metrics] == ["accuracy"]
    assert found.notes == ("ece not measured: no probabilities are kept of the labelled answers",)


@pytest.mark.parametrize("n", [1, 2, 50])
def test_one_row_and_one_class_have_figures_and_bounds_that_hold_them(n: int):
    same = np.full(n, "x", object)
    for told in classes(same, same).metrics:
        assert told.value == 1.0
        assert told.lower is None or told.lower <= 1.0 == told.upper


def test_the_same_answers_give_the_same_bounds():
    labels, answers = three(np.random.default_rng(3), 200)
    assert classes(labels, answers) == classes(labels, answers)
