"""Which rows are the same sample, what contradicts, and which label counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from maintainer.domain.sample import Column, ColumnKind, Schema, TaskKind, Window
from maintainer.store import contract
from maintainer.store.batch import Batch, Ingested
from maintainer.store.database import Database
from maintainer.store.intake import ingest_labels, ingest_samples
from maintainer.store.tables import adopt
from maintainer.store.windows import Reader, Selection

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROWS = [("s0", "2025-12-01", 1, "mon", "up"), ("s1", "2025-12-02", 2, "", "down"), ("s2", "2025-12-03", "", "tue", "")]
X, DAY, MORE = Column("x", ColumnKind.NUMBER), Column("day", ColumnKind.CATEGORY), Column("more", ColumnKind.NUMBER)

Write = Callable[..., Batch]


def found(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.reading() as db:
        return db.execute(query).fetchall()


def counted(done: Ingested) -> tuple[int, int, int]:
    return done.stored, done.duplicate, done.quarantined


# --- the same sample


@pytest.mark.parametrize("identity", ["id", None], ids=["by id", "by content"])
@pytest.mark.parametrize("features", [(X, DAY, MORE), (DAY, X), (MORE, DAY, X)], ids=lambda f: str([c.name for c in f]))
def test_a_file_that_comes_again_under_other_features_holds_the_same_samples(
    database: Database, schema: Schema, batch: Write, identity: str | None, features: tuple[Column, ...]
) -> None:
    first = batch(ROWS)
    assert counted(ingest_samples(database, replace(first, schema=replace(schema, id=identity)))) == (3, 0, 0)
    changed = replace(schema, id=identity, features=features)
    adopt(database, changed)
    assert counted(ingest_samples(database, replace(first, schema=changed))) == (0, 3, 0)


@pytest.mark.parametrize("features", [(X,), (DAY, X, MORE)], ids=["one taken out", "one added"])
def test_a_sample_with_an_id_is_the_same_with_a_column_less_or_more(
    database: Database, schema: Schema, batch: Write, features: tuple[Column, ...]
) -> None:
    ingest_samples(database, batch(ROWS))
    changed = replace(schema, features=features)
    adopt(database, changed)
    header = ("id", "at", "x", "day", "label", "more")
    again = replace(batch([(*row[:4], "up", 7) for row in ROWS], header), schema=changed)
    done = ingest_samples(database, again)
    assert (*counted(done), done.labels) == (0, 3, 0, 2)


def test_a_database_whose_samples_have_a_hash_of_their_content_goes_on(database: Database, batch: Write) -> None:
    with database.writing() as db:
        db.execute("alter table model_small.sample add column _content ubigint default 7")
    assert counted(ingest_samples(database, batch(ROWS))) == (3, 0, 0)
    assert counted(ingest_samples(database, batch(ROWS))) == (0, 3, 0)
    other = [("s0", "2025-12-01", 5, "mon", "up")]
    assert counted(ingest_samples(database, batch(other))) == (0, 0, 1)


@pytest.mark.parametrize(
    "other",
    [("s0", "2025-12-01", 5, "mon", ""), ("s0", "2025-12-01", 1, "tue", ""), ("s0", "2025-12-09", 1, "mon", "")],
)
def test_another_value_or_time_under_the_same_id_is_a_problem(
    database: Database, batch: Write, other: tuple[object, ...]
) -> None:
    ingest_samples(database, batch(ROWS))
    assert counted(ingest_samples(database, batch([other]))) == (0, 0, 1)
    assert found(database, "select reason from quarantine") == [("id s0 is stored already with other content",)]


def test_content_that_differs_has_another_fingerprint_and_the_order_of_columns_does_not_count() -> None:
    def told(**values: str) -> object:
        with duckdb.connect() as db:
            given = ", ".join(f"{value} as {name}" for name, value in values.items())
            return db.execute(f"select {contract.fingerprint({n: n for n in values})} from (select {given})").fetchall()

    assert told(a="'a' || chr(31) || 'b'", b="'c'") != told(a="'a'", b="'b' || chr(31) || 'c'")
    assert told(a="'a\",\"b'", b="'c'") != told(a="'a'", b="'b\",\"c'")
    assert told(a="1", b="null") != told(a="null", b="1")
    assert told(a="1", b="2") == told(b="2", a="1", c="null::double")


def plain(**changes: Any) -> Schema:
    return replace(Schema("plain", TaskKind.CLASSIFICATION, (X, DAY), "label", ("down", "up")), **changes)


def test_without_id_and_time_each_row_of_each_file_is_an_observation(database: Database, batch: Write) -> None:
    schema = plain()
    adopt(database, schema)

    def sent(rows: list[tuple[object, ...]], days: int) -> tuple[int, int, int]:
        given = batch(rows, ("x", "day", "label"), NOW + timedelta(days=days), "data.csv")
        return counted(ingest_samples(database, replace(given, schema=schema)))

    same, other = (1, "mon", "up"), (2, "mon", "up")
    assert sent([same, same, other], 0) == (3, 0, 0)
    assert sent([same, same, same], 1) == (3, 0, 0)  # the same name every day
    assert sent([same, same, other], 2) == (0, 3, 0)  # the very same file
    assert len(found(database, "select distinct _key from model_plain.sample")) == 6


# --- names


def test_a_feature_may_be_called_id_where_the_id_is_called_otherwise(database: Database, batch: Write) -> None:
    schema = plain(features=(Column("id", ColumnKind.NUMBER), X), id="event_id")
    adopt(database, schema)
    header = ("event_id", "id", "x")
    ingest_samples(database, replace(batch([("a", 1, 2)], header), schema=schema))
    done = ingest_samples(database, replace(batch([("a", 1, 3)], header), schema=schema))
    assert counted(done) == (0, 0, 1)
    assert found(database, "select content from quarantine") == [('{"_id":"a","id":1.0,"x":3.0}',)]


# --- labels


def test_the_label_of_a_sample_that_is_refused_is_kept(database: Database, batch: Write) -> None:
    ingest_samples(database, batch([ROWS[2]]))
    refused = [("s2", "2025-12-03", 8, "sun", "down"), ("s7", "2025-12-03", "abc", "mon", "up")]
    done = ingest_samples(database, batch(refused))
    assert (*counted(done), done.labels, done.unmatched) == (0, 0, 2, 2, 1)
    assert sorted(found(database, "select _id, value from model_small.label")) == [("s2", "down"), ("s7", "up")]


@pytest.mark.parametrize(
    "row", [("", "2025-12-03", 1, "mon", "up"), ("s0", "2027-01-01", 1, "mon", "up"), ("s0", "never", 1, "mon", "up")]
)
def test_a_label_of_nobody_or_of_no_possible_time_is_not_kept(
    database: Database, batch: Write, row: tuple[object, ...]
) -> None:
    done = ingest_samples(database, batch([row]))
    assert (done.quarantined, done.labels) == (1, 0)


def test_a_label_of_a_refused_row_without_an_id_is_not_kept(database: Database, schema: Schema, batch: Write) -> None:
    given = replace(batch([("", "2025-12-03", "abc", "mon", "up")]), schema=replace(schema, id=None))
    done = ingest_samples(database, given)
    assert (done.quarantined, done.labels) == (1, 0)


# --- which label counts


def newest(database: Database, schema: Schema, folder: Path) -> dict[str, str]:
    """Return the labels that a run would learn from."""
    path = folder / "found.parquet"
    reader = Reader(database, schema, NOW + timedelta(days=99))
    reader.export(Selection(Window(NOW - timedelta(days=99), reader.now)), path)
    return dict(found(database, f"select _id, _label from read_parquet('{path}')"))


def test_the_newest_label_by_its_own_time_counts_in_whatever_order_they_come(
    database: Database, schema: Schema, batch: Write, tmp_path: Path
) -> None:
    ingest_samples(database, batch([(*row[:4], "") for row in ROWS]))
    header = ("id", "label", "time")
    told = [[("s0", "up", "2025-12-10")], [("s0", "down", "2025-12-12")], [("s0", "up", "2025-12-11")]]
    counts = [
        ingest_labels(database, batch(rows, header, NOW + hour * HOUR)).labels
        for hour, rows in enumerate([*told, *told])
    ]
    assert counts == [1, 1, 0, 0, 0, 0]
    assert newest(database, schema, tmp_path) == {"s0": "down"}


def test_of_labels_in_one_file_the_newest_counts_then_the_last(
    database: Database, schema: Schema, batch: Write, tmp_path: Path
) -> None:
    ingest_samples(database, batch([(*row[:4], "") for row in ROWS]))
    told = [("s0", "down", "2025-12-12"), ("s0", "up", "2025-12-10"), ("s1", "up", ""), ("s1", "down", "")]
    ingest_labels(database, batch(told, ("id", "label", "time")))
    assert newest(database, schema, tmp_path) == {"s0": "down", "s1": "down"}


@pytest.mark.parametrize("time", ["at", None], ids=["with times", "without times"])
def test_a_file_of_samples_that_comes_again_does_not_take_a_correction_back(
    database: Database, schema: Schema, batch: Write, tmp_path: Path, time: str | None
) -> None:
    schema = replace(schema, time=time)

    def take(rows: list[tuple[object, ...]], days: int) -> None:
        ingest_samples(database, replace(batch(rows, now=NOW + timedelta(days=days)), schema=schema))

    take(ROWS, 0)
    corrected = [("s0", "2025-12-01", 1, "mon", "down")]
    take(corrected, 1)
    take(ROWS, 2)
    assert newest(database, schema, tmp_path)["s0"] == "down"
    ingest_labels(database, batch([("s1", "up")], ("id", "label"), NOW + timedelta(days=3)))
    take(ROWS, 4)
    assert newest(database, schema, tmp_path) == {"s0": "down", "s1": "up"}


def test_labels_that_an_older_program_kept_in_order_of_arrival_are_read_by_their_time(
    database: Database, schema: Schema, batch: Write, tmp_path: Path
) -> None:
    ingest_samples(database, batch([(*ROWS[0][:4], "")]))
    with database.writing() as db:
        for value, day in (("up", 12), ("down", 10)):
            db.execute(
                "insert into model_small.label select _key, _id, ?, ?, ? from model_small.sample",
                [value, datetime(2025, 12, day), datetime(2025, 12, 20 - day)],
            )
    assert newest(database, schema, tmp_path) == {"s0": "up"}
