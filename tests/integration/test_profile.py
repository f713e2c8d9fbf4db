"""Profiles of windows, by real DuckDB."""

import json

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from maintainer.domain.profile import BUCKETS, LISTED, ColumnCounts
from maintainer.domain.sample import Column, ColumnKind
from maintainer.errors import StoreError
from maintainer.store.profile import edges, profile

AWKWARD = ("two words", 'a "quoted" one', "ünïcødé 温度", "select", "a.b;--")


@pytest.fixture
def db():
    with duckdb.connect(config={"threads": 2, "memory_limit": "256MB"}) as connection:
        yield connection


def number(name: str) -> Column:
    return Column(name, ColumnKind.NUMBER)


def category(name: str) -> Column:
    return Column(name, ColumnKind.CATEGORY)


def put(db: duckdb.DuckDBPyConnection, **columns: object) -> str:
    db.register("arrow", pa.table(columns))
    db.execute("create or replace table t as select * from arrow")
    db.unregister("arrow")
    return "select * from t"


def of(db: duckdb.DuckDBPyConnection, values: object, kind: ColumnKind = ColumnKind.NUMBER) -> ColumnCounts:
    query, column = put(db, x=values), Column("x", kind)
    return profile(db, query, [], [column], edges(db, query, [], [column]))["x"]


def test_bins_hold_exactly_the_rows_between_their_edges(db):
    values = np.random.default_rng(0).lognormal(size=30_000)
    found = of(db, values)
    wanted = np.bincount(np.searchsorted(found.edges, values, side="left"), minlength=len(found.edges) + 1)
    assert found.rest == tuple(wanted.tolist())
    assert (found.minimum, found.maximum) == (values.min(), values.max())
    assert found.deviation == pytest.approx(values.std())
    assert found.counts == ()


def test_edges_lie_where_the_rows_are(db):
    values = np.random.default_rng(0).lognormal(sigma=2, size=100_000)
    found = of(db, values)
    assert max(found.rest) < 0.02 * values.size


def test_the_same_rows_give_the_same_edges(db):
    query = put(db, x=np.random.default_rng(0).normal(size=200_000))
    first = edges(db, query, [], [number("x")])
    assert first == edges(db, query, [], [number("x")])
    assert len(first["x"]) > 100


def test_a_current_window_far_from_the_reference_is_still_resolved(db):
    cuts = {"x": tuple(np.linspace(0, 1, 100).tolist())}
    values = np.concatenate([np.linspace(0, 1, 3000), np.linspace(500, 501, 3000)])
    found = profile(db, put(db, x=values), [], [number("x")], cuts)["x"]
    assert sum(found.rest) == 6000
    assert len([n for n in found.rest if n]) > 100
    assert max(edge for edge in found.edges if edge < 500.9) > 400


def test_null_nan_and_infinities_are_missing_and_nothing_else(db):
    values = pa.array([1.0, None, float("nan"), float("inf"), float("-inf"), 1e300, 2.0, -0.0])
    found = of(db, values)
    assert (found.rows, found.missing, found.present) == (8, 5, 3)
    assert dict(zip(found.numbers, found.counts, strict=True)) == {1.0: 1, 2.0: 1, 0.0: 1}


def test_few_values_are_counted_one_by_one_also_new_ones(db):
    query = put(db, x=np.repeat([1.0, 2.0, 7.0], 5000))
    cuts = edges(db, query, [], [number("x")])
    assert cuts["x"] == ()
    found = profile(db, put(db, x=np.repeat([2.0, 2.5], 2000)), [], [number("x")], cuts)["x"]
    assert dict(zip(found.numbers, found.counts, strict=True)) == {2.0: 2000, 2.5: 2000}


def test_a_frequent_value_gets_a_bin_of_its_own(db):
    rng = np.random.default_rng(0)
    found = of(db, np.where(rng.random(50_000) < 0.6, 0.0, rng.lognormal(size=50_000)))
    place = found.edges.index(0.0)
    assert place == 0 or found.edges[place - 1] == np.nextafter(0.0, -1.0)
    assert found.rest[place] == pytest.approx(30_000, rel=0.02)


def test_categories_are_counted_the_most_frequent_first(db):
    found = of(db, pa.array(["b", "a", None, "b", "ü", "b", "a", ""]), ColumnKind.CATEGORY)
    assert found.words == ("b", "a", "", "ü")
    assert found.counts == (3, 2, 1, 1)
    assert (found.rows, found.missing, found.other) == (8, 1, 0)


def test_a_million_different_categories_stay_a_short_list(db):
    db.execute("create table t as select 'v' || i as x from range(1000000) r(i)")
    db.execute("insert into t select 'often' from range(5000)")
    found = profile(db, "select * from t", [], [category("x")], {})["x"]
    assert len(found.words) == LISTED
    assert (found.words[0], found.counts[0]) == ("often", 5000)
    assert found.other == 1_005_000 - sum(found.counts)
    assert (len(found.rest), len(found.buckets)) == (BUCKETS, LISTED)
    assert max(found.rest) < 1.2 * min(found.rest)
    assert len(TypeAdapter(ColumnCounts).dump_json(found)) < 50_000


