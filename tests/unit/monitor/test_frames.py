"""Columns rebuilt from counts."""

from dataclasses import replace

import numpy as np
import pytest

from maintainer.domain.profile import BUCKETS, ColumnCounts
from maintainer.domain.sample import ColumnKind
from maintainer.monitor.charts import chart
from maintainer.monitor.frames import OTHER, aligned, cells, codes, in_proportion, shares_between, spread


def binned(values: np.ndarray, edges: np.ndarray) -> ColumnCounts:
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=edges.size + 1)
    return ColumnCounts(
        ColumnKind.NUMBER,
        values.size,
        0,
        rest=tuple(counts.tolist()),
        edges=tuple(edges.tolist()),
        minimum=float(values.min()),
        maximum=float(values.max()),
        deviation=float(values.std()),
    )


def numbers(tallies: dict[float, int], other: int = 0, low: float | None = None, high: float | None = None):
    return ColumnCounts(
        ColumnKind.NUMBER,
        sum(tallies.values()) + other,
        0,
        tuple(tallies.values()),
        numbers=tuple(tallies),
        rest=(other,) if other else (),
        minimum=min(tallies, default=low) if low is None else low,
        maximum=max(tallies, default=high) if high is None else high,
    )


def words(tallies: dict[str, int], other: int = 0, missing: int = 0) -> ColumnCounts:
    rows = sum(tallies.values()) + other + missing
    return ColumnCounts(
        ColumnKind.CATEGORY,
        rows,
        missing,
        tuple(tallies.values()),
        words=tuple(tallies),
        buckets=tuple(bucket(word) for word in tallies),
        rest=(other, *[0] * (BUCKETS - 1)) if other else (),
    )


def bucket(word: str) -> int:
    return sum(word.encode()) % BUCKETS


def points(counts: ColumnCounts, size: int) -> np.ndarray:
    """Return values at evenly spaced ranks."""
    shape = spread(counts)
    return np.interp((np.arange(size) + 0.5) / size, shape.ranks, shape.values)


def test_points_follow_the_quantiles_of_the_rows_they_stand_for():
    values = np.random.default_rng(0).normal(size=50_000)
    counts = binned(values, np.quantile(values, np.linspace(0, 1, 129)))
    wanted = np.quantile(values, (np.arange(1000) + 0.5) / 1000)
    assert np.abs(points(counts, 1000) - wanted)[50:-50].max() < 0.01


def test_points_never_leave_the_range_of_the_rows():
    counts = binned(np.asarray([5.0, 6.0, 7.0]), np.asarray([0.0, 1.0]))  # all beyond the last edge
    assert points(counts, 100).min() >= 5.0
    assert points(counts, 100).max() <= 7.0


def test_a_point_mass_between_two_close_edges_stays_one_value():
    zeros = np.zeros(900)
    values = np.concatenate([zeros, np.linspace(1, 2, 100)])
    counts = binned(values, np.asarray([np.nextafter(0.0, -1.0), 0.0, 1.5, 2.0]))
    assert np.sum(np.abs(points(counts, 1000)) < 1e-12) == 900


def test_listed_values_come_back_exactly_when_they_fit():
    assert points(numbers({3.0: 2, 1.0: 1}), 3).tolist() == [1.0, 3.0, 3.0]


def test_unlisted_values_lie_in_their_bins_between_the_listed():
    counts = replace(numbers({0.0: 500, 5.0: 100}, other=400, high=10.0), edges=(8.0, 9.0), rest=(0, 300, 100))
    found = points(counts, 1000)
    assert [np.sum((found > low) & (found <= high)) for low, high in ((-1, 0), (0, 5), (5, 8), (8, 9), (9, 10))] == [
        500,
        100,
        0,
        300,
        100,
    ]


def test_unlisted_values_without_edges_lie_between_the_extremes():
    found = points(numbers({0.0: 500}, other=500, low=0.0, high=10.0), 1000)
    assert np.sum(found == 0.0) == pytest.approx(500, abs=1)
    assert found[-1] == pytest.approx(10.0, abs=0.1)
    assert np.all(np.diff(found) >= 0)


def test_shares_agree_with_numpys_histogram_even_on_the_borders():
    values = np.repeat([0.0, 1.0, 2.0, 4.0], [4, 3, 2, 1])
    counts = numbers({0.0: 4, 1.0: 3, 2.0: 2, 4.0: 1})
    edges = np.asarray([0.0, 1.0, 2.0, 4.0])
    assert shares_between(counts, edges) == pytest.approx(np.histogram(values, edges)[0] / 10)


