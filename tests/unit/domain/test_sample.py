"""Windows, and the split that gives a sample one part for ever."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from maintainer.domain.sample import (
    BLOCKS_AT_LEAST,
    LADDER,
    Column,
    ColumnKind,
    Part,
    Schema,
    Split,
    TaskKind,
    Window,
    block_for,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
KEYS = st.integers(0, 2**64 - 1)


@given(MOMENTS, st.timedeltas(timedelta(0), timedelta(days=9999)))
def test_a_window_before_a_moment_ends_there_and_has_its_length(end: datetime, length: timedelta) -> None:
    window = Window.before(end, length)
    assert (window.end, window.length) == (end, length)


def test_a_window_without_zone_or_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        Window(datetime(2026, 1, 1), BEGIN)
    with pytest.raises(ValueError, match="end before it starts"):
        Window(BEGIN, BEGIN - timedelta(seconds=1))


SPANS = st.timedeltas(timedelta(0), timedelta(days=9999))


@given(SPANS, SPANS)
def test_blocks_are_the_longest_that_cut_a_span_into_a_hundred_and_a_later_run_into_twenty(
    span: timedelta, later: timedelta
) -> None:
    block = block_for(span, later)
    assert block in LADDER
    longer = [step for step in LADDER if step > block]
    assert all(step * 100 > span or step * BLOCKS_AT_LEAST > later for step in longer)
    if span >= LADDER[0] * 100 and later >= LADDER[0] * BLOCKS_AT_LEAST:
        assert block * 100 <= span and block * BLOCKS_AT_LEAST <= later


def test_a_span_of_exactly_a_hundred_hours_is_cut_into_hours() -> None:
    assert block_for(timedelta(hours=100), timedelta(days=7)) == timedelta(hours=1)
    assert block_for(timedelta(hours=99), timedelta(days=7)) == timedelta(minutes=15)


def test_a_short_window_of_later_runs_makes_for_short_blocks() -> None:
    assert block_for(timedelta(days=800), 0.8 * timedelta(days=42)) == timedelta(days=1)
    assert block_for(timedelta(days=800), 0.8 * timedelta(days=7)) == timedelta(hours=6)


@given(MOMENTS, KEYS, st.sampled_from(LADDER), st.integers(0, 10**6))
def test_all_moments_of_a_block_have_one_part_whatever_their_ids(
    moment: datetime, key: int, block: timedelta, later: int
) -> None:
    split = Split(block, 0.15, 0.2)
    start = datetime(1970, 1, 1, tzinfo=UTC) + ((moment - datetime(1970, 1, 1, tzinfo=UTC)) // block) * block
    inside = start + timedelta(microseconds=later % (block // timedelta(microseconds=1)))
    assert split.part(moment, key) is split.part(inside, 0)


@given(MOMENTS, KEYS)
def test_the_part_does_not_depend_on_the_zone_a_moment_is_written_in(moment: datetime, key: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(hours=9, minutes=30)))
    split = Split(timedelta(hours=1), 0.15, 0.2)
    assert split.part(moment, key) is split.part(elsewhere, key)


@given(st.integers(-(10**6), 10**6), st.floats(0.05, 0.4), st.floats(0.05, 0.4))
def test_blocks_in_a_row_have_nearly_the_shares_asked_for(first: int, validation: float, holdout: float) -> None:
    split, n = Split(timedelta(hours=1), validation, holdout), 200
    counted = Counter(split.part(BEGIN + timedelta(hours=first + i), 0) for i in range(n))
    for part, share in ((Part.VALIDATION, validation), (Part.HOLDOUT, holdout)):
        assert abs(counted[part] / n - share) <= 5 / n  # discrepancy of the golden ratio: O(log n / n)


@given(st.integers(-(10**5), 10**5))
def test_the_least_number_of_blocks_already_has_samples_for_every_part(first: int) -> None:
    split = Split(timedelta(days=1), 0.15, 0.2)
    parts = {split.part(BEGIN + timedelta(days=first + i), 0) for i in range(BLOCKS_AT_LEAST)}
    assert parts == set(Part)


@given(MOMENTS, KEYS)
def test_without_blocks_the_part_is_of_the_id_alone(moment: datetime, key: int) -> None:
    split = Split(None, 0.15, 0.2)
    assert split.part(moment, key) is split.part(BEGIN, key)


def test_ids_spread_evenly_have_the_shares_asked_for() -> None:
    split, n = Split(None, 0.15, 0.2), 20_000
    keys = [(i * 0x9E3779B97F4A7C15) % 2**64 for i in range(n)]
    counted = Counter(split.part(BEGIN, key) for key in keys)
    found = [counted[part] for part in (Part.TRAIN, Part.VALIDATION, Part.HOLDOUT)]
    assert stats.chisquare(found, [0.65 * n, 0.15 * n, 0.2 * n]).pvalue > 0.01


@given(MOMENTS, KEYS, st.floats(0.05, 0.4), st.floats(0.0, 0.3))
def test_a_larger_holdout_keeps_what_was_held_out(moment: datetime, key: int, holdout: float, more: float) -> None:
    for block in (None, timedelta(hours=1)):
        if Split(block, 0.15, holdout).part(moment, key) is Part.HOLDOUT:
            assert Split(block, 0.15, holdout + more).part(moment, key) is Part.HOLDOUT


def test_a_schema_names_its_columns_by_kind_in_their_order() -> None:
    columns = (Column("b", ColumnKind.NUMBER), Column("c", ColumnKind.CATEGORY), Column("a", ColumnKind.NUMBER))
    schema = Schema("m", TaskKind.REGRESSION, columns, "y")
    assert (schema.numbers, schema.categories) == (("b", "a"), ("c",))
    assert schema.answer_kind is ColumnKind.NUMBER
    assert Schema("m", TaskKind.CLASSIFICATION, columns, "y").answer_kind is ColumnKind.CATEGORY


@given(MOMENTS, KEYS, KEYS, st.text(min_size=1))
def test_a_group_lies_in_one_part_whatever_its_samples_are(moment: datetime, one: int, other: int, name: str) -> None:
    split = Split(None, 0.2, 0.3, group="g")
    assert split.part(moment, one, name) is split.part(BEGIN, other, name)
    assert split.part(moment, one, "") is Split(None, 0.2, 0.3).part(moment, one)
