"""Stored samples without a label: what the labelling queue chooses from, and what it chose."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from maintainer.domain.sample import Window
from maintainer.store.database import Database, literal, parquet, quoted
from maintainer.store.spans import inside, sql_time
from maintainer.store.tables import SQL_TYPES, newest_labels, table
from maintainer.store.windows import Reader


def unlabelled(reader: Reader, window: Window, without: Iterable[int], at_most: int, path: Path) -> int:
    """Write samples of a window that have no label, a uniform sample above `at_most`, as Parquet; return the rows.

    `without` are hashes of ids that are left out. Columns: `_key`, `_id`, `_time`, the features, an empty `_label`.
    """
    schema = reader.schema
    features = "".join(f", s.{quoted(c.name)}" for c in schema.features)
    known = newest_labels(schema.model, f"_arrived <= {sql_time(reader.now)}")
    left = ", ".join(str(int(key)) for key in without)
    query = (
        f"select s._key, s._id, s._time{features}, cast(null as {SQL_TYPES[schema.answer_kind]}) as _label "
        f"from {table(schema.model, 'sample')} s where {inside(window)} "
        f"and s._key not in (select _key from ({known})) "
        f"and s._key not in (select unnest([{left}]::ubigint[])) order by s._key limit {at_most}"
    )
    with reader.database.reading() as db:
        row = db.execute(f"copy ({query}) to {literal(str(path))} (format parquet)").fetchone()
    return int(row[0]) if row else 0


def chosen(database: Database, samples: Path, worth: Path, at_most: int) -> list[dict[str, Any]]:
    """Return the samples of a file that another file of `_key`, `_worth` and `_rank` ranks first, in that order."""
    with database.reading() as db:
        found = db.execute(
            f"select s.* exclude (_label), w._worth from {parquet(samples)} s join {parquet(worth)} w "
            f"on w._key = s._key order by w._rank limit {at_most}"
        )
        names = [str(column[0]) for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
