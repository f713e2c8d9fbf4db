"""Rows of a file that are only passed through: typed like samples, kept nowhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from maintainer.domain.sample import Column, Schema
from maintainer.errors import InputError
from maintainer.store.contract import feature_problems, joined, raw_name, value_sql
from maintainer.store.database import Connection, Database, literal, parquet, quoted
from maintainer.store.reading import RawFile, Source, fault_of_file, raw_file


def features_of(database: Database, schema: Schema, source: Source, target: Path) -> int:
    """Write the typed features of a file, in the order of its rows, as Parquet; return the number of rows.

    Raises:
        InputError: the file or one of its rows cannot be read, or it lacks a feature.
    """
    names = [column.name for column in schema.features]
    with database.reading() as db, raw_file(db, source, frozenset(names)) as raw:
        absent = [name for name in names if name not in raw.columns]
        if absent:
            raise InputError(f"{source.name} lacks {', '.join(absent)}; wanted the features {', '.join(names)}")
        with fault_of_file(source):
            db.execute(f"create or replace temp table asked as {_typed(schema, raw)}")
        _require_readable(db, raw)
        features = ", ".join(quoted(name) for name in names)
        row = db.execute(
            f"copy (select {features} from asked order by _row) to {literal(str(target))} (format parquet)"
        ).fetchone()
    return int(row[0]) if row else 0


def _typed(schema: Schema, raw: RawFile) -> str:
    picked = ", ".join(f"{quoted(c.name)} as {raw_name(c.name)}" for c in schema.features)
    typed = ", ".join(f"{value_sql(c, raw.columns[c.name])} as {quoted(c.name)}" for c in schema.features)
    problems = [problem for c in schema.features for problem in feature_problems(_any(c), raw.columns[c.name])]
    return (
        f"select *, coalesce(_broken, {joined(problems)}) as _problem from "
        f"(select *, {typed} from (select _row, _broken, {picked} from ({raw.relation})))"
    )


def _any(column: Column) -> Column:
    """Return a column that takes every value of its kind: a model answers for those that are never stored, too."""
    return replace(column, missing_allowed=True, minimum=None, maximum=None, unknown_allowed=True)


def _require_readable(db: Connection, raw: RawFile) -> None:
    """Raise for the first row that cannot be read: with it left out, the answers would not be those of the file."""
    rejected = db.execute(f"select line, reason from ({raw.rejects}) order by line").fetchall()
    if rejected:
        line, reason = rejected[0]
        raise InputError(f"{raw.source.name}: line {line} cannot be read: {reason}")
    wrong = db.execute("select _row, _problem from asked where _problem is not null order by _row limit 1").fetchone()
    if wrong is not None:
        raise InputError(f"{raw.source.name}: row {wrong[0]}: {wrong[1]}")
    counted = db.execute("select count(*) from asked").fetchone()
    raw.require_whole(int(counted[0]) if counted else 0)


def read_answers(database: Database, path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of answers."""
    with database.reading() as db:
        found = db.execute(f"select * from {parquet(path)}")
        names = [str(column[0]) for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
