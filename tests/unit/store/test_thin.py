"""Large windows read through the thin tables give what the whole table would have given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from maintainer.domain.sample import Schema, Window
from maintainer.store import windows
from maintainer.store.answers import Asked, write_labelled
from maintainer.store.batch import Batch
from maintainer.store.database import Database
from maintainer.store.intake import ingest_samples
from maintainer.store.tables import adopt, table
from maintainer.store.thin import THINNED, below, share_for, thin_table, thinnest
from maintainer.store.windows import Reader

START, NOW = datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
MOMENT = timedelta(seconds=60)
ROWS = 6000
WHOLE = Window(START, NOW)


def rows(first: int, last: int) -> list[tuple[object, ...]]:
    """Every third has no label."""
    return [(f"s{i}", (START + i * MOMENT).isoformat(), i, "mon", "up" if i % 3 else "") for i in range(first, last)]


@pytest.fixture
def filled(database: Database, schema: Schema, batch: Callable[..., Batch]) -> Database:
    ingest_samples(database, batch(rows(0, 4000)))
    ingest_samples(database, batch(rows(3000, ROWS)))
    return database


def content(database: Database, name: str, where: str = "true") -> list[tuple[object, ...]]:
    with database.reading() as db:
        return db.execute(f"select * from {table('small', name)} where {where} order by _key").fetchall()


def test_a_thin_table_holds_the_samples_of_its_share_and_each_once(filled: Database) -> None:
    assert len(content(filled, "sample")) == ROWS
    for every in THINNED:
        found = content(filled, thin_table(every))
        assert found == content(filled, "sample", below(1 / every))
        assert 0.6 * ROWS / every < len(found) < 1.5 * ROWS / every


def test_a_store_from_before_the_thin_tables_gets_them(filled: Database, schema: Schema) -> None:
    wanted = content(filled, "sample_16")
    with filled.writing() as db:
        db.execute(f"drop table {table('small', 'sample_16')}")
    adopt(filled, schema)
    assert content(filled, "sample_16") == wanted


@pytest.mark.parametrize(
    ("share", "name"),
    [(1.0, "sample"), (0.07, "sample"), (1 / 16, "sample_16"), (0.01, "sample_16"), (1 / 256, "sample_256")],
)
def test_the_smallest_table_that_has_the_share_is_read(share: float, name: str) -> None:
    assert thinnest(share) == name


def test_the_whole_is_taken_where_it_is_no_more_than_wanted() -> None:
    assert share_for(100, 100) == 1.0 and below(1.0) == "true"
    assert share_for(400, 100) == 0.25


@pytest.mark.parametrize("at_most", [20, 200, 1000, ROWS, 10 * ROWS])
def test_a_draw_is_uniform_repeatable_and_never_too_large(filled: Database, schema: Schema, at_most: int) -> None:
    reader, window = Reader(filled, schema, NOW), Window(START + 1000 * MOMENT, NOW)
    with filled.reading() as db:
        found = reader.drawn(db, window, "v1", at_most)
        values = db.sql(found.relation_sql + " order by x").fetchnumpy()["x"]
        again = db.sql(reader.drawn(db, window, "v1", at_most).relation_sql + " order by x").fetchnumpy()["x"]
    size = ROWS - 1000
    assert (found.rows, found.kept) == (size, values.size) and (values == again).all()
    if at_most >= size:
        assert values.tolist() == list(range(1000, ROWS))
    else:
        assert 0 < values.size <= at_most and values.size >= at_most - 6 * at_most**0.5
        distance = np.abs((np.arange(values.size) + 0.5) / values.size - (values - 1000) / size).max()
        assert distance < 1.63 / values.size**0.5  # Kolmogorov-Smirnov at 99 %


def test_answers_of_a_large_window_are_asked_for_and_found_as_of_a_small_one(
    filled: Database, schema: Schema, tmp_path: Path
) -> None:
    reader, path, got = Reader(filled, schema, NOW), tmp_path / "asked.parquet", tmp_path / "got.parquet"
    assert reader.unanswered(WHOLE, "v1", 150, path) == 150
    first = sorted(row[0] for row in content(filled, "sample"))[:150]
    with duckdb.connect() as db:
        assert [row[0] for row in db.execute(f"select _key from read_parquet('{path}')").fetchall()] == first
        db.execute(f"copy (select _key, 'down' as value from read_parquet('{path}')) to '{got}'")
    reader.add_answers("v1", got)
    assert reader.unanswered(WHOLE, "v1", 150, path) == 0
    labelled = sum(1 for row in content(filled, "sample") if row[0] in set(first) and row[6] % 3)
    assert write_labelled(reader, Asked(WHOLE, "v1", 150), path) == labelled


def test_labels_of_a_large_window_are_counted_in_a_sample_and_rare_ones_one_by_one(
    filled: Database, schema: Schema, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(filled, schema, NOW)
    exact = reader.counts(WHOLE)
    assert (exact.samples, exact.labelled) == (ROWS, ROWS * 2 // 3)
    monkeypatch.setattr(windows, "ENOUGH", 1500)
    monkeypatch.setattr(windows, "FEW", 500)
    near = reader.counts(WHOLE)
    assert near.samples == ROWS and near.labelled != exact.labelled
    assert near.labelled == pytest.approx(exact.labelled, rel=0.08)
    monkeypatch.setattr(windows, "FEW", 5000)
    assert reader.counts(WHOLE) == exact
