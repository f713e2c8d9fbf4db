"""Which former samples are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import duckdb
import pytest

from maintainer.store.draws import FLOOR, Balanced, Draw, Recent, Stratified, Uniform, drawn

N, DAY = 60_000, timedelta(days=1)
BEGIN = datetime(2026, 1, 1)
SOURCE = "select _key, _time, value from found"


@pytest.fixture(scope="module")
def past() -> Iterator[duckdb.DuckDBPyConnection]:
    """N samples of 60 days, 1000 of each: one in ten is `b`, one in 5000 `rare`."""
    with duckdb.connect() as db:
        db.execute("set threads = 1")
        db.execute(
            "create table found as select hash(i) as _key, timestamp '2026-01-01' + to_days(i // 1000) as _time, "
            f"case when i % 5000 = 0 then 'rare' when i % 10 = 0 then 'b' else 'a' end as value from range({N}) r(i)"
        )
        yield db


def draw(db: duckdb.DuckDBPyConnection, rule: Draw, n: int, source: str = SOURCE) -> list[tuple[int, datetime, str]]:
    keys = drawn(rule, source, n)
    return db.execute(f"select * from found where _key in ({keys}) order by _key").fetchall()


@pytest.mark.parametrize("rule", [Uniform(), Stratified(), Balanced(), Recent(20 * DAY)])
@pytest.mark.parametrize("n", [1, 1000, N, 3 * N])
def test_a_draw_is_as_large_as_asked_and_always_the_same(past, rule: Draw, n: int):
    first = draw(past, rule, n)
    assert len(first) == min(n, N)
    assert len({key for key, _, _ in first}) == len(first)
    assert draw(past, rule, n) == first


@pytest.mark.parametrize("rule", [Uniform(), Stratified(), Balanced(), Recent(20 * DAY)])
def test_a_smaller_draw_is_part_of_a_larger_one(past, rule: Draw):
    assert set(draw(past, rule, 500)) <= set(draw(past, rule, 2000))


def test_a_stratified_draw_has_the_shares_of_the_past_and_a_few_of_each_class(past):
    counts = Counter(value for _, _, value in draw(past, Stratified(), 6000))
    assert counts["rare"] == FLOOR  # its share would be 1.2
    assert counts["b"] == pytest.approx(0.0998 * 6000, abs=12)
    assert counts["a"] == pytest.approx(0.9 * 6000, abs=12)


def test_a_balanced_draw_has_as_many_of_each_and_shares_out_what_a_class_lacks(past):
    assert Counter(value for _, _, value in draw(past, Balanced(), 30)) == {"a": 10, "b": 10, "rare": 10}
    assert Counter(value for _, _, value in draw(past, Balanced(), 1012)) == {"a": 500, "b": 500, "rare": 12}


def test_by_age_a_sample_counts_half_after_each_half_life(past):
    chosen = draw(past, Recent(10 * DAY), 3000)
    decades = Counter((at - BEGIN) // (10 * DAY) for _, at, _ in chosen)
    weights = [2.0**decade for decade in range(6)]
    expected = [3000 * weight / sum(weights) for weight in weights]
    for decade in range(2, 6):  # chance moves the small counts by more
        assert decades[decade] == pytest.approx(expected[decade], rel=0.25)


@pytest.mark.parametrize("half_life", [timedelta(seconds=1), 36_500 * DAY])
def test_the_shortest_and_the_longest_half_life_have_an_answer(past, half_life: timedelta):
    chosen = draw(past, Recent(half_life), 1000)
    oldest = min(at for _, at, _ in chosen)
    assert oldest == (BEGIN + 59 * DAY if half_life < DAY else BEGIN)


def test_a_draw_by_age_does_not_depend_on_the_part_that_the_upper_half_of_the_hash_chose(past):
    half = f"{SOURCE} where _key >= 9223372036854775808"
    ages = [(at - BEGIN) / DAY for _, at, _ in draw(past, Recent(10 * DAY), 1500, half)]
    whole = [(at - BEGIN) / DAY for _, at, _ in draw(past, Recent(10 * DAY), 3000)]
    assert sum(ages) / len(ages) == pytest.approx(sum(whole) / len(whole), abs=1.5)


def test_one_class_alone_and_no_sample_at_all_are_draws_too(past):
    for rule in (Stratified(), Balanced()):
        assert len(draw(past, rule, 100, f"{SOURCE} where value = 'b'")) == 100
        assert draw(past, rule, 100, f"{SOURCE} where false") == []
