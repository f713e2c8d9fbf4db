from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from maintainer.report import words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "0"),
        (0.3, "0.3"),
        (0.029817, "0.0298"),
        (1234567.0, "1,234,567"),
        (-2.5, "\N{MINUS SIGN}2.5"),
        (float("nan"), "not a number"),
        (float("inf"), "∞"),
    ],
)
def test_a_number_has_three_significant_digits_and_thousands_apart(value: float | None, said: str) -> None:
    assert words.number(value) == said


def test_a_tiny_number_is_a_power_of_ten() -> None:
    assert words.number(3.1e-7).replace("\u00a0", " ") == "3.1 \u00d7 10⁻⁷"


def test_a_metric_keeps_its_decimals_so_that_a_column_of_them_lines_up() -> None:
    assert [words.metric(value) for value in (0.8, 0.0041, 51.308, 1.0)] == ["0.800", "0.0041", "51.31", "1.000"]


def test_metrics_in_small_units_keep_three_digits() -> None:
    assert [words.metric(value) for value in (0.000123, 0.000119, 0.00912)] == ["0.000123", "0.000119", "0.00912"]


def test_a_change_says_its_sign() -> None:
    assert (words.change(0.021), words.change(-0.021), words.change(0.0)) == ("+0.021", "\u22120.021", "0")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.3, "300 ms"), (2.4, "2.4 s"), (83.6, "1 min 24 s"), (7200, "2 h"), (118_800, "1 d 9 h"), (3601, "1 h")],
)
def test_a_duration_has_its_two_largest_units(seconds: float, said: str) -> None:
    assert words.duration(seconds).replace("\u00a0", " ") == said
    assert words.duration(timedelta(seconds=seconds)).replace("\u00a0", " ") == said


def test_a_moment_is_told_in_utc_whatever_zone_it_came_in() -> None:
    at = datetime(2026, 11, 21, 1, 30, 59, tzinfo=timezone(timedelta(hours=5)))
    assert words.moment(at).replace("\u00a0", " ") == "2026-11-20 20:30 UTC"
    assert words.machine(datetime(2026, 11, 20, 20, 30, tzinfo=UTC)) == "2026-11-20T20:30Z"


def test_evidence_is_told_in_the_unit_of_its_name() -> None:
    assert words.evidence(4218.0, "labels.new") == "4,218"
    assert words.evidence(86_400.0 * 30, "champion.age").replace("\u00a0", " ") == "30 d"
    assert words.evidence(0.42, "drift.share") == "0.42"
    assert words.evidence(86_400.0, "drift.score.price") == "86,400"


def test_bytes_are_told_in_binary_units() -> None:
    assert words.size(91_812).replace("\u00a0", " ") == "89.7 KiB"
