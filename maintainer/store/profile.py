"""Profile of a window in DuckDB: where to cut the numbers, and how many rows lie between the cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
from numpy.typing import NDArray

from maintainer.domain.profile import LARGEST, LISTED, ColumnCounts
from maintainer.domain.sample import Column, ColumnKind
from maintainer.errors import StoreError
from maintainer.store.database import quoted

SAMPLE_ROWS = 20_000  # a quantile of so many is within 0.01 of its rank (DKW, 95 %)
POINTS = 128  # quantiles of a column that become edges; the tails and the frequent values come on top
EVEN = 65  # further edges at equal distances between a window's own extremes
TAILS = tuple(2.0**-power for power in range(8, 15))  # ranks between the outermost quantiles and the extremes

Parameters = Sequence[object]  # in the order of the relation's question marks


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a column before its values are counted."""

    present: int
    minimum: float | None = None
    maximum: float | None = None
    deviation: float | None = None


@dataclass(frozen=True, slots=True)
class Sampled:
    """A relation to be profiled in place of a larger one."""

    relation_sql: str
    rows: int  # of the larger one
    kept: int


def edges(
    connection: duckdb.DuckDBPyConnection,
    relation_sql: str,
    parameters: Parameters,
    columns: Sequence[Column],
    points: int = POINTS,
) -> Mapping[str, tuple[float, ...]]:
    """Return for each number column where to cut it, from a uniform sample of at most 20,000 rows.

    No edges at all means that the values are few: they are to be counted one by one. The same rows give the same edges.
    """
    names = [column.name for column in columns if column.kind is ColumnKind.NUMBER]
    if not names:
        return {}
    picked = ", ".join(f"{_number(name)} as n{place}" for place, name in enumerate(names))
    drawn = f"using sample reservoir({SAMPLE_ROWS} rows) repeatable (0)"
    query = f"with source as not materialized ({relation_sql}) select {picked} from (select * from source) {drawn}"
    try:
        sample = connection.execute(query, list(parameters)).fetchnumpy()
    except duckdb.Error as error:
        raise StoreError(f"the reference cannot be sampled: {error}") from error
    return {name: _cut(_there(np.ma.asarray(sample[f"n{place}"])), points) for place, name in enumerate(names)}


def sampled(connection: duckdb.DuckDBPyConnection, relation_sql: str, parameters: Parameters, at_most: int) -> Sampled:
    """Return a relation of at most `at_most` rows, held in memory by this connection until the next call.

    The relation's column `_key` is a uniform 64-bit hash, so the rows below a threshold are a uniform sample, and the
    same rows again in the next check.
    """
    given = list(parameters)
    try:
        rows = int(connection.execute(f"select count(*) from ({relation_sql})", given).fetchall()[0][0])
        share = 1.0 if rows <= at_most else (at_most - 3.0 * at_most**0.5) / rows  # 3 deviations below the limit
        where = "" if share >= 1.0 else f"where _key < {int(share * 2**64)}::ubigint limit {at_most}"
        connection.execute(f"create or replace temp table profiled as select * from ({relation_sql}) {where}", given)
        kept = int(connection.execute("select count(*) from profiled").fetchall()[0][0])
    except duckdb.Error as error:
        raise StoreError(f"the window cannot be sampled: {error}") from error
    return Sampled("select * from profiled", rows, kept)


def profile(
    connection: duckdb.DuckDBPyConnection,
    relation_sql: str,
    parameters: Parameters,
    columns: Sequence[Column],
    edges: Mapping[str, tuple[float, ...]],
) -> dict[str, ColumnCounts]:
    """Return the counts of every column over all rows of a relation that names them.

    Numbers are counted between their edges. A column without edges, a category, and a window with at most LISTED values
    are counted value by value; beyond LISTED values the rarest are one `other`.

    Raises:
        StoreError: the relation cannot be read or lacks a column.
    """
    source = f"with source as not materialized ({relation_sql}) "
    given = list(parameters)
    try:
        rows, known = _summaries(connection, source, given, columns)
        binned = [c for c in columns if edges.get(c.name) and known[c.name].present > LISTED]
        cuts = {c.name: _widened(edges[c.name], known[c.name]) for c in binned}
        counted = _binned(connection, source, given, cuts)
        for column in columns:
            if column.name not in counted:
                counted[column.name] = _listed(connection, source, given, column, known[column.name])
    except duckdb.Error as error:
        raise StoreError(f"the window cannot be profiled: {error}") from error
    return {c.name: _finished(c.kind, rows, known[c.name], counted[c.name]) for c in columns}


