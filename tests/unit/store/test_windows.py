from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maintainer.domain.sample import Column, ColumnKind, Part, Schema, Split, TaskKind, Window
from maintainer.store.answers import Asked, write_answered, write_labelled
from maintainer.store.artifacts import sha256
from maintainer.store.batch import Batch
from maintainer.store.database import Database
from maintainer.store.intake import ingest_labels, ingest_samples
from maintainer.store.tables import adopt, table
from maintainer.store.windows import Reader, Selection

START, NOW = datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
WHOLE = Window(START, NOW)


def hourly(count: int, label: str = "up") -> list[tuple[object, ...]]:
    return [(f"s{i}", (START + i * HOUR).isoformat(), i, "mon", label) for i in range(count)]


def keys(path: Path) -> list[int]:
    with duckdb.connect() as db:
        return [row[0] for row in db.execute(f"select _key from read_parquet('{path}')").fetchall()]


def labels_in(reader: Reader, path: Path) -> dict[str, str]:
    reader.export(Selection(WHOLE), path)
    with duckdb.connect() as db:
        return dict(db.execute(f"select _id, _label from read_parquet('{path}')").fetchall())


def test_a_sample_at_the_end_of_a_window_is_outside_and_one_at_its_start_inside(
    database: Database, schema: Schema, batch: Callable[..., Batch], tmp_path: Path
) -> None:
    ingest_samples(database, batch(hourly(10)))
    reader, window = Reader(database, schema, NOW), Window(START + 2 * HOUR, START + 5 * HOUR)
    assert reader.counts(window).samples == 3
    assert reader.export(Selection(window), tmp_path / "a.parquet") == 3
    with duckdb.connect() as db:
        found = db.execute(f"select x from read_parquet('{tmp_path / 'a.parquet'}')").fetchall()
    assert found == [(2.0,), (3.0,), (4.0,)]
    beside = Window(window.end, window.end + HOUR)
    assert reader.counts(beside).samples == 1


def test_the_newest_label_that_had_arrived_by_now_counts(
    database: Database, schema: Schema, batch: Callable[..., Batch], tmp_path: Path
) -> None:
    first, second = NOW, NOW + HOUR
    ingest_samples(database, batch(hourly(2), now=first))
    ingest_labels(database, batch([("s0", "down")], header=("id", "label"), now=second, name="labels.csv"))
    path = tmp_path / "a.parquet"
    assert labels_in(Reader(database, schema, first - HOUR), path) == {}
    assert labels_in(Reader(database, schema, first), path) == {"s0": "up", "s1": "up"}
    assert labels_in(Reader(database, schema, second), path) == {"s0": "down", "s1": "up"}
    ingest_labels(database, batch([("s0", "up")], header=("id", "label"), now=second + HOUR, name="back.csv"))
    assert labels_in(Reader(database, schema, second + HOUR), path) == {"s0": "up", "s1": "up"}
    assert Reader(database, schema, second + HOUR).labels_known() == 4


def test_unlabelled_samples_are_counted_and_not_exported(
    database: Database, schema: Schema, batch: Callable[..., Batch], tmp_path: Path
) -> None:
    ingest_samples(database, batch([*hourly(3), ("late", START.isoformat(), 1, "mon", "")]))
    reader = Reader(database, schema, NOW)
    counts = reader.counts(WHOLE)
    assert (counts.samples, counts.labelled) == (4, 3)
    assert reader.export(Selection(WHOLE), tmp_path / "a.parquet") == 3


@dataclass(frozen=True)
class Placed:
    """A database whose rows lie at random times, before 1970 too."""

    reader: Reader
    rows: list[tuple[int, datetime]]

    @staticmethod
    def group(key: int) -> str:
        """Return the group of a sample; one in ten has none."""
        return f"größe {key % 613}" if key % 10 else ""


