"""What became of each slice: which samples are one, what it lost, and what is told of it."""

from __future__ import annotations

import numpy as np
import pytest

from maintainer.domain.metrics import mae
from maintainer.domain.phase import Slices
from maintainer.domain.statistics import Resampling, wilson
from maintainer.gate.figures import Answered, Pairs
from maintainer.gate.sliced import FEW, LISTED, MISSING, named, slices_of

HOW = Resampling(resamples=300)


def answered(right: np.ndarray) -> Answered:
    """All labels are 1."""
    classes = right.astype(np.int64)
    return Answered(classes, np.stack([1.0 - classes, classes], axis=1).astype(np.float64))


def pairs(was: np.ndarray, now: np.ndarray) -> Pairs:
    return Pairs(np.ones(was.size, np.int64), answered(now), answered(was))


def categories(*counts: tuple[str, int]) -> np.ndarray:
    return np.concatenate([np.full(n, name, object) for name, n in counts])


def strewn(names: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).permutation(names)


def two_halves(n: int = 400) -> tuple[np.ndarray, Pairs]:
    """In `mon` the challenger breaks every second sample, in `tue` it mends every fourth."""
    names = np.tile(np.array(["mon", "tue"], object), n // 2)
    place = np.arange(n) // 2
    was = np.where(names == "mon", True, place % 4 != 0)
    now = np.where(names == "mon", place % 2 == 0, True)
    return names, pairs(was, now)


def test_the_slice_that_lost_most_comes_first_with_its_own_figures():
    names, both = two_halves()
    found = slices_of("accuracy", both, {"day": names}, None, HOW)
    assert Slices.model_validate_json(found.model_dump_json()) == found
    worst, best = found.shown
    assert (worst.column, worst.value, worst.n, worst.small) == ("day", "mon", 200, False)
    assert (worst.before, worst.after, worst.gain) == (1.0, 0.5, -0.5)
    assert (worst.negative, worst.positive) == (0.5, 0.0)
    assert (best.value, best.before, best.after, best.negative, best.positive) == ("tue", 0.75, 1.0, 0.0, 0.25)
    assert worst.interval[1] < 0 < best.interval[0]
    assert worst.negative_interval == wilson(100, 200, 0.95)
    assert best.positive_interval == wilson(50, 200, 0.95)


def test_the_slices_of_a_column_are_all_samples_and_no_sample_twice():
    names = strewn(categories(("a", 31), ("b", 40), ("c", 2)))
    found = slices_of("accuracy", pairs(names == "a", names == "b"), {"k": names}, None, HOW)
    assert {one.value: one.n for one in found.shown} == {"a": 31, "b": 40, "c": 2}


def test_a_small_slice_comes_last_is_called_small_and_gets_no_bounds_of_its_gain():
    names = strewn(categories(("rare", 29), ("usual", 30)))
    found = slices_of("accuracy", pairs(names != "none", names != "rare"), {"k": names}, None, HOW)
    assert [(one.value, one.small) for one in found.shown] == [("usual", False), ("rare", True)]
    rare = found.shown[1]
    assert (rare.gain, rare.interval, rare.negative) == (-1.0, None, 1.0)
    assert found.shown[0].interval is not None


def test_of_many_slices_the_worst_are_told_and_the_others_counted():
    large = [(f"large{k:02}", 30) for k in range(LISTED + 3)]
    names = strewn(categories(*large, *((f"small{k}", 5) for k in range(4))))
    found = slices_of("accuracy", pairs(names != "", names != "large07"), {"k": names}, None, HOW)
    assert len(found.shown) == LISTED and found.shown[0].value == "large07"
    assert (found.more, found.more_small) == (3 + 4, 4)
    few = slices_of("accuracy", pairs(names != "", names != "large07"), {"k": np.full(names.size, "x")}, None, HOW)
    assert (len(few.shown), few.more, few.more_small) == (1, 0, 0)
    names = categories(("large", 30), *((f"small{k:02}", 5) for k in range(LISTED + 1)))
    found = slices_of("accuracy", pairs(names != "", names != ""), {"k": names}, None, HOW)
    assert (len(found.shown), found.more, found.more_small) == (LISTED, 2, 2)


def test_without_a_champion_a_slice_has_the_figure_of_the_first_model_alone():
    names, both = two_halves()
    found = slices_of("accuracy", Pairs(both.labels, both.challenger, None), {"day": names}, None, HOW)
    assert [(one.value, one.before, one.after, one.gain) for one in found.shown] == [
        ("mon", None, 0.5, None),
        ("tue", None, 1.0, None),
    ]
    assert all(one.negative is None and one.interval is None for one in found.shown)


def test_a_gain_of_a_regression_is_a_share_and_right_is_near_by_the_spread_of_all_labels():
    rng = np.random.default_rng(1)
    labels = np.concatenate([rng.normal(0, 1, 100), rng.normal(1000, 1, 100)])
    names = categories(("low", 100), ("high", 100))
    none = np.zeros((200, 0))
    was, now = labels + 10, labels + np.where(names == "low", 5, 500)
    both = Pairs(labels, Answered(now, none), Answered(was, none))
    high, low = slices_of("mae", both, {"k": names}, 0.1, HOW).shown
    assert (high.value, high.gain) == ("high", pytest.approx(-49.0))
    assert (low.before, low.after, low.gain) == (pytest.approx(10.0), pytest.approx(5.0), pytest.approx(0.5))
    assert (high.negative, low.negative) == (1.0, 0.0)  # within a tenth of about 1000 is right, in every slice


def test_equal_labels_tell_no_flips_but_the_error_all_the_same():
    labels, none = np.full(60, 3.0), np.zeros((60, 0))
    both = Pairs(labels, Answered(labels + 1, none), Answered(labels + 2, none))
    (one,) = slices_of("mae", both, {"k": np.full(60, "x", object)}, 0.1, HOW).shown
    assert (one.gain, one.negative, one.negative_interval) == (0.5, None, None)
    assert both.spread == 0 and mae(labels, labels + 1) == one.after


def test_few_different_numbers_are_a_slice_each_and_many_are_quarters_of_the_reference():
    few = {"flag": np.array([0.0, 1.0, np.nan, 1.0])}
    assert list(named({"current": few}, "reference")["current"]["flag"]) == ["0", "1", MISSING, "1"]
    assert len(set(named({"current": {"x": np.arange(float(FEW))}}, "current")["current"]["x"])) == FEW
    reference = {"x": np.arange(1000.0)}
    current = {"x": np.array([-5.0, 249.75, 249.76, 5000.0, np.nan])}
    found = named({"current": current, "reference": reference}, "reference")
    low, second, high = "up to 249.8", "249.8 to 499.5", "above 749.2"
    assert list(found["current"]["x"]) == [low, low, second, high, MISSING]
    counts = dict(zip(*np.unique(found["reference"]["x"], return_counts=True), strict=True))
    assert counts == {low: 250, second: 250, "499.5 to 749.2": 250, high: 250}


def test_both_holdouts_are_cut_alike_also_where_only_one_has_many_numbers():
    many, few = {"x": np.arange(FEW + 1.0)}, {"x": np.array([0.0, 10.0])}
    found = named({"current": few, "reference": many}, "reference")
    assert set(found["current"]["x"]) <= set(found["reference"]["x"])
    alone = named({"current": many}, "reference")["current"]["x"]
    assert len(set(alone)) == 4


def test_numbers_that_look_alike_in_four_digits_are_told_in_as_many_as_keep_them_apart():
    days = {"day": np.array([20260101.0, 20260102.0])}
    assert list(named({"current": days}, "reference")["current"]["day"]) == ["20260101", "20260102"]


def test_a_number_of_which_most_are_equal_has_fewer_than_four_quarters():
    values = {"x": np.concatenate([np.zeros(900), np.arange(100.0)])}
    assert set(named({"current": values}, "current")["current"]["x"]) == {"up to 0", "above 0"}


def test_a_missing_category_is_a_slice():
    found = named({"current": {"k": np.array(["a", ""], object)}}, "reference")
    assert list(found["current"]["k"]) == ["a", MISSING]
