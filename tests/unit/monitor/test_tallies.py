"""Rows become steps and cells; whatever a column holds, a threshold comes of it or none is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maintainer.domain.sample import ColumnKind
from maintainer.monitor.exchange import CalibrationReply, CalibrationRequest, Watched
from maintainer.monitor.tallies import PSEUDO, thresholds, timing_of

DAY, HOUR = 86_400.0, 3600.0
ROWS = 2000


def even(days: float = 20.0, rows: int = ROWS) -> np.ndarray:
    return np.linspace(0.0, days * DAY, rows)


@pytest.mark.parametrize(
    ("every", "window", "length", "stride", "finer"),
    [
        (DAY, DAY, 8, 8, 1.0),  # one window after another: each in eight steps
        (7 * DAY, DAY, 8, 8, 1.0),  # gaps between windows change nothing
        (DAY / 4, DAY, 8, 2, 1.0),
        (HOUR, DAY, 16, 1, 1.5),  # checks come oftener than they are simulated
    ],
)
def test_steps_fit_the_window_and_the_time_between_checks(
    every: float, window: float, length: int, stride: int, finer: float
) -> None:
    timing = timing_of(even(), window, every, 100)
    assert (timing.window, timing.stride) == (length, stride)
    assert timing.finer == pytest.approx(finer)
    assert timing.steps == pytest.approx(20 * length, abs=1)
    assert (np.diff(timing.step) >= 0).all() and timing.step[-1] == timing.steps - 1


@pytest.mark.parametrize("times", [np.zeros(ROWS), np.linspace(0, 3 * HOUR, ROWS)], ids=["one moment", "a short span"])
def test_rows_that_time_does_not_spread_are_dealt_to_steps_at_random(times: np.ndarray) -> None:
    timing = timing_of(times, DAY, DAY, ROWS // 4)
    assert (timing.steps, timing.window) == (PSEUDO, PSEUDO // 4)
    assert set(np.bincount(timing.step)) <= {ROWS // PSEUDO, ROWS // PSEUDO + 1}


def found(tmp_path: Path, columns: dict[str, Any], method: str = "auto", alarms: float = 0.05) -> CalibrationReply:
    rows = len(next(iter(columns.values())))
    path = tmp_path / "reference.parquet"
    pq.write_table(pa.table({"_time": pa.array((even(rows=rows) * 1e6).astype("datetime64[us]")), **columns}), path)
    kinds = {
        name: ColumnKind.NUMBER if pa.types.is_floating(pa.array(values).type) else ColumnKind.CATEGORY
        for name, values in columns.items()
    }
    return thresholds(
        CalibrationRequest(
            samples=str(path),
            columns=tuple(Watched(name=name, kind=kind, method=method) for name, kind in kinds.items()),
            reference_rows=rows,
            current_rows=max(1, rows // 20),
            window_seconds=DAY,
            every_seconds=DAY,
            alarms=alarms,
            period_seconds=DAY,
        )
    )


def limits(reply: CalibrationReply) -> dict[tuple[str, str], float]:
    return {(t.name, t.kind): t.threshold for t in reply.thresholds}


def test_each_kind_of_column_gets_a_threshold_between_what_is_usual_and_everything(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = {
        "number": rng.normal(size=ROWS),
        "few": rng.integers(0, 4, ROWS).astype(float),
        "word": rng.choice(list("abcde"), ROWS),
        "words": np.array([f"w{n}" for n in rng.integers(0, 5000, ROWS)]),
    }
    reply = found(tmp_path, columns)
    assert set(limits(reply)) == {(name, kind) for name in columns for kind in ("value", "missing")}
    for threshold in reply.thresholds:
        if threshold.kind == "value":
            assert 0 < threshold.usual[0] < threshold.usual[1] < threshold.threshold < 1
        else:
            assert threshold.threshold == 0.0  # nothing was ever missing: only the floor counts


@pytest.mark.parametrize("method", ["psi", "ks", "hellinger", "kl_div", "jensenshannon", "wasserstein"])
def test_every_method_of_a_policy_can_be_calibrated(tmp_path: Path, method: str) -> None:
    rng = np.random.default_rng(0)
    reply = found(tmp_path, {"n": rng.normal(size=ROWS), "w": rng.choice(list("abc"), ROWS)}, method)
    assert limits(reply)["n", "value"] > 0
    assert limits(reply)["w", "value"] > 0


@pytest.mark.parametrize(
    "values",
    [
        np.full(ROWS, 3.0),
        np.full(ROWS, np.nan),
        np.where(np.arange(ROWS) % 2, np.inf, -np.inf),
        np.where(np.arange(ROWS) % 2, 1e300, 0.5),
        np.array([None] * ROWS, object),
        np.array([1.5]),
    ],
    ids=["constant", "all missing", "infinite", "huge", "no word", "one row"],
)
def test_a_column_that_says_nothing_is_calibrated_beside_others_without_harm(tmp_path: Path, values: Any) -> None:
    other = np.random.default_rng(0).normal(size=len(values))
    column = pa.array(values, pa.string()) if values.dtype == object else values
    reply = found(tmp_path, {"odd": column, "other": other})
    assert all(np.isfinite(t.threshold) and t.threshold >= 0 for t in reply.thresholds)
    assert limits(reply).get(("odd", "value"), 0.0) == 0.0


def test_a_share_of_missing_values_that_wanders_has_a_threshold_of_its_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    share = np.repeat(rng.uniform(0.0, 0.6, ROWS // 50), 50)
    steady, wandering = (np.where(rng.random(ROWS) < s, np.nan, rng.normal(size=ROWS)) for s in (0.3, share))
    known = limits(found(tmp_path, {"steady": steady, "wandering": wandering}))
    assert known["wandering", "missing"] > 1.5 * known["steady", "missing"] > 0
