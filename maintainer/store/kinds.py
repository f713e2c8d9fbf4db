"""What kinds of drift are told by beside the profiles: labels, rows as they came, and how a column behaved before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.kinds import Novelty
from maintainer.domain.sample import ColumnKind, Schema, Window
from maintainer.store.database import Connection, literal, quoted
from maintainer.store.profile import LARGEST, Sampled, sampled
from maintainer.store.spans import compared_sql, inside, sql_time
from maintainer.store.tables import newest_labels, table
from maintainer.store.thin import below, share_for, thinnest
from maintainer.store.windows import Reader

SEARCHED = 8  # times as many samples as labels wanted: late labels are there for some only


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows: of a window, with the answers of a version, a uniform sample of at most `most`."""

    reader: Reader
    version: str
    most: int

    def share(self, window: Window, times: int = 1) -> float:
        """Return the share of the keys that holds about as many rows."""
        return share_for(self.reader.samples(window), times * self.most)


def labels(db: Connection, rows: Rows, window: Window) -> Sampled:
    """Draw the newest labels of a window's samples that have arrived by now; the connection holds them in memory."""
    share, schema = rows.share(window, SEARCHED), rows.reader.schema
    query = (
        f"select l.value as {quoted(schema.label)} from {table(schema.model, thinnest(share))} s "
        f"join ({_labels(rows.reader, share)}) l on l._key = s._key "
        f"where {inside(window)} and {below(share, 's._key')} order by s._key"
    )
    return sampled(db, query, rows.reader.samples(window), rows.most)


def extract(rows: Rows, window: Window, path: Path) -> int:
    """Write a uniform sample of a window as Parquet, oldest first: `_key` and the features as they came."""
    share, schema = rows.share(window), rows.reader.schema
    features = "".join(f", s.{quoted(c.name)}" for c in schema.features)
    source = f"from {table(schema.model, thinnest(share))} s where {inside(window)} and {below(share, 's._key')}"
    query = f"select s._key, s._time{features} {source} order by s._key limit {rows.most}"
    with rows.reader.database.reading() as db:
        found = db.execute(
            f"copy (select * exclude (_time) from ({query}) order by _time, _key) to {literal(str(path))} "
            "(format parquet)"
        ).fetchone()
    return int(found[0]) if found else 0


def novelty(db: Connection, rows: Rows, reference: Window, current: Window, column: str) -> Novelty:
    """Count what of a category the reference has never shown, value by value, in uniform samples of both windows."""
    sides = [
        f"select {quoted(column)}::varchar as v, count(*) as n from (select * from "
        f"({rows.reader.relation(window, rows.version, rows.share(window))}) limit {rows.most}) "
        f"where {quoted(column)} is not null group by v"
        for window in (reference, current)
    ]
    found = db.execute(
        f"with was as ({sides[0]}), now as ({sides[1]}), new as (select * from now anti join was using (v)) "
        "select (select sum(n) from was), (select count(*) from was where n = 1), (select sum(n) from now), "
        "(select sum(n) from new), (select arg_max(v, n) from new)"
    ).fetchall()[0]
    before, singles, now, unseen = (int(count or 0) for count in found[:4])
    return Novelty(before, singles, now, unseen, found[4])


def course(rows: Rows, window: Window, column: str) -> tuple[NDArray[np.float64], NDArray[np.generic]]:
    """Return a column's values as it is compared, in a uniform sample, oldest first, and when they came.

    The first array has one more: seconds since the window's start, and at last its length.
    """
    value = _column_sql(rows.reader.schema, column)
    query = (
        f"select epoch(s._time) - epoch({sql_time(window.start)}) as t, {value} as n "
        f"from {_compared(rows, window)} order by s._time"
    )
    with rows.reader.database.reading() as db:
        found = db.execute(query).fetchall()
    times = [float(moment) for moment, _ in found]
    number = next(c.kind for c in rows.reader.schema.compared if c.name == column) is ColumnKind.NUMBER
    values = [value for _, value in found]
    return np.asarray([*times, window.length.total_seconds()]), np.asarray(values, np.float64 if number else object)


def _labels(reader: Reader, share: float) -> str:
    newest = newest_labels(reader.schema.model, f"_arrived <= {sql_time(reader.now)} and {below(share)}")
    return f"select _key, value from ({newest})"


def _compared(rows: Rows, window: Window) -> str:
    """Return SQL for a sample of a window's columns as they are compared."""
    share = rows.share(window)
    schema = rows.reader.schema
    columns = "".join(f", {compared_sql(c)}" for c in schema.features)
    source = f"{table(schema.model, thinnest(share))} s where {inside(window)} and {below(share, 's._key')}"
    return f"(select s._time{columns} from {source}) s"


def _column_sql(schema: Schema, name: str) -> str:
    kind = next(column.kind for column in schema.compared if column.name == name)
    value = f"s.{quoted(name)}"
    usable = f"case when abs({value}::double) <= {LARGEST!r} then {value}::double end"
    return usable if kind is ColumnKind.NUMBER else f"{value}::varchar"
