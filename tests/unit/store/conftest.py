"""A small model's tables in a database of their own."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from maintainer.domain.sample import Column, ColumnKind, Schema, TaskKind
from maintainer.store.batch import Batch
from maintainer.store.database import Database
from maintainer.store.tables import adopt

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def schema() -> Schema:
    return Schema(
        model="small",
        task=TaskKind.CLASSIFICATION,
        features=(Column("x", ColumnKind.NUMBER), Column("day", ColumnKind.CATEGORY)),
        label="label",
        classes=("down", "up"),
        id="id",
        time="at",
    )


@pytest.fixture
def database(tmp_path: Path, schema: Schema) -> Iterator[Database]:
    held = Database(tmp_path / "samples.duckdb", memory_mb=256, threads=1)
    adopt(held, schema)
    yield held
    held.close()


@pytest.fixture
def batch(tmp_path: Path, schema: Schema) -> Callable[..., Batch]:
    """Write rows as csv and return them as a batch: `batch(rows, header=..., now=..., name=...)`."""

    def write(
        rows: Sequence[Sequence[object]],
        header: Sequence[str] = ("id", "at", "x", "day", "label"),
        now: datetime = NOW,
        name: str = "rows.csv",
    ) -> Batch:
        path = tmp_path / name
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return Batch(schema, path, "csv", name, now)

    return write