@pytest.fixture(scope="module")
def placed(tmp_path_factory: pytest.TempPathFactory) -> Placed:
    columns = (Column("x", ColumnKind.NUMBER), Column("g g", ColumnKind.CATEGORY))
    schema = Schema("m", TaskKind.REGRESSION, columns, "y", id="id", time="at")
    database = Database(tmp_path_factory.mktemp("placed") / "samples.duckdb", 256, 1)
    adopt(database, schema)
    draw = random.Random(5)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    rows = [
        (draw.getrandbits(64), epoch + timedelta(microseconds=draw.randint(-(10**15), 2 * 10**15))) for _ in range(4000)
    ]
    rows += [(2**64 - 1, epoch), (0, epoch - timedelta(microseconds=1)), (2**63, epoch + timedelta(days=1))]
    with database.writing() as db:
        plain = [(key, str(key), at.replace(tzinfo=None), Placed.group(key)) for key, at in rows]
        db.execute("create temp table given (k ubigint, i varchar, t timestamp, g varchar)")
        for part in range(0, len(plain), 500):
            some = plain[part : part + 500]
            db.execute(
                f"insert into given values {', '.join(['(?, ?, ?, ?)'] * len(some))}", [v for row in some for v in row]
            )
        columns = '_key, _id, _time, _arrived, "g g"'
        db.execute(f"insert into {table('m', 'sample')} ({columns}) select k, i, t, t, nullif(g, '') from given")
        db.execute(f"insert into {table('m', 'label')} select k, i, 1.0, t, t from given")
    return Placed(Reader(database, schema, NOW + timedelta(days=36500)), rows)


