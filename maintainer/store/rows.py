"""Rows of a file that are only passed through: typed like samples, kept nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maintainer.domain.sample import Schema
from maintainer.errors import InputError
from maintainer.store.contract import raw_name, value_sql
from maintainer.store.database import Database, literal, quoted
from maintainer.store.reading import Source, raw_file


def features_of(database: Database, schema: Schema, path: Path, form: str, target: Path) -> int:
    """Write the typed features of a file, in the order of its rows, as Parquet; return the number of rows.

    Raises:
        InputError: the file cannot be read or lacks a feature.
    """
    names = [column.name for column in schema.features]
    with database.reading() as db:
        raw = raw_file(db, Source(path, form, path.name), frozenset(names))
        absent = [name for name in names if name not in raw.columns]
        if absent:
            raise InputError(f"{path.name} lacks {', '.join(absent)}; wanted the features {', '.join(names)}")
        picked = ", ".join(f"{quoted(name)} as {raw_name(name)}" for name in names)
        typed = ", ".join(f"{value_sql(c, raw.columns[c.name])} as {quoted(c.name)}" for c in schema.features)
        row = db.execute(
            f"copy (select {typed} from (select _row, {picked} from ({raw.relation})) order by _row) "
            f"to {literal(str(target))} (format parquet)"
        ).fetchone()
    return int(row[0]) if row else 0


def read_answers(database: Database, path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of answers."""
    with database.reading() as db:
        found = db.execute(f"select * from read_parquet({literal(str(path))})")
        names = [str(column[0]) for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
