"""Anything at all may be in a file: it is refused, or taken row by row, and never in part."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from maintainer.errors import InputError
from maintainer.store.batch import Batch
from maintainer.store.intake import ingest_samples

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_damaged_file_is_refused_or_taken_row_by_row_and_never_in_part(world: Any, tmp_path: Path, form: str) -> None:
    good = world.rows(25)
    content = world.parquet(good, tmp_path) if form == "parquet" else getattr(world, form)(good)
    context, schema = (
        world.operations.context,
        world.operations.context.schema(world.operations.context.policy("small")),
    )
    draw, refused = random.Random(form), 0
    for number in range(120):
        path = tmp_path / f"damaged.{form}"
        path.write_bytes(damaged(content, draw))
        before = counted(world)
        batch = Batch(schema, path, form, path.name, NOW + timedelta(seconds=number))
        try:
            done = ingest_samples(context.database, batch)
        except InputError as error:
            refused += 1
            assert str(error).startswith(path.name)
            assert counted(world) == before, "a refused file left something behind"
            continue
        samples, labels, batches = counted(world)
        assert done.rows == done.stored + done.duplicate + done.quarantined
        assert (samples, labels, batches) == (before[0] + done.stored, before[1] + done.labels, before[2] + 1)
    assert 0 < refused < 120


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Return a file cut off, or with some of its bits flipped, or both."""
    found = bytearray(content[: draw.randrange(len(content))] if draw.random() < 0.3 else content)
    for _ in range(draw.choice((0, 1, 1, 3, 10))):
        if found:
            found[draw.randrange(len(found))] ^= 1 << draw.randrange(8)
    return bytes(found)


def counted(world: Any) -> tuple[int, int, int]:
    counts = "select (select count(*) from model_small.sample), (select count(*) from model_small.label), "
    return world.sql(f"{counts} (select count(*) from batch)")[0]
