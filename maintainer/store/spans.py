"""SQL for what a sample `s` is by its time and hash: in a window, in a part of the split, comparable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from maintainer.domain.sample import GOLDEN, Column, ColumnKind, Part, Split, Window, lengths_of
from maintainer.store.batch import utc
from maintainer.store.database import literal, quoted


def inside(window: Window) -> str:
    """Return SQL for a sample in the window."""
    return f"s._time >= {sql_time(window.start)} and s._time < {sql_time(window.end)}"


def sql_time(moment: datetime) -> str:
    """Return SQL for a moment as it is stored."""
    return f"{literal(utc(moment).isoformat(sep=' '))}::timestamp"


def part_sql(split: Split | None, parts: Sequence[Part]) -> str:
    """Return SQL for a sample in one of these parts; all of them hold everything, and so does any without a split."""
    if set(parts) == set(Part) or split is None:
        return "true"
    hashed = "s._key"
    if split.group is not None:
        hashed = f"coalesce(md5_number_lower(nullif(s.{quoted(split.group)}, '')), s._key)"
    place = f"({hashed} / 18446744073709551616.0)"
    if split.block is not None:
        micros = int(split.block.total_seconds() * 1e6)
        product = f"({floor_division('epoch_us(s._time)', micros)} * {_exact(GOLDEN)})"
        place = f"({product} - floor({product}))"
    edges = {
        Part.HOLDOUT: (0.0, split.holdout),
        Part.VALIDATION: (split.holdout, split.holdout + split.validation),
        Part.TRAIN: (split.holdout + split.validation, 2.0),  # a hash next to 2^64 has the place 1.0
    }
    ranges = [f"({place} >= {_exact(edges[p][0])} and {place} < {_exact(edges[p][1])})" for p in parts]
    return f"({' or '.join(ranges)})"


def compared_sql(column: Column) -> str:
    """Return SQL for a feature of the sample `s` as it is compared over time: of a text its lengths."""
    value = f"s.{quoted(column.name)}"
    if column.kind is not ColumnKind.TEXT:
        return value
    characters, words = (quoted(name) for name in lengths_of(column.name))
    counted = f"len(regexp_extract_all({value}, '\\S+'))"
    return f"length({value})::double as {characters}, {counted}::double as {words}"


def floor_division(value: str, by: int) -> str:
    """Return SQL for a division rounded down, as Python does; DuckDB's `//` rounds towards zero before 1970."""
    return f"(({value} - (({value} % {by}) + {by}) % {by}) // {by})"


def _exact(number: float) -> str:
    """Return SQL for a double; a bare literal would be a decimal, rounded a second time."""
    return f"{literal(repr(number))}::double"
