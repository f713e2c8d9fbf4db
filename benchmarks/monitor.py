"""A drift check of 25 columns: ours in the daemon and its warm worker against Evidently on whole frames.

Three peers: `preset` is DataDriftPreset, what a user of Evidently would take; `columns` is one ValueDrift for each
column, without the preset's table; `tests` calls Evidently's statistical tests alone, without a report.

Each side runs in processes of its own, with its imports done and one small call made before the clock starts (our
worker is warm in production; the peers are given the same). Ours reads its own store, a DuckDB file, the peers pandas
frames that are already in memory, so reading is charged to us alone. Wall and processor time are the least of equally
many calls on each side; ours are those of two processes, added. Memory is the peak resident size: ours is a process
with DuckDB (held to `settings.store_memory_mb`, as in the daemon; the daemon's web server is in benchmarks.service)
plus the worker, a peer's is its one process. `cold` profiles both windows, `cached` only the current one (the daemon
keeps the profile of a champion's reference); `sampled` is what a policy's default max_samples of 20,000 makes of it,
`whole` reads all rows.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

os.environ["DO_NOT_TRACK"] = "1"

import duckdb

from benchmarks.harness import Arguments, Outcome, arguments, child, peak_mb, show, timed
from maintainer.domain.sample import Column, ColumnKind, Schema, TaskKind, Window

MODULE = "benchmarks.monitor"
SIZES = (10_000, 100_000, 1_000_000)
QUICK = SIZES[:2]
NUMBERS, CATEGORIES = 20, 5
SAMPLE = 20_000
WARM_UP = 1000  # rows of the call that is not measured
TIMES = 3  # calls, of which the least counts
OFTEN = 100_000  # rows up to which a peer is called so often too
MODES = ("whole", "sampled")
CLOCKS = ("wall", "cpu")
PEERS = {
    "preset": "Evidently DataDriftPreset",
    "columns": "Evidently ValueDrift for each column",
    "tests": "Evidently tests alone",
}
Frames = Sequence[Any]  # pandas: reference, current
MODEL = "bench"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
WINDOWS = {
    "reference": Window(NEW_YEAR, NEW_YEAR + timedelta(days=1)),
    "current": Window(NEW_YEAR + timedelta(days=7), NEW_YEAR + timedelta(days=8)),
}
COLUMNS = (
    *(Column(f"n{i}", ColumnKind.NUMBER) for i in range(NUMBERS)),
    *(Column(f"c{i}", ColumnKind.CATEGORY) for i in range(CATEGORIES)),
)
SCHEMA = Schema(MODEL, TaskKind.REGRESSION, COLUMNS, "label", (), "id", "at")


def generate(path: Path, rows: int) -> None:
    """Fill a store with a reference and a current window: normals, long tails, zeros, whole numbers, words."""
    from maintainer.store.database import Database
    from maintainer.store.tables import adopt, table
    from maintainer.store.thin import THINNED, below, thin_table

    uniform = "(hash(i, {seed}) / 18446744073709551616.0)"
    database = Database(path, 2048, 2)
    adopt(database, SCHEMA)
    for (window, span), shift in zip(WINDOWS.items(), (0.0, 0.15), strict=True):
        picked: list[str] = []
        for i in range(NUMBERS + CATEGORIES):
            u, v = (uniform.format(seed=repr(f"{window}{i}{side}")) for side in "uv")
            normal = f"(sqrt(-2 * ln({u} + 1e-12)) * cos(2 * pi() * {v}) + {shift * (i % 3)})"
            shapes = (normal, f"exp({normal})", f"greatest({normal}, 0)", f"round(20 * {normal})")
            word = f"'v' || floor(pow({u}, {2 + shift}) * {10 ** (1 + i % 3)})::int"
            picked.append(f"{word} as c{i - NUMBERS}" if i >= NUMBERS else f"{shapes[i % 4]} as n{i}")
        moment = f"timestamp '{span.start:%Y-%m-%d}' + to_microseconds((i * 86400000000) // {rows})"
        made = f"select hash(i, '{window}') as _key, {moment} as _time, {', '.join(picked)} from range({rows}) t(i)"
        with database.writing() as db:
            for every in (1, *THINNED):
                to = table(MODEL, thin_table(every))
                db.execute(f"insert into {to} by name select * from ({made}) where {below(1 / every)}")
    database.checkpoint()
    database.close()


def ours_daemon(path: Path, mode: str, times: int, out: Path) -> dict[str, float]:
    """Profile both windows as the daemon does; write the request for the worker."""
    from maintainer.domain.profile import ColumnCounts
    from maintainer.monitor.exchange import ColumnPair, DriftRequest
    from maintainer.settings import load
    from maintainer.store.database import Connection, Database
    from maintainer.store.profile import edges, profile
    from maintainer.store.windows import Reader

    settings = load()
    database = Database(path, settings.store_memory_mb, settings.store_threads)
    reader = Reader(database, SCHEMA, WINDOWS["current"].end)

    def relation(db: Connection, window: str) -> str:
        if mode == "whole":
            return reader.relation(WINDOWS[window], "v0001")
        return reader.drawn(db, WINDOWS[window], "v0001", SAMPLE).relation_sql

    def first(source: str) -> tuple[Mapping[str, tuple[float, ...]], dict[str, ColumnCounts]]:
        cuts = edges(db, source, [], COLUMNS)
        return cuts, profile(db, source, [], COLUMNS, cuts)

    with database.reading() as db:
        first(f"{reader.relation(WINDOWS['reference'], 'v0001')} limit {WARM_UP}")
        reference = timed(lambda: first(relation(db, "reference")), times)
        cuts, before = first(relation(db, "reference"))
        current = timed(lambda: profile(db, relation(db, "current"), [], COLUMNS, cuts), times)
        now = profile(db, relation(db, "current"), [], COLUMNS, cuts)
    database.close()
    pairs = [
        ColumnPair(name=c.name, kind=c.kind, method="auto", threshold=0.1, reference=before[c.name], current=counts)
        for c, counts in zip(COLUMNS, now.values(), strict=True)
    ]
    out.write_text(DriftRequest(columns=tuple(pairs)).model_dump_json())
    return {**told("reference", reference), **told("current", current), "mb": peak_mb()}


def told(name: str, spent: tuple[float, float]) -> dict[str, float]:
    """Return what `timed` found, under two names."""
    return {f"{name} wall": spent[0], f"{name} cpu": spent[1]}


def ours_worker(request: Path, times: int) -> dict[str, float]:
    """Score a request as the warm worker does, reading and writing JSON included."""
    from maintainer.monitor.drift import score
    from maintainer.monitor.exchange import DriftRequest

    text = request.read_text()

    def work() -> str:
        return score(DriftRequest.model_validate_json(text)).model_dump_json()

    work()
    return {**told("worker", timed(work, times)), "mb": peak_mb()}


def peer(kind: str, path: Path, times: int) -> dict[str, float]:
    """Run one of the peers on the whole frames."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    from maintainer.monitor.stattests import distance
    from maintainer.store.spans import inside
    from maintainer.store.tables import table

    definition = DataDefinition(
        numerical_columns=[c.name for c in COLUMNS if c.kind is ColumnKind.NUMBER],
        categorical_columns=[c.name for c in COLUMNS if c.kind is ColumnKind.CATEGORY],
    )

    def report(frames: Frames) -> None:
        reference, current = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
        asked = [DataDriftPreset()] if kind == "preset" else [ValueDrift(column=c.name) for c in COLUMNS]
        Report(asked).run(current, reference).dict()

    def bare(frames: Frames) -> None:
        for column in COLUMNS:
            method = "wasserstein" if column.kind is ColumnKind.NUMBER else "jensenshannon"
            distance(method, column.kind, *(frame[column.name].to_numpy() for frame in frames))

    work = bare if kind == "tests" else report
    picked = ", ".join(column.name for column in COLUMNS)
    with duckdb.connect(str(path), read_only=True) as db:
        source = f"select {picked} from {table(MODEL, 'sample')} s where"
        frames = [db.sql(f"{source} {inside(window)}").df() for window in WINDOWS.values()]
    work([frame.head(WARM_UP) for frame in frames])
    return {**told("all", timed(lambda: work(frames), times)), "mb": peak_mb()}


