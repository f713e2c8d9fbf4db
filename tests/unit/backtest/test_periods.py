import numpy as np
import pytest

from maintainer.backtest.periods import score
from maintainer.domain.sample import TaskKind


def test_classes_are_scored_by_name_whatever_their_order():
    labels, answers = np.array(["b", "a", "c"], object), np.array(["b", "c", "c"], object)
    assert score(TaskKind.CLASSIFICATION, "accuracy", labels, answers) == pytest.approx(2 / 3)


def test_values_are_scored_in_their_own_unit():
    assert score(TaskKind.REGRESSION, "mae", np.array([1.0, 5.0]), np.array([2.0, 3.0])) == pytest.approx(1.5)


def test_a_step_without_samples_has_no_score():
    assert np.isnan(score(TaskKind.REGRESSION, "mae", np.array([]), np.array([])))
