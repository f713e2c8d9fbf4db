"""A drift check of 25 columns: ours in the daemon and its warm worker against Evidently's preset on whole frames.

Each side runs in processes of its own, with its imports done before the clock starts (our worker is warm in
production; the peer is given the same). Ours reads a DuckDB file, the peer pandas frames that are already in memory,
so reading is charged to us alone. Memory is the peak resident size: ours is the daemon's DuckDB process (held to
256 MB for DuckDB) plus the worker, the peer's is its one process. `cold` profiles both windows, `cached` only the
current one (the daemon keeps the profile of a champion's reference); `sampled` is what a policy's default max_samples
of 20,000 makes of it, `whole` reads every row.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

os.environ["DO_NOT_TRACK"] = "1"

import duckdb

from benchmarks.harness import Arguments, Outcome, arguments, child, peak_mb, show, timed
from maintainer.domain.sample import Column, ColumnKind

MODULE = "benchmarks.monitor"
SIZES = (10_000, 100_000, 1_000_000)
QUICK = SIZES[:2]
NUMBERS, CATEGORIES = 20, 5
SAMPLE = 20_000
COLUMNS = (
    *(Column(f"n{i}", ColumnKind.NUMBER) for i in range(NUMBERS)),
    *(Column(f"c{i}", ColumnKind.CATEGORY) for i in range(CATEGORIES)),
)


def generate(path: Path, rows: int) -> None:
    """Write a DuckDB file with a reference and a current window: normals, long tails, zeros, whole numbers, words."""
    uniform = "(hash(i, {seed}) / 18446744073709551616.0)"
    with duckdb.connect(str(path)) as db:
        for window, shift in (("reference", 0.0), ("current", 0.15)):
            picked: list[str] = []
            for i in range(NUMBERS + CATEGORIES):
                u, v = (uniform.format(seed=repr(f"{window}{i}{side}")) for side in "uv")
                normal = f"(sqrt(-2 * ln({u} + 1e-12)) * cos(2 * pi() * {v}) + {shift * (i % 3)})"
                shapes = (normal, f"exp({normal})", f"greatest({normal}, 0)", f"round(20 * {normal})")
                word = f"'v' || floor(pow({u}, {2 + shift}) * {10 ** (1 + i % 3)})::int"
                picked.append(f"{word} as c{i - NUMBERS}" if i >= NUMBERS else f"{shapes[i % 4]} as n{i}")
            db.execute(f"create table {window} as select hash(i) as _key, {', '.join(picked)} from range({rows}) t(i)")


def ours_daemon(path: Path, mode: str, out: Path) -> dict[str, float]:
    """Profile both windows as the daemon does; write the request for the worker."""
    from maintainer.domain.profile import ColumnCounts
    from maintainer.monitor.exchange import ColumnPair, DriftRequest
    from maintainer.store.profile import edges, profile, sampled

    db = duckdb.connect(str(path), read_only=True, config={"memory_limit": "256MB", "threads": 2})

    def relation(window: str) -> str:
        query = f"select * from {window}"
        return query if mode == "whole" else sampled(db, query, [], SAMPLE).relation_sql

    def first() -> tuple[Mapping[str, tuple[float, ...]], dict[str, ColumnCounts]]:
        source = relation("reference")
        cuts = edges(db, source, [], COLUMNS)
        return cuts, profile(db, source, [], COLUMNS, cuts)

    reference_s = timed(first, 3)
    cuts, before = first()
    current_s = timed(lambda: profile(db, relation("current"), [], COLUMNS, cuts), 3)
    now = profile(db, relation("current"), [], COLUMNS, cuts)
    pairs = [
        ColumnPair(name=c.name, kind=c.kind, method="auto", threshold=0.1, reference=before[c.name], current=counts)
        for c, counts in zip(COLUMNS, now.values(), strict=True)
    ]
    text = DriftRequest(columns=tuple(pairs)).model_dump_json()
    out.write_text(text)
    return {"reference_s": reference_s, "current_s": current_s, "mb": peak_mb(), "request_kb": len(text) / 1e3}


def ours_worker(request: Path) -> dict[str, float]:
    """Score a request as the warm worker does, reading and writing JSON included."""
    from maintainer.monitor.drift import score
    from maintainer.monitor.exchange import DriftRequest

    text = request.read_text()

    def work() -> str:
        return score(DriftRequest.model_validate_json(text)).model_dump_json()

    work()
    return {"worker_s": timed(work, 3), "mb": peak_mb()}


def peer(path: Path) -> dict[str, float]:
    """Run Evidently's DataDriftPreset on the whole frames."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    with duckdb.connect(str(path), read_only=True) as db:
        frames = [db.sql(f"select * exclude (_key) from {name}").df() for name in ("reference", "current")]
    definition = DataDefinition(
        numerical_columns=[c.name for c in COLUMNS if c.kind is ColumnKind.NUMBER],
        categorical_columns=[c.name for c in COLUMNS if c.kind is ColumnKind.CATEGORY],
    )

    def work() -> None:
        reference, current = (Dataset.from_pandas(frame, data_definition=definition) for frame in frames)
        Report([DataDriftPreset()]).run(current, reference).dict()

    return {"s": timed(work), "mb": peak_mb()}


def measure(given: Arguments, folder: Path) -> Outcome:
    """Measure every size; ratios are peer / ours."""
    figures: dict[str, float] = {}
    theirs: dict[str, float] = {}
    ratios: dict[str, float] = {}
    sizes = QUICK if given.quick else SIZES
    for rows in sizes:
        path = folder / f"drift-{rows}.duckdb"
        if not path.exists():
            generate(path, rows)
        for mode in ("whole", "sampled"):
            request = folder / f"request-{rows}-{mode}.json"
            daemon = child(MODULE, "daemon", str(path), mode, str(request))
            worker = child(MODULE, "worker", str(request))
            cached = daemon["current_s"] + worker["worker_s"]
            figures |= {
                f"{mode} cold s @{rows}": cached + daemon["reference_s"],
                f"{mode} cached s @{rows}": cached,
                f"{mode} cached, worker's part s @{rows}": worker["worker_s"],
                f"{mode} MB @{rows}": daemon["mb"] + worker["mb"],
            }
        found = child(MODULE, "peer", str(path))
        theirs |= {f"s @{rows}": found["s"], f"MB @{rows}": found["mb"]}
        for mode in ("whole", "sampled"):
            for kind in ("cold", "cached"):
                ratios[f"{mode} {kind} time @{rows}"] = found["s"] / figures[f"{mode} {kind} s @{rows}"]
            ratios[f"{mode} memory @{rows}"] = found["mb"] / figures[f"{mode} MB @{rows}"]
    for mode in ("whole", "sampled"):
        for kind in ("cold s", "cached s", "MB"):
            name = f"growth {sizes[-2]} to {sizes[-1]}, {mode} {kind}"
            ratios[name] = figures[f"{mode} {kind} @{sizes[-1]}"] / figures[f"{mode} {kind} @{sizes[-2]}"]
    notes = ("imports are done before the clock starts, on both sides",)
    return Outcome("monitor", figures, {"Evidently preset": theirs}, ratios, notes)


def answer(words: tuple[str, ...]) -> dict[str, float]:
    """Do the work of a measured child."""
    match words:
        case ("daemon", path, mode, out):
            return ours_daemon(Path(path), mode, Path(out))
        case ("worker", request):
            return ours_worker(Path(request))
        case ("peer", path):
            return peer(Path(path))
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