@pytest.mark.parametrize(
    "split",
    [
        Split(None, 0.15, 0.15),
        Split(timedelta(days=1), 0.1, 0.2),
        Split(timedelta(hours=6), 0.15, 0.15),
        Split(timedelta(seconds=1), 0.07, 0.13),
        Split(timedelta(days=28), 0.3, 0.3),
        Split(None, 0.15, 0.2, "g g"),
    ],
    ids=str,
)
def test_the_database_gives_each_sample_the_part_that_the_rule_gives_it(
    placed: Placed, split: Split, tmp_path: Path
) -> None:
    reader = Reader(placed.reader.database, placed.reader.schema, placed.reader.now, split)
    always = Window(datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    for part in Part:
        reader.export(Selection(always, (part,)), tmp_path / f"{part}.parquet")
        wanted = sorted(key for key, at in placed.rows if split.part(at, key, placed.group(key)) is part)
        assert wanted
        assert sorted(keys(tmp_path / f"{part}.parquet")) == wanted


def test_an_export_is_the_same_file_each_time(placed: Placed, tmp_path: Path) -> None:
    window = Window(datetime(1980, 1, 1, tzinfo=UTC), NOW)
    for name in ("a", "b"):
        placed.reader.export(Selection(window, at_most=700), tmp_path / name)
    assert sha256(tmp_path / "a") == sha256(tmp_path / "b")
    assert len(keys(tmp_path / "a")) == 700


def test_above_its_limit_an_export_keeps_the_smallest_hashes_oldest_first(placed: Placed, tmp_path: Path) -> None:
    always = Window(datetime(1900, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    placed.reader.export(Selection(always, at_most=100), tmp_path / "a")
    smallest = sorted(placed.rows)[:100]
    assert keys(tmp_path / "a") == [key for key, _ in sorted(smallest, key=lambda row: (row[1], row[0]))]


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.integers(0, 2 * 10**9),
    length=st.integers(1, 10**9),
    split=st.builds(
        Split,
        st.sampled_from([None, timedelta(hours=1), timedelta(days=1), timedelta(days=7)]),
        st.sampled_from([0.05, 0.15, 0.3]),
        st.sampled_from([0.05, 0.15, 0.3]),
    ),
)
def test_the_parts_of_any_window_are_the_whole_window_and_share_nothing(
    placed: Placed, tmp_path: Path, start: int, length: int, split: Split
) -> None:
    begin = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=start)
    window = Window(begin, begin + timedelta(seconds=length))
    reader = Reader(placed.reader.database, placed.reader.schema, placed.reader.now, split)
    found: list[int] = []
    for part in Part:
        reader.export(Selection(window, (part,)), tmp_path / "part.parquet")
        found += keys(tmp_path / "part.parquet")
    assert sorted(found) == sorted(key for key, at in placed.rows if window.start <= at < window.end)


def test_features_may_have_the_names_of_our_own_columns(tmp_path: Path) -> None:
    names = ("answer", "label", "moment", "value", "version", "s", "p", "line", "doc", "rowid")
    features = tuple(Column(name, ColumnKind.NUMBER) for name in names)
    schema = Schema("m", TaskKind.CLASSIFICATION, features, "truth", ("down", "up"), "id", "at")
    path = tmp_path / "a.jsonl"
    row = ", ".join(f'"{name}": 1' for name in names)
    path.write_text(f'{{"id": "a", "at": "2025-12-01", {row}, "truth": "up", "prediction": "down"}}\n')
    database = Database(tmp_path / "samples.duckdb", 256, 1)
    adopt(database, schema)
    done = ingest_samples(database, Batch(schema, path, "jsonl", path.name, NOW, champion="v1"))
    assert (done.stored, done.labels) == (1, 1)
    reader, out = Reader(database, schema, NOW), tmp_path / "out.parquet"
    assert write_labelled(reader, Asked(WHOLE, "v1", 10), out) == 1
    assert duckdb.sql(f"select label, answer, chances from '{out}'").fetchall() == [("up", "down", None)]
    assert write_labelled(reader, Asked(WHOLE, "v2", 10), out) == 0
    database.close()


def test_answers_are_asked_for_once_and_found_again(
    database: Database, schema: Schema, batch: Callable[..., Batch], tmp_path: Path
) -> None:
    ingest_samples(database, batch(hourly(20)))
    reader, path = Reader(database, schema, NOW), tmp_path / "asked.parquet"
    assert reader.unanswered(WHOLE, "v1", 12, path) == 12
    with duckdb.connect() as db:
        db.execute(f"copy (select _key, 'down' as value from read_parquet('{path}')) to '{tmp_path / 'got.parquet'}'")
    reader.add_answers("v1", tmp_path / "got.parquet")
    assert reader.unanswered(WHOLE, "v1", 12, path) == 0
    assert reader.unanswered(WHOLE, "v1", 15, path) == 3
    assert write_labelled(reader, Asked(WHOLE, "v1", 100), path) == 12
    assert write_labelled(reader, Asked(WHOLE, "v1", 5), path) == 5


def test_probabilities_are_kept_with_answers_and_asked_for_where_an_answer_was_logged_without(
    database: Database, schema: Schema, batch: Callable[..., Batch], tmp_path: Path
) -> None:
    ingest_samples(database, batch(hourly(20)))
    reader, path, got = Reader(database, schema, NOW), tmp_path / "asked.parquet", tmp_path / "got.parquet"

    def answer(more: str) -> None:
        duckdb.sql(f"copy (select _key, 'down' as value{more} from read_parquet('{path}')) to '{got}'")
        reader.add_answers("v1", got)

    assert reader.unanswered(WHOLE, "v1", 50, path) == 20
    answer("")
    assert reader.unanswered(WHOLE, "v1", 50, path) == 0
    assert write_answered(reader, Asked(WHOLE, "v1", 50, chances=True), path) == 0
    assert reader.unanswered(WHOLE, "v1", 50, path, chances=True) == 20
    answer(", 0.75 as probability_down, 0.25 as probability_up")
    assert reader.unanswered(WHOLE, "v1", 50, path, chances=True) == 0
    assert write_answered(reader, Asked(WHOLE, "v1", 50, chances=True), path) == 20  # none is there twice
    assert duckdb.sql(f"select distinct answer, chances from '{path}'").fetchall() == [("down", [0.75, 0.25])]


def test_a_store_from_before_gets_the_column_of_probabilities(database: Database, schema: Schema) -> None:
    with database.writing() as db:
        db.execute(f"alter table {table(schema.model, 'prediction')} drop column chances")
        db.execute(f"insert into {table(schema.model, 'prediction')} values (1, 'v1', 'up')")
    adopt(database, schema)
    with database.reading() as db:
        assert db.execute(f"select * from {table(schema.model, 'prediction')}").fetchall() == [(1, "v1", "up", None)]