def test_shares_of_binned_rows_are_close_to_those_of_the_rows():
    values = np.random.default_rng(1).lognormal(size=50_000)
    counts = binned(values, np.quantile(values, np.linspace(0, 1, 129)))
    edges = np.linspace(values.min(), np.quantile(values, 0.99), 12)
    assert np.abs(shares_between(counts, edges)[:-1] - np.histogram(values, edges)[0][:-1] / 50_000).max() < 2e-3


@pytest.mark.parametrize("size", [1, 7, 10, 1000])
def test_proportions_sum_to_the_size_and_are_off_by_less_than_one(size):
    tallies = np.asarray([5, 0, 3, 1, 1])
    found = in_proportion(tallies, size)
    assert found.sum() == size
    assert np.abs(found - tallies * size / 10).max() < 1


def test_codes_are_the_rows_themselves_when_they_fit():
    assert codes([2, 0, 1], 3, 100).tolist() == [0, 0, 2]


def test_a_category_unseen_in_the_reference_is_a_category_of_its_own():
    names, before, now = aligned(words({"a": 5}), words({"a": 3, "b": 2}))
    assert (names, before.tolist(), now.tolist()) == (["a", "b"], [5, 0], [3, 2])


def test_a_rare_value_that_the_other_side_would_not_have_listed_is_other():
    names, before, now = aligned(words({"a": 90, "x": 1}, other=9), words({"a": 80, "y": 1}, other=19))
    assert (names, before.tolist(), now.tolist()) == (["a", OTHER], [90, 10], [80, 20])


def test_a_frequent_value_is_new_even_where_the_reference_has_unlisted_values():
    names, _, now = aligned(words({"a": 90, "x": 1}, other=9), words({"b": 60, "a": 40}))
    assert "b" in names
    assert now.sum() == 100


def test_words_are_in_one_bucket_whether_a_window_lists_them_or_not():
    some = {f"v{i}": 10 for i in range(5)}
    apart = replace(words(some), counts=(10,) * 4, words=tuple(some)[:4], buckets=tuple(map(bucket, some))[:4])
    rest = np.bincount([bucket("v4")] * 10, minlength=BUCKETS)
    before, now = cells(words(some), replace(apart, rest=tuple(rest.tolist())))
    assert before.tolist() == now.tolist()
    assert before.sum() == 50


def test_words_that_are_all_listed_are_cells_of_their_own():
    before, now = cells(words({"a": 5, "b": 1}), words({"b": 2}))
    assert (before.tolist(), now.tolist()) == ([5, 1], [0, 2])


@pytest.mark.parametrize(
    "pair",
    [
        (words({"a": 3}), words({"b": 4})),
        (words({f"v{i}": 2 for i in range(50)}, other=7), words({"v1": 3})),
        (numbers({1.0: 3, 2.0: 4}), numbers({2.0: 1})),
        (numbers({float(i): 2 for i in range(300)}), numbers({7.0: 3})),
        (numbers({1.0: 3}, other=5, low=0.0, high=3.0), numbers({1.0: 3})),
        (binned(np.linspace(0, 1, 500), np.linspace(0, 1, 20)), binned(np.linspace(5, 6, 500), np.linspace(0, 1, 20))),
    ],
)
def test_a_chart_has_at_most_20_bins_whose_shares_sum_to_one(pair):
    shown = chart(*pair)
    assert shown is not None
    assert 1 <= len(shown.labels) <= 20
    assert len(shown.labels) == len(shown.reference) == len(shown.current)
    assert sum(shown.reference) == pytest.approx(1.0)
    assert sum(shown.current) == pytest.approx(1.0)


@pytest.mark.parametrize(("middle", "spread"), [(101_325.0, 5.0), (1.7e9, 40_000.0), (0.0, 1e-7), (-0.5, 0.1)])
def test_the_bins_of_a_chart_have_names_of_their_own_that_say_where_they_lie(middle: float, spread: float):
    values = middle + np.linspace(-spread, spread, 5000)
    counted = binned(values, np.quantile(values, np.linspace(0.01, 0.99, 200)))
    drawn = chart(counted, counted)
    assert drawn is not None
    ends = [float(name.split(" to ")[0]) for name in drawn.labels[1:-1]]
    width = 2 * spread * 0.99 / 18
    assert ends == pytest.approx(middle - 0.99 * spread + width * np.arange(18), abs=width / 10)
    assert len(set(drawn.labels)) == len(drawn.labels)
    assert all(len(name) < 28 for name in drawn.labels)


def test_a_chart_of_numbers_counted_one_by_one_ascends():
    shown = chart(numbers({10.0: 3, 2.0: 4}), numbers({2.0: 1}))
    assert shown is not None
    assert shown.labels == ("2", "10")
    assert shown.current == (1.0, 0.0)


def test_a_window_without_values_has_no_chart():
    assert chart(words({"a": 3}), words({}, missing=4)) is None
