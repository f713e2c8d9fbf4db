"""Profile of a window in DuckDB: where to cut the numbers, and how many rows lie between the cuts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
from numpy.typing import NDArray

from maintainer.domain.profile import BUCKETS, LARGEST, LISTED, ColumnCounts
from maintainer.domain.sample import Column, ColumnKind
from maintainer.errors import StoreError
from maintainer.store.database import quoted

SAMPLE_ROWS = 20_000  # a quantile of so many is within 0.01 of its rank (DKW, 95 %)
POINTS = 128  # quantiles of a column that become edges; the tails and the frequent values come on top
EVEN = 65  # further edges at equal distances between a window's own extremes
EXTREMES = 8  # smallest and largest rows that get bins of their own: a lone outlier keeps its place
TAILS = tuple(2.0**-power for power in range(8, 15))  # ranks between the outermost quantiles and the extremes

Values = NDArray[np.float64]
Whole = NDArray[np.int64]
Parameters = Sequence[object]  # in the order of the relation's question marks


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a column before its values are counted."""

    present: int
    lowest: tuple[float, ...] = ()  # at most EXTREMES rows, ascending
    highest: tuple[float, ...] = ()  # at most EXTREMES rows, descending
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
    drawn = _drawn(connection, relation_sql, parameters, [c.name for c in columns if c.kind is ColumnKind.NUMBER])
    return {name: () if _few(values) else _cut(values, points) for name, values in drawn.items()}


