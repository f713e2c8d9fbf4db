"""Samples of a window with their time, as a file that a worker finds thresholds from."""

from __future__ import annotations

from pathlib import Path

import duckdb

from maintainer.domain.sample import Window
from maintainer.errors import StoreError
from maintainer.store.database import literal
from maintainer.store.thin import share_for
from maintainer.store.windows import Reader


def export_timed(reader: Reader, window: Window, version: str, at_most: int, path: Path) -> int:
    """Write about `at_most` samples, a uniform draw: time, compared columns, answers of `version`; return the rows.

    Raises:
        StoreError: they cannot be read or written.
    """
    drawn = reader.relation(window, version, share_for(reader.samples(window), at_most))
    query = f"copy (select * exclude (_key) from ({drawn}) order by _key) to {literal(str(path))} (format parquet)"
    try:
        with reader.database.reading() as db:
            row = db.execute(query).fetchone()
    except duckdb.Error as error:
        raise StoreError(f"the reference cannot be read: {error}") from error
    return int(row[0]) if row else 0
