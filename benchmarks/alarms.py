"""False alarms on data that do not drift, and shifts that are found: calibrated thresholds beside usual rules.

Each trial draws a reference and a window that comes some time after it, and asks whether any of twenty columns has
drifted. Ours may alarm in 5 % of checks (`false_alarms`); it profiles both windows in DuckDB, calibrates and scores as
the check worker does. Peers: Evidently's own rule for a column, with an alarm at any of them and, as in its preset, at
half of them; and Kolmogorov-Smirnov tests with Bonferroni's and with Benjamini and
Hochberg's correction, which is what alibi-detect's KSDrift does. `--data` adds the halves of real data: `adult` in
random order, `elec2` in the order of time.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["DO_NOT_TRACK"] = "1"

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.signal import lfilter
from scipy.stats import false_discovery_control, ks_2samp

from benchmarks.harness import Outcome, arguments, show
from maintainer.domain.sample import Column, ColumnKind
from maintainer.domain.statistics import wilson
from maintainer.monitor.drift import score
from maintainer.monitor.exchange import CalibrationRequest, ColumnPair, DriftRequest, Watched
from maintainer.monitor.tallies import thresholds
from maintainer.store.profile import edges, profile

ALLOWED, COLUMNS, SHIFTED = 0.05, 20, 5
TRIALS, QUICK = 200, 40
DAY = 86_400.0  # a window's span; the reference is as many days longer as it has more rows

Frame = dict[str, Any]  # column -> (n,) values
Case = Callable[[int], tuple[Frame, Frame]]  # seed -> reference, window


def ours(reference: Frame, window: Frame) -> bool:
    """Return whether any column has drifted."""
    names = list(reference)
    rows, now = len(reference[names[0]]), len(window[names[0]])
    kinds = [ColumnKind.NUMBER if reference[n].dtype.kind == "f" else ColumnKind.CATEGORY for n in names]
    columns = [Column(name, kind) for name, kind in zip(names, kinds, strict=True)]
    times = (np.arange(rows) * (DAY * 1e6 / now)).astype("datetime64[us]")
    with duckdb.connect() as db, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reference.parquet"
        pq.write_table(pa.table({**reference, "_time": times}), path)
        db.register("reference", pa.table(reference))
        db.register("current", pa.table(window))
        cuts = dict(edges(db, "select * from reference", [], columns))
        sides = [profile(db, f"select * from {side}", [], columns, cuts) for side in ("reference", "current")]
        watched = tuple(Watched(name=c.name, kind=c.kind, method="auto") for c in columns)
        found = thresholds(
            CalibrationRequest(
                samples=str(path),
                columns=watched,
                reference_rows=rows,
                current_rows=now,
                window_seconds=DAY,
                every_seconds=DAY,
                alarms=ALLOWED,
                period_seconds=DAY,
            )
        )
    limits = {(t.name, t.kind): t.threshold for t in found.thresholds}
    pairs = tuple(
        ColumnPair(
            name=c.name,
            kind=c.kind,
            method="auto",
            threshold=limits.get((c.name, "value"), 0.0),
            missing_threshold=limits.get((c.name, "missing"), 0.0),
            reference=sides[0][c.name],
            current=sides[1][c.name],
        )
        for c in columns
    )
    return any(s.drifted for s in score(DriftRequest(columns=pairs, level=found.level)).scores)


def tested(reference: Frame, window: Frame) -> dict[str, bool]:
    """Return what Kolmogorov-Smirnov tests of the number columns say, corrected in two ways."""
    numbers = [name for name in reference if reference[name].dtype.kind == "f"]
    found = np.array([ks_2samp(reference[name], window[name]).pvalue for name in numbers])
    return {
        "KS, Bonferroni": bool((found < ALLOWED / found.size).any()),
        "KS, Benjamini-Hochberg": bool((false_discovery_control(found) < ALLOWED).any()),
        "KS, uncorrected": bool((found < ALLOWED).any()),
    }


def evidently(reference: Frame, window: Frame) -> dict[str, bool]:
    """Return what Evidently's default rule says of the columns, and of all of them."""
    import pandas as pd
    from evidently import Report
    from evidently.metrics import ValueDrift

    report = Report([ValueDrift(column=name) for name in reference], include_tests=True)
    done = report.run(pd.DataFrame(window), pd.DataFrame(reference)).dict()
    drifted = [str(test["status"]).upper().endswith("FAIL") for test in done["tests"]]
    return {"Evidently, any column": any(drifted), "Evidently, half of the columns": bool(np.mean(drifted) >= 0.5)}