def sampled(connection: duckdb.DuckDBPyConnection, relation_sql: str, rows: int, at_most: int) -> Sampled:
    """Return at most `at_most` rows of a relation that may hold a few more, drawn from a window of `rows`.

    They are held in memory by this connection until the next call.
    """
    query = f"select * from ({relation_sql}) limit {at_most}"
    try:
        connection.execute(f"create or replace temp table profiled as {query}")
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
    are counted value by value; of more than LISTED values the rarest are counted between quantiles of their own in this
    window (numbers) or by their hash (categories).

    Raises:
        StoreError: the relation cannot be read or lacks a column.
    """
    source = f"with source as not materialized ({relation_sql}) "
    given = list(parameters)
    try:
        rows, known = _summaries(connection, source, given, columns)
        many = [c.name for c in columns if edges.get(c.name) and known[c.name].present > LISTED]
        cuts = {name: _widened(edges[name], known[name]) for name in many}
        counted = _binned(connection, source, given, cuts)
        for column in columns:
            if column.name not in counted:
                counted[column.name] = _listed(connection, source, given, column, known[column.name])
        numbers = [c.name for c in columns if c.kind is ColumnKind.NUMBER and counted[c.name].values]
        longer = {n: counted[n] for n in numbers if sum(counted[n].counts) < known[n].present}
        drawn = _drawn(connection, relation_sql, parameters, list(longer))
        cuts = {n: _widened(_cut(_unlisted(drawn[n], listed), POINTS), known[n]) for n, listed in longer.items()}
        for name, binned in _binned(connection, source, given, cuts).items():
            counted[name] = _both(longer[name], binned)
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
            wanted += [f"min(n{place}, {EXTREMES})", f"max(n{place}, {EXTREMES})", f"stddev_pop(n{place})"]
    query = f"{source} select {', '.join(wanted)} from (select {picked} from source)"
    found = iter(connection.execute(query, given).fetchall()[0])
    rows = int(next(found))
    known: dict[str, Summary] = {}
    for column in columns:
        present = int(next(found))
        if column.kind is ColumnKind.NUMBER:
            lowest, highest, deviation = (next(found) for _ in range(3))
            known[column.name] = Summary(present, tuple(lowest or ()), tuple(highest or ()), deviation)
        else:
            known[column.name] = Summary(present)
    return rows, known


@dataclass(frozen=True, slots=True)
class _Counted:
    """The fields of ColumnCounts of the same names; `values` are its numbers or words."""

    counts: tuple[int, ...] = ()
    values: tuple[object, ...] = ()
    buckets: tuple[int, ...] = ()
    edges: tuple[float, ...] = ()
    rest: tuple[int, ...] = ()


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
        result[name] = _Counted(edges=upper, rest=counts)
    return result


def _listed(
    connection: duckdb.DuckDBPyConnection, source: str, given: list[object], column: Column, known: Summary
) -> _Counted:
    if known.present == 0:
        return _Counted()
    values = f"(select {_usable(column)} as value from source)"
    words = column.kind is ColumnKind.CATEGORY
    bucket = f"hash(value) % {BUCKETS}"
    query = f"""{source} select value, count(*) as n, {bucket if words else 0} from {values}
        where value is not null group by value order by n desc, value limit {LISTED}"""
    found = connection.execute(query, given).fetchall()
    listed = _Counted(tuple(int(n) for _, n, _ in found), tuple(value for value, _, _ in found))
    if not words:
        return listed
    listed = replace(listed, buckets=tuple(int(place) for _, _, place in found))
    if sum(listed.counts) == known.present:
        return listed
    query = f"{source} select {bucket} as b, count(*) from {values} where value is not null group by b"
    full = np.zeros(BUCKETS, dtype=np.int64)
    for place, rows in connection.execute(query, given).fetchall():
        full[place] = rows
    return replace(listed, rest=_without(full, np.asarray(listed.buckets), listed.counts))


def _unlisted(values: Values, listed: _Counted) -> Values:
    return values[~np.isin(values, _floats(listed.values))]


def _both(listed: _Counted, binned: _Counted) -> _Counted:
    """Return the listed values with their counts, and in the bins only what is not listed."""
    places = np.searchsorted(binned.edges, _floats(listed.values), side="left")
    return replace(listed, edges=binned.edges, rest=_without(np.asarray(binned.rest), places, listed.counts))


def _without(rows: Whole, places: Whole, counts: tuple[int, ...]) -> tuple[int, ...]:
    """Return (k,) rows less the (v,) counts of listed values, each at its place."""
    left = rows.copy()
    np.subtract.at(left, places, np.asarray(counts, dtype=np.int64))
    return tuple(left.tolist())


def _finished(kind: ColumnKind, rows: int, known: Summary, counted: _Counted) -> ColumnCounts:
    is_number = kind is ColumnKind.NUMBER
    return ColumnCounts(
        kind=kind,
        rows=rows,
        missing=rows - known.present,
        counts=counted.counts,
        numbers=tuple(_floats(counted.values).tolist()) if is_number else (),
        words=() if is_number else tuple(str(value) for value in counted.values),
        buckets=counted.buckets,
        edges=counted.edges,
        rest=counted.rest,
        minimum=known.lowest[0] if known.lowest else None,
        maximum=known.highest[0] if known.highest else None,
        deviation=known.deviation,
    )


def _number(name: str) -> str:
    # NaN is larger than every number in DuckDB, so one comparison leaves out NaN, infinities and what cannot be squared
    return f"case when abs({quoted(name)}::double) <= {LARGEST!r} then {quoted(name)}::double end"


def _usable(column: Column) -> str:
    return _number(column.name) if column.kind is ColumnKind.NUMBER else f"{quoted(column.name)}::varchar"


def _drawn(
    connection: duckdb.DuckDBPyConnection, relation_sql: str, parameters: Parameters, names: Sequence[str]
) -> dict[str, Values]:
    """Return the usable values of number columns in a uniform sample of at most 20,000 rows, always the same."""
    if not names:
        return {}
    picked = ", ".join(f"{_number(name)} as n{place}" for place, name in enumerate(names))
    drawn = f"using sample reservoir({SAMPLE_ROWS} rows) repeatable (0)"
    query = f"with source as not materialized ({relation_sql}) select {picked} from (select * from source) {drawn}"
    try:
        sample = connection.execute(query, list(parameters)).fetchnumpy()
    except duckdb.Error as error:
        raise StoreError(f"the window cannot be sampled: {error}") from error
    return {name: _there(np.ma.asarray(sample[f"n{place}"])) for place, name in enumerate(names)}


def _there(values: np.ma.MaskedArray[tuple[int], np.dtype[np.float64]]) -> Values:
    return np.asarray(values.compressed(), dtype=np.float64)


def _floats(values: Sequence[object]) -> Values:
    return np.asarray(values, dtype=np.float64)


def _widened(edges: tuple[float, ...], known: Summary) -> tuple[float, ...]:
    """Return the edges and some that cut the window's own range: the reference has few in its tails."""
    even = np.linspace(known.lowest[0], known.highest[0], EVEN)
    return tuple(np.unique([*edges, *even, *_alone(_floats([*known.lowest, *known.highest]))]).tolist())


def _few(values: Values) -> bool:
    distinct = np.unique(values).size
    return distinct <= LISTED and distinct * 2 <= values.size


def _cut(values: Values, points: int) -> tuple[float, ...]:
    """Return the edges of (n,) sampled values: quantiles, tail ranks, and both sides of each frequent value."""
    if not values.size:
        return ()
    distinct, times = np.unique(values, return_counts=True)
    ranks = np.concatenate([np.linspace(0.0, 1.0, points + 1), TAILS, 1.0 - np.asarray(TAILS)])
    cuts = [np.quantile(values, ranks), _alone(distinct[times * points > values.size])]
    return tuple(np.unique(np.concatenate(cuts)).tolist())


def _alone(values: Values) -> Values:
    """Return the edges that give each value a bin of its own."""
    return np.concatenate([values, np.nextafter(values, -np.inf)])