def test_a_word_has_the_same_bucket_in_every_window(db):
    def where(query: str) -> dict[str, int]:
        found = profile(db, query, [], [category("x")], {})["x"]
        return dict(zip(found.words, found.buckets, strict=True))

    few = where("select 'v' || i as x from range(1, 500) r(i)")
    many = where("select 'v' || i as x from range(1, 3000) r(i)")
    assert all(many.get(word, place) == place for word, place in few.items())
    assert len(set(few.values())) > 200


def test_a_million_different_numbers_without_edges_are_counted_between_quantiles_of_their_own(db):
    found = profile(db, "select i::double as x from range(1000000) r(i)", [], [number("x")], {"x": ()})["x"]
    assert len(found.numbers) == LISTED
    assert found.other == sum(found.rest) == 1_000_000 - LISTED
    assert max(found.rest) < 0.02 * 1_000_000
    assert (found.minimum, found.maximum) == (0.0, 999_999.0)


def test_of_values_that_became_many_each_row_is_counted_once(db):
    rng = np.random.default_rng(0)
    values = np.where(rng.random(20_000) < 0.85, 0.0, np.round(rng.lognormal(3, 1.5, 20_000), 2))
    found = profile(db, put(db, x=values), [], [number("x")], {"x": ()})["x"]
    ends = np.concatenate([[-np.inf], found.edges, [np.inf]])
    unlisted = values[~np.isin(values, found.numbers)]
    assert dict(zip(found.numbers, found.counts, strict=True))[0.0] == np.sum(values == 0)
    assert found.rest == tuple(np.bincount(np.searchsorted(found.edges, unlisted), minlength=ends.size - 1).tolist())


def test_lone_outliers_keep_their_place(db):
    values = np.concatenate([np.random.default_rng(0).normal(size=20_000), [5000.0, 70_000.0, -300.0]])
    found = profile(db, put(db, x=values), [], [number("x")], {"x": (-1.0, 0.0, 1.0)})["x"]
    rows = dict(zip(found.edges, found.rest, strict=False))
    before = dict(zip(found.edges[1:], found.edges, strict=False))
    for outlier in (5000.0, 70_000.0):
        assert rows[outlier] == 1
        assert before[outlier] == np.nextafter(outlier, -np.inf)


def test_names_with_spaces_quotes_and_unicode_are_taken_literally(db):
    query = put(db, **{name: np.arange(5.0) for name in AWKWARD})
    columns = [number(name) for name in AWKWARD[:3]] + [category(name) for name in AWKWARD[3:]]
    found = profile(db, query, [], columns, edges(db, query, [], columns))
    assert list(found) == list(AWKWARD)
    assert all(counts.present == 5 for counts in found.values())


def test_the_relations_own_parameters_are_kept_apart_from_the_edges(db):
    query = put(db, x=np.random.default_rng(0).random(10_000), y=np.arange(10_000.0)) + " where y >= ? and y < ?"
    columns = [number("x"), number("y")]
    found = profile(db, query, [1000, 6000], columns, edges(db, query, [1000, 6000], columns))
    assert found["x"].rows == 5000
    assert (found["y"].minimum, found["y"].maximum) == (1000.0, 5999.0)
    assert sum(found["x"].rest) == 5000


@pytest.mark.parametrize("kind", list(ColumnKind))
def test_an_empty_window_and_an_all_missing_column_have_counts_too(db, kind):
    db.execute("create table t (x double)")
    empty = profile(db, "select * from t", [], [Column("x", kind)], edges(db, "select * from t", [], [number("x")]))
    assert (empty["x"].rows, empty["x"].missing, empty["x"].counts) == (0, 0, ())
    db.execute("insert into t select null from range(2000)")
    found = profile(db, "select * from t", [], [Column("x", kind)], {"x": (1.0, 2.0)})["x"]
    assert (found.rows, found.missing, found.counts, found.minimum) == (2000, 2000, (), None)


def test_whole_numbers_decimals_and_booleans_of_the_source_are_numbers(db):
    db.execute("create table t as select i::int as a, (i / 4)::decimal(9, 2) as b, i % 2 = 0 as c from range(8) r(i)")
    columns = [number("a"), number("b"), category("c")]
    found = profile(db, "select * from t", [], columns, edges(db, "select * from t", [], columns))
    assert found["a"].maximum == 7.0
    assert found["b"].maximum == 1.75
    assert set(found["c"].words) == {"true", "false"}


def test_counts_survive_json(db):
    adapter = TypeAdapter(ColumnCounts)
    for counts in (of(db, np.random.default_rng(0).normal(size=5000)), of(db, ["a", "b"], ColumnKind.CATEGORY)):
        assert adapter.validate_python(json.loads(adapter.dump_json(counts)), strict=False) == counts


def test_a_relation_that_cannot_be_read_is_a_store_error(db):
    with pytest.raises(StoreError, match="nowhere"):
        profile(db, "select * from nowhere", [], [number("x")], {})
    with pytest.raises(StoreError, match="nowhere"):
        edges(db, "select * from nowhere", [], [number("x")])
