"""The rows of a reference, column by column, counted into steps of time and the cells that a score compares."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownParameterType=false, reportAttributeAccessIssue=false
# pyarrow ships no types.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, log2
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maintainer.domain.profile import BUCKETS, LARGEST, LISTED
from maintainer.domain.sample import ColumnKind
from maintainer.monitor.calibrate import Budget, calibrate, plan_of
from maintainer.monitor.exchange import Calibrated, CalibrationReply, CalibrationRequest, Watched
from maintainer.monitor.null import BLOCKS, Tallied, block_of

Values = NDArray[np.float64]
Whole = NDArray[np.int64]

FINE = 16  # steps of a window at most, where checks are closer together than that
COARSE = 8  # and at least, so that windows can be drawn from parts
FEW, COUNTED = 5, 20  # different numbers that are compared as categories: see `drift.py`
CELLS = 128  # of a number column that is compared by its ranks
PSEUDO = 64  # steps that rows are dealt to where time does not spread them
MOST_STEPS = 20_000
ON_RANKS = ("wasserstein", "ks")


@dataclass(frozen=True, slots=True)
class Timing:
    """The steps of a reference's rows, and how many make a window and the time from check to check."""

    step: Whole  # (n,) of each row
    steps: int
    window: int
    stride: int
    finer: float  # true checks in a simulated stride


@dataclass(frozen=True, slots=True)
class Drawing:
    """Which rows stand for a reference and for windows of the true sizes."""

    timing: Timing
    before: NDArray[np.bool_]  # (n,)
    now: NDArray[np.bool_]  # (n,)


def thresholds(request: CalibrationRequest) -> CalibrationReply:
    """Return the calibrated thresholds of a reference's columns, from its rows in a Parquet file."""
    times = pq.read_table(request.samples, columns=["_time"])["_time"]
    moments = pc.cast(times, pa.timestamp("us")).to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6
    timing = timing_of(moments, request.window_seconds, request.every_seconds, request.current_rows)
    drawing = _drawing(timing, request)
    tallies = [one for column in request.columns for one in _tallied(column, Path(request.samples), drawing)]
    plan = plan_of(timing.steps, timing.window, timing.stride)
    checks = request.period_seconds / request.every_seconds
    found = calibrate(tallies, plan, Budget(request.alarms, checks, timing.finer))
    step = request.window_seconds / timing.window
    return CalibrationReply(
        thresholds=tuple(
            Calibrated(name=t.name, kind=t.kind, threshold=t.threshold, usual=t.usual) for t in found.each
        ),
        level=found.level,
        alarms=found.rate,
        block_seconds=max((t.block for t in tallies), default=0) * step,
    )


def timing_of(moments: Values, window: float, every: float, current_rows: int) -> Timing:
    """Cut the time of n rows (s) into steps; where there are too few of them, rows are dealt to steps at random."""
    if every >= window:
        step, finer = window / COARSE, 1.0
    elif every <= window / FINE:
        step, finer = window / FINE, window / FINE / every
    else:
        step, finer = every / ceil(COARSE * every / window), 1.0
    span = float(moments.max() - moments.min()) if moments.size else 0.0
    steps = min(int(span / step) + 1, MOST_STEPS)
    place = np.minimum(((moments.max(initial=0.0) - moments) / step).astype(np.int64), steps - 1)
    if steps < BLOCKS or np.unique(place).size < BLOCKS:
        return _untimed(moments.size, current_rows)
    length = max(1, round(window / step))
    stride = length if every >= window else max(1, round(every * finer / step))
    return Timing(steps - 1 - place, steps, length, stride, finer)


def _untimed(rows: int, current_rows: int) -> Timing:
    """Deal rows to steps at random: their time says nothing, so they are taken as independent."""
    place = np.random.default_rng(0).permutation(rows) % PSEUDO
    length = min(max(1, round(PSEUDO * current_rows / max(rows, 1))), PSEUDO)
    return Timing(place.astype(np.int64), PSEUDO, length, length, 1.0)