def _summaries(
    connection: duckdb.DuckDBPyConnection, source: str, given: list[object], columns: Sequence[Column]
) -> tuple[int, dict[str, Summary]]:
    picked = ", ".join(f"{_usable(c)} as n{place}" for place, c in enumerate(columns))
    wanted = ["count(*)"]
    for place, column in enumerate(columns):
        wanted.append(f"count(n{place})")
        if column.kind is ColumnKind.NUMBER:
            wanted += [f"min(n{place})", f"max(n{place})", f"stddev_pop(n{place})"]
    query = f"{source} select {', '.join(wanted)} from (select {picked} from source)"
    found = iter(connection.execute(query, given).fetchall()[0])
    rows = int(next(found))
    known: dict[str, Summary] = {}
    for column in columns:
        size = 4 if column.kind is ColumnKind.NUMBER else 1
        known[column.name] = Summary(*(next(found) for _ in range(size)))
    return rows, known


@dataclass(frozen=True, slots=True)
class _Counted:
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    values: tuple[object, ...] = ()


def _binned(
    connection: duckdb.DuckDBPyConnection, source: str, given: list[object], cuts: Mapping[str, tuple[float, ...]]
) -> dict[str, _Counted]:
    if not cuts:
        return {}
    wanted = ", ".join(f"histogram({_number(name)}, ?::double[])" for name in cuts)
    found = connection.execute(f"{source} select {wanted} from source", [*given, *map(list, cuts.values())]).fetchall()
    result: dict[str, _Counted] = {}
    for (name, upper), bins in zip(cuts.items(), found[0], strict=True):
        tallies: dict[float, int] = bins
        counts = (*(tallies.get(edge, 0) for edge in upper), tallies.get(float("inf"), 0))
        result[name] = _Counted(counts, edges=upper)
    return result


def _listed(
    connection: duckdb.DuckDBPyConnection, source: str, given: list[object], column: Column, known: Summary
) -> _Counted:
    if known.present == 0:
        return _Counted(())
    query = f"""{source} select value, count(*) as n from (select {_usable(column)} as value from source)
        where value is not null group by value order by n desc, value limit {LISTED}"""
    found = connection.execute(query, given).fetchall()
    return _Counted(tuple(int(n) for _, n in found), values=tuple(value for value, _ in found))


def _finished(kind: ColumnKind, rows: int, known: Summary, counted: _Counted) -> ColumnCounts:
    is_number = kind is ColumnKind.NUMBER
    return ColumnCounts(
        kind=kind,
        rows=rows,
        missing=rows - known.present,
        counts=counted.counts,
        edges=counted.edges,
        numbers=tuple(float(str(value)) for value in counted.values) if is_number else (),
        words=() if is_number else tuple(str(value) for value in counted.values),
        other=known.present - sum(counted.counts),
        minimum=known.minimum,
        maximum=known.maximum,
        deviation=known.deviation,
    )


def _number(name: str) -> str:
    # NaN is larger than every number in DuckDB, so one comparison leaves out NaN, infinities and what cannot be squared
    return f"case when abs({quoted(name)}::double) <= {LARGEST!r} then {quoted(name)}::double end"


def _usable(column: Column) -> str:
    return _number(column.name) if column.kind is ColumnKind.NUMBER else f"{quoted(column.name)}::varchar"


def _there(values: np.ma.MaskedArray[tuple[int], np.dtype[np.float64]]) -> NDArray[np.float64]:
    return np.asarray(values.compressed(), dtype=np.float64)


def _widened(edges: tuple[float, ...], known: Summary) -> tuple[float, ...]:
    """Return the edges and some that cut the window's own range evenly: the reference has few in its tails."""
    assert known.minimum is not None and known.maximum is not None
    return tuple(np.union1d(edges, np.linspace(known.minimum, known.maximum, EVEN)).tolist())


def _cut(values: NDArray[np.float64], points: int) -> tuple[float, ...]:
    """Return the edges of (n,) sampled values: quantiles, tail ranks, and both sides of each frequent value."""
    distinct, times = np.unique(values, return_counts=True)
    if distinct.size <= LISTED and distinct.size * 2 <= values.size:
        return ()
    ranks = np.concatenate([np.linspace(0.0, 1.0, points + 1), TAILS, 1.0 - np.asarray(TAILS)])
    frequent = distinct[times * points > values.size]  # a point mass gets a bin of its own
    cuts = np.concatenate([np.quantile(values, ranks), frequent, np.nextafter(frequent, -np.inf)])
    return tuple(np.unique(cuts).tolist())
