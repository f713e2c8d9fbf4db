"""What a raw value means and what is said of a wrong one: the SQL of the contract, run on single values."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maintainer.domain.sample import Column, ColumnKind, Schema, TaskKind
from maintainer.store import contract


def value(raw_sql: str, column: Column) -> tuple[object, str | None]:
    """Return what a feature's raw SQL value becomes, and what is wrong with it."""
    with duckdb.connect() as db:
        kind = str(db.execute(f"select typeof({raw_sql})").fetchall()[0][0])
        problem = contract.joined(contract.feature_problems(column, kind))
        typed, raw = contract.value_sql(column, kind), contract.raw_name(column.name)
        inner = f'select *, {typed} as "{column.name}", {typed} as v from (select {raw_sql} as {raw})'
        query = f"select v, {problem} from ({inner})"
        return db.execute(query).fetchall()[0]


NUMBER, CATEGORY = Column("x", ColumnKind.NUMBER), Column("day", ColumnKind.CATEGORY)


@pytest.mark.parametrize("raw", ["null::varchar", "''", "'NaN'", "'nan'", "'nan'::double", "null::double"])
def test_a_number_that_is_not_there_is_missing_and_nothing_is_wrong(raw: str) -> None:
    assert value(raw, NUMBER) == (None, None)


@pytest.mark.parametrize(
    ("raw", "number"), [("'1.5'", 1.5), ("' -2 '", -2.0), ("'1e3'", 1000.0), ("7::hugeint", 7.0), ("2.5::float", 2.5)]
)
def test_a_number_is_read_from_text_and_from_any_number_type(raw: str, number: float) -> None:
    assert value(raw, NUMBER) == (number, None)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("'abc'", "x is abc, wanted a number"),
        ("'12,5'", "x is 12,5, wanted a number"),
        ("'inf'", "x is inf, wanted a finite number"),
        ("'-Infinity'", "x is -Infinity, wanted a finite number"),
        ("'1e999'", "x is 1e999, wanted a finite number"),
        ("'infinity'::double", "x is inf, wanted a finite number"),
        ("[1, 2]", "x is [1, 2], wanted a number"),
        ("{'a': 1}", "x is {'a': 1}, wanted a number"),
        ("date '2020-01-01'", "x is 2020-01-01, wanted a number"),
        ("'ab'::blob", "x is ab, wanted a number"),
    ],
)
def test_what_is_no_finite_number_is_said_with_what_was_found(raw: str, said: str) -> None:
    assert value(raw, NUMBER)[1] == said


def test_the_limits_of_a_range_are_inside_it() -> None:
    ranged = Column("x", ColumnKind.NUMBER, minimum=0.0, maximum=1.0)
    assert [value(raw, ranged)[1] for raw in ("0", "1", "0.5")] == [None] * 3
    assert value("-0.1", ranged)[1] == "x is -0.1, wanted at least 0"
    assert value("'1.01'", ranged)[1] == "x is 1.01, wanted at most 1"


def test_a_missing_value_is_wrong_where_it_is_refused() -> None:
    for column in (
        Column("x", ColumnKind.NUMBER, missing_allowed=False),
        Column("x", ColumnKind.CATEGORY, missing_allowed=False),
    ):
        assert value("null::varchar", column)[1] == "x is missing, wanted a value"
        assert value("''", column)[1] == "x is missing, wanted a value"


@pytest.mark.parametrize(
    ("raw", "text"),
    [("3", "3"), ("3.0::double", "3"), ("3.5::double", "3.5"), ("'3'", "3"), ("'nan'::double", None), ("''", None),
     ("true", "true"), ("1e300::double", "1e+300"), ("'infinity'::double", "inf")],
)  # fmt: skip
def test_a_category_is_one_text_whatever_type_it_comes_in(raw: str, text: str | None) -> None:
    assert value(raw, CATEGORY) == (text, None)


def test_an_unknown_category_is_wrong_only_where_it_is_refused() -> None:
    strict = Column("day", ColumnKind.CATEGORY, values=("mon", "o'clock"), unknown_allowed=False)
    assert value("'fri'", strict)[1] == "day is fri, wanted one of mon, o'clock"
    assert value("'o''clock'", strict)[1] is None
    assert value("'fri'", Column("day", ColumnKind.CATEGORY, values=("mon",)))[1] is None