def series(rows: int, lasting: float, rng: np.random.Generator) -> Any:
    """Return (rows, COLUMNS) numbers of variance 1 whose autocorrelation from row to row is `lasting`."""
    noise = rng.normal(size=(rows + 1000, COLUMNS))
    made = lfilter([np.sqrt(1.0 - lasting**2)], [1.0, -lasting], noise, axis=0)
    return np.asarray(made)[1000:]


def columns_of(values: Any) -> Frame:
    """Return the columns of (n, COLUMNS) numbers."""
    return {f"x{j}": np.ascontiguousarray(values[:, j]) for j in range(COLUMNS)}


def drawn(reference: int, window: int, lasting: float, shift: float) -> Case:
    """Return trials of series, with three windows between the reference and the window."""

    def case(seed: int) -> tuple[Frame, Frame]:
        values = series(reference + 4 * window, lasting, np.random.default_rng(seed))
        values[-window:, :SHIFTED] += shift
        sides = values[:reference], values[-window:]
        return columns_of(sides[0]), columns_of(sides[1])

    return case


def real(path: Path, reference: int, window: int, ordered: bool) -> Case:
    """Return trials of a real table: spans of it in the order of time, or rows drawn at random."""
    table = pq.read_table(path)
    numeric = [n for n in table.column_names if pa.types.is_floating(table.schema.field(n).type)]
    whole = [n for n in table.column_names if pa.types.is_integer(table.schema.field(n).type)]
    values = {n: np.asarray(table[n].to_numpy(zero_copy_only=False), dtype=np.float64) for n in (*numeric, *whole)}
    values = {n: v for n, v in values.items() if np.isfinite(v).all() and np.unique(v).size > 2}

    def case(seed: int) -> tuple[Frame, Frame]:
        rng, size = np.random.default_rng(seed), table.num_rows
        if ordered:
            start = int(rng.integers(0, size - reference - window))
            places = np.arange(start, start + reference + window)
        else:
            places = rng.choice(size, reference + window, replace=False)
        parts = places[:reference], places[reference:]
        reference_rows, window_rows = ({n: v[part] for n, v in values.items()} for part in parts)
        return reference_rows, window_rows

    return case


def cases(data: Path | None) -> dict[str, Case]:
    """Return all trials by name."""
    found = {
        "no drift, 200 independent rows": drawn(5000, 200, 0.0, 0.0),
        "no drift, 1000 independent rows": drawn(5000, 1000, 0.0, 0.0),
        "no drift, 200 rows, autocorrelation 0.9": drawn(5000, 200, 0.9, 0.0),
        "no drift, 1000 rows, autocorrelation 0.99": drawn(20_000, 1000, 0.99, 0.0),
        "0.2 deviations in 5 columns, 200 rows": drawn(5000, 200, 0.0, 0.2),
        "0.1 deviations in 5 columns, 1000 rows": drawn(5000, 1000, 0.0, 0.1),
    }
    if data is not None:
        found["no drift, adult, 500 rows at random"] = real(data / "adult" / "adult.parquet", 10_000, 500, False)
        found["elec2, a week after 20 in order"] = real(data / "elec2" / "elec2.parquet", 6720, 336, True)
    return found


def main() -> None:
    given = arguments(__doc__ or "")
    trials = QUICK if given.quick else TRIALS
    figures: dict[str, float] = {}
    peers: dict[str, dict[str, float]] = {}
    for name, case in cases(given.data).items():
        hits: dict[str, int] = {}
        for seed in range(trials):
            sides = case(seed)
            said = {"ours": ours(*sides), **tested(*sides), **(evidently(*sides) if seed < trials // 5 else {})}
            hits = {k: hits.get(k, 0) + said.get(k, False) for k in (*hits, *said)}
        low, high = wilson(hits["ours"], trials, 0.95)
        figures |= {name: hits["ours"] / trials, f"{name}: at least": low, f"{name}: at most": high}
        for peer in (k for k in hits if k != "ours"):
            of = trials // 5 if peer.startswith("Evidently") else trials
            peers.setdefault(peer, {})[name] = hits[peer] / of
        print(f"{name}: {hits['ours'] / trials:.3f}", file=sys.stderr, flush=True)
    notes = (f"share of {trials} trials with any of the columns drifted; Evidently of a fifth of them; 5 % allowed",)
    show(Outcome("alarms", figures, peers, {}, notes), given)


if __name__ == "__main__":
    main()
