"""The energy distance of two clouds of vectors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import energy_distance

from maintainer.monitor.energy import LEAST, compare


def test_it_is_scipys_energy_distance_in_one_dimension_over_twice_the_mean_distance() -> None:
    rng = np.random.default_rng(0)
    before, now = rng.normal(size=300), rng.normal(0.8, 1.3, 170)
    found = compare(before[:, None], now[:, None], "m")
    between = np.abs(before[:, None] - now).mean()
    assert found is not None
    assert found.score == pytest.approx(energy_distance(before, now) ** 2 / (2.0 * between))  # scipy's is the root of E
    assert found.p == pytest.approx(1 / 1000)


def test_without_drift_the_level_is_held_and_a_change_of_shape_in_many_dimensions_is_found() -> None:
    rng = np.random.default_rng(1)
    p = [f.p for f in (compare(rng.normal(size=(120, 20)), rng.normal(size=(90, 20)), "m") for _ in range(200)) if f]
    assert len(p) == 200
    assert np.mean(np.asarray(p) <= 0.05) <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(np.asarray(p) <= 0.5) > 0.35
    wide = compare(rng.normal(size=(300, 20)), rng.normal(size=(300, 20)) * 1.3, "m")
    assert wide is not None and wide.drifted and 0.0 < wide.value < 1.0


def test_the_same_vectors_give_the_same_p_value_and_equal_ones_no_distance() -> None:
    rng = np.random.default_rng(2)
    before, now = rng.normal(size=(100, 3)), rng.normal(size=(100, 3))
    assert compare(before, now, "m", 5) == compare(before, now, "m", 5)
    same = compare(np.ones((60, 3)), np.ones((60, 3)), "m")
    assert same is not None and (same.score, same.p, same.value) == (0.0, 1.0, 0.0)


def test_with_too_few_vectors_nothing_is_said() -> None:
    assert compare(np.zeros((LEAST - 1, 2)), np.zeros((200, 2)), "m") is None
    assert compare(np.zeros((200, 2)), np.zeros((0, 1)), "m") is None