@pytest.mark.parametrize(
    "raw",
    ["'2026-01-01T12:00:00Z'", "'2026-01-01 12:00:00'", "'2026-01-01T14:00:00+02:00'",
     "timestamp '2026-01-01 12:00:00'", "timestamptz '2026-01-01 13:00:00+01'", "timestamp_ns '2026-01-01 12:00:00'"],
)  # fmt: skip
def test_a_time_is_utc_unless_it_says_otherwise(raw: str) -> None:
    with duckdb.connect() as db:
        db.execute("set TimeZone = 'UTC'")
        kind = str(db.execute(f"select typeof({raw})").fetchall()[0][0])
        assert db.execute(f"select {contract.time_sql(raw, kind)}").fetchall() == [(datetime(2026, 1, 1, 12),)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Paris"])
def test_a_time_of_a_parquet_file_is_read_in_every_unit_with_and_without_a_zone(
    tmp_path: Path, unit: str, zone: str | None
) -> None:
    path, moment = tmp_path / "a.parquet", datetime(2026, 1, 1, 12)
    pq.write_table(pa.table({"t": pa.array([moment, None], pa.timestamp(unit, zone))}), path)
    assert times_of(path) == [moment, None]


@pytest.mark.parametrize(("unit", "zone"), [("us", None), ("us", "UTC"), ("ns", None), ("ns", "UTC")])
def test_an_absurd_time_of_a_parquet_file_does_not_stop_the_reading(
    tmp_path: Path, unit: str, zone: str | None
) -> None:
    path = tmp_path / "a.parquet"
    given = pa.array([0, 2**63 - 1, -(2**63) + 1, 2**62], pa.int64()).cast(pa.timestamp(unit, zone))
    pq.write_table(pa.table({"t": given}), path)
    assert times_of(path, "varchar")[0] == "1970-01-01 00:00:00"


def times_of(path: Path, told_as: str = "timestamp") -> list[object]:
    """Return the times of a file's column t in UTC, cast for Python, which holds no year above 9999."""
    with duckdb.connect() as db:
        db.execute("set TimeZone = 'UTC'")
        source = f"read_parquet('{path}')"
        kind = str(db.execute(f"describe select t from {source}").fetchall()[0][1])
        found = db.execute(f"select cast({contract.time_sql('t', kind)} as {told_as}) from {source}").fetchall()
    return [row[0] for row in found]


@pytest.mark.parametrize("raw", ["'yesterday'", "'1700000000'", "1700000000", "''", "'2026-13-01'"])
def test_what_is_no_time_becomes_none(raw: str) -> None:
    with duckdb.connect() as db:
        kind = str(db.execute(f"select typeof({raw})").fetchall()[0][0])
        assert db.execute(f"select {contract.time_sql(raw, kind)}").fetchall() == [(None,)]


def label_said(raw: str, task: TaskKind, classes: tuple[str, ...]) -> object:
    schema = Schema("m", task, (NUMBER,), "label", classes)
    with duckdb.connect() as db:
        kind = str(db.execute(f"select typeof({raw})").fetchall()[0][0])
        typed = contract.label_sql(schema, "r", kind)
        return db.execute(
            f"select {contract.label_problem(schema, 't', 'r')} from (select *, {typed} as t from (select {raw} as r))"
        ).fetchall()[0][0]


def test_a_label_is_one_of_the_classes_where_they_are_known() -> None:
    kind = TaskKind.CLASSIFICATION
    assert label_said("'sideways'", kind, ("down", "up")) == "label is sideways, wanted one of the classes down, up"
    assert [label_said(raw, kind, ("down", "up")) for raw in ("'up'", "null::varchar", "''")] == [None] * 3
    assert label_said("'sideways'", kind, ()) is None
    assert label_said("1.0::double", kind, ("0", "1")) is None


def test_a_label_of_a_regression_is_a_finite_number_or_absent() -> None:
    kind = TaskKind.REGRESSION
    assert [label_said(raw, kind, ()) for raw in ("'1.5'", "null::varchar", "''", "'nan'::double")] == [None] * 4
    assert label_said("'much'", kind, ()) == "label is much, wanted a finite number of at most 1e+150"
    assert label_said("'inf'", kind, ()) == "label is inf, wanted a finite number of at most 1e+150"