def ours(path: Path, rows: int, folder: Path) -> dict[str, float]:
    """Return our figures at one size."""
    found: dict[str, float] = {}
    for mode in MODES:
        request = folder / f"request-{rows}-{mode}.json"
        daemon = child(MODULE, "daemon", str(path), mode, str(TIMES), str(request))
        worker = child(MODULE, "worker", str(request), str(TIMES))
        for clock in CLOCKS:
            cached = daemon[f"current {clock}"] + worker[f"worker {clock}"]
            found[f"{mode} cold, {clock} s @{rows}"] = cached + daemon[f"reference {clock}"]
            found[f"{mode} cached, {clock} s @{rows}"] = cached
            found[f"{mode} cached, worker's part, {clock} s @{rows}"] = worker[f"worker {clock}"]
        found[f"{mode}, MB @{rows}"] = daemon["mb"] + worker["mb"]
    return found


def measure(given: Arguments, folder: Path) -> Outcome:
    """Measure every size; ratios are peer / ours, but for growth, which is ours at one size / at the size before."""
    figures: dict[str, float] = {}
    peers: dict[str, dict[str, float]] = {name: {} for name in PEERS.values()}
    ratios: dict[str, float] = {}
    sizes = QUICK if given.quick else SIZES
    for rows in sizes:
        path = folder / f"drift-{rows}.duckdb"
        if not path.exists():
            generate(path, rows)
        figures |= ours(path, rows, folder)
        for kind, name in PEERS.items():
            found = child(MODULE, "peer", kind, str(path), str(repeats(rows)))
            peers[name] |= {f"{clock} s @{rows}": found[f"all {clock}"] for clock in CLOCKS}
            peers[name][f"MB @{rows}"] = found["mb"]
            for mode in MODES:
                for way, clock in product(("cold", "cached"), CLOCKS):
                    mine = figures[f"{mode} {way}, {clock} s @{rows}"]
                    ratios[f"{kind}: {mode} {way}, {clock} @{rows}"] = found[f"all {clock}"] / mine
                ratios[f"{kind}: {mode}, memory @{rows}"] = found["mb"] / figures[f"{mode}, MB @{rows}"]
    for mode, what in product(MODES, ("cold, cpu s", "cached, cpu s", "MB")):
        name = f"{mode}{',' if what == 'MB' else ''} {what}"
        ratios[f"growth {sizes[-2]} to {sizes[-1]}: {name}"] = (
            figures[f"{name} @{sizes[-1]}"] / figures[f"{name} @{sizes[-2]}"]
        )
    notes = (f"least of {TIMES} calls; of the peers one above {OFTEN} rows",)
    return Outcome("monitor", figures, peers, ratios, notes)


def repeats(rows: int) -> int:
    """Return how often a peer is measured."""
    return TIMES if rows <= OFTEN else 1


def answer(words: tuple[str, ...]) -> dict[str, float]:
    """Do the work of a measured child."""
    match words:
        case ("daemon", path, mode, times, out):
            return ours_daemon(Path(path), mode, int(times), Path(out))
        case ("worker", request, times):
            return ours_worker(Path(request), int(times))
        case ("peer", kind, path, times):
            return peer(kind, Path(path), int(times))
        case _:
            raise ValueError(f"unknown work {words}; wanted daemon, worker or peer")


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    if given.child:
        json.dump(answer(tuple(given.child)), sys.stdout)
        return
    if given.data is not None:
        given.data.mkdir(parents=True, exist_ok=True)
        show(measure(given, given.data), given)
        return
    with tempfile.TemporaryDirectory() as folder:
        show(measure(given, Path(folder)), given)


if __name__ == "__main__":
    main()