def _drawing(timing: Timing, request: CalibrationRequest) -> Drawing:
    rows = timing.step.size
    usual = rows * timing.window / timing.steps  # of a drawn window, were all rows taken
    luck = np.random.default_rng(1).random((2, rows))
    return Drawing(timing, luck[0] * rows < request.reference_rows, luck[1] * usual < request.current_rows)


def _tallied(column: Watched, samples: Path, drawing: Drawing) -> Iterator[Tallied]:
    values = pq.read_table(samples, columns=[column.name])[column.name]
    there, codes, widths = _numbers(column, values) if column.kind is ColumnKind.NUMBER else _words(values)
    method = column.method
    if method == "auto" or (widths is None and method in ON_RANKS):
        method = "wasserstein" if widths is not None else "jensenshannon"
    if there.any():
        yield _counted(column.name, "value", method, (codes, there, widths), drawing)
    if column.missing:
        every = np.ones(there.size, dtype=np.bool_)
        yield _counted(column.name, "missing", "jensenshannon", (there.astype(np.int64), every, None), drawing)


def _counted(
    name: str, kind: Any, method: str, cells: tuple[Whole, NDArray[np.bool_], Values | None], drawing: Drawing
) -> Tallied:
    codes, there, widths = cells
    number, timing = int(codes[there].max(initial=0)) + 1, drawing.timing
    number = max(number, 2)

    def rows(chosen: NDArray[np.bool_]) -> Whole:
        at = timing.step[chosen & there] * number + codes[chosen & there]
        return np.bincount(at, minlength=timing.steps * number).reshape(timing.steps, number).astype(np.int64)

    block = block_of(rows(there), widths is not None)
    return Tallied(name, kind, method, rows(drawing.before), rows(drawing.now), block, widths)


def _numbers(column: Watched, values: pa.ChunkedArray) -> tuple[NDArray[np.bool_], Whole, Values | None]:
    """Return which rows have a number (n,), their cells (n,), and the way from cell to cell where these have ranks."""
    found = pc.cast(values, pa.float64()).to_numpy().astype(np.float64)
    there = np.abs(found) <= LARGEST
    usable = found[there]
    distinct = np.unique(usable)
    codes = np.zeros(found.size, dtype=np.int64)
    ranked = column.method in ON_RANKS or (column.method == "auto" and distinct.size > FEW)
    if not usable.size or distinct.size < 2:
        return there, codes, None
    if ranked:
        cuts = distinct if distinct.size <= CELLS else np.unique(np.quantile(usable, np.linspace(0, 1, CELLS + 1)))
        upper = cuts[:-1] if distinct.size <= CELLS else cuts[1:-1]
        codes[there] = np.searchsorted(upper, usable, side="left")
        middle = np.bincount(codes[there], usable) / np.maximum(np.bincount(codes[there]), 1)
        return there, codes, np.diff(middle) / float(usable.std())
    if distinct.size <= COUNTED:
        codes[there] = np.searchsorted(distinct, usable)
    else:
        edges = np.linspace(distinct[0], distinct[-1], ceil(log2(usable.size) + 1.0) + 1)
        codes[there] = np.searchsorted(edges[1:-1], usable, side="right")
    return there, codes, None


def _words(values: pa.ChunkedArray) -> tuple[NDArray[np.bool_], Whole, None]:
    """Return which rows have a word (n,) and the cells of these (n,); very many words share BUCKETS cells."""
    coded = pc.dictionary_encode(pc.cast(values, pa.string())).combine_chunks()
    there = coded.is_valid().to_numpy(zero_copy_only=False)
    codes = pc.fill_null(coded.indices, 0).to_numpy().astype(np.int64)
    if len(coded.dictionary) > LISTED:
        codes %= BUCKETS
    return there, codes, None
