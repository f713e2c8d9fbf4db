"""What a label would be worth: by hand, and by what each measure promises."""

from __future__ import annotations

import numpy as np
import pytest

from maintainer.monitor import worth

SAID = np.array([[0.9, 0.1, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3], [1.0, 0.0, 0.0]])


def test_margin_and_entropy_by_hand() -> None:
    np.testing.assert_allclose(worth.margin(SAID), [0.2, 1.0, 1.0, 0.0], atol=1e-12)
    wanted = [-(0.9 * np.log(0.9) + 0.1 * np.log(0.1)), np.log(2), np.log(3), 0.0]
    np.testing.assert_allclose(worth.entropy(SAID), np.array(wanted) / np.log(3), atol=1e-12)


def test_the_doubtful_come_first_and_of_equals_the_first() -> None:
    assert worth.ranks(np.array([0.2, 1.0, 1.0, 0.0])).tolist() == [2, 0, 1, 3]


def test_a_sample_from_where_the_data_have_moved_to_is_worth_more() -> None:
    rng = np.random.default_rng(0)
    reference, current = {"x": rng.normal(0, 1, 2000)}, {"x": rng.normal(2, 1, 2000)}
    found = worth.moved({"x": 1.0}, reference, current, {"x": np.array([-1.0, 1.0, 3.0, np.nan])})
    assert found[0] == found[3] == 0.0
    assert found[2] > found[1] >= 0.0
    assert found[2] > 3  # bits: one in a hundred then, one in six now


def test_a_category_that_was_never_seen_is_worth_most_and_columns_add_up_by_weight() -> None:
    reference = {"c": np.array(["a"] * 90 + ["b"] * 10, object), "d": np.array(["u", None] * 50, object)}
    current = {"c": np.array(["a"] * 40 + ["b"] * 40 + ["new"] * 20, object), "d": np.array([None] * 100, object)}
    samples = {"c": np.array(["a", "b", "new", None], object), "d": np.array(["u", "u", "u", None], object)}
    one = worth.moved({"c": 1.0}, reference, current, samples)
    assert one[2] > one[1] > one[0] == one[3] == 0.0
    both = worth.moved({"c": 1.0, "d": 2.0}, reference, current, samples)
    assert both[:3] == pytest.approx(one[:3])
    assert both[3] == pytest.approx(2 * np.log2((100.5 / 101) / (50.5 / 101)))
