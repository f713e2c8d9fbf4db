"""A stream whose newest labels are wrong, three in ten of them: no run that learned from them is promoted."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maintainer.backtest import outcome, replay
from maintainer.domain.phase import CareRow, TrainResult
from maintainer.policies import load_text

POLICY = """
version: 1
model: poisoned
task:
  kind: tabular-classification
  id: id
  time: t
  features: {x: {type: number}, z: {type: number}, c: {type: category}}
  label: y
checks: {every: 3d, window: {last: 9d, min_samples: 50}}
triggers:
  - {name: quality-fell, metric: quality.accuracy, drop: 0.1}
run: {needs: {labels: 80}, cooldown: 3d}
train: {forgetting_budget: 1.0}
data: DATA
gates:  # those of the answers: how long a call takes is not what this is about
  - {kind: parity}
  - {kind: superior, metric: accuracy}
  - {kind: non-inferior, metric: accuracy}
  - {kind: negative-flips}
"""
ROWS, WRONG_FROM = 2200, 1400  # quarters of an hour: 23 days, the last 8 of them poisoned
CARE = {
    "without": "{}",
    "with": "{label_errors: {drop_share_at_most: 0.02}, deduplicate: true, outliers: clip}",
}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = np.random.default_rng(5)
    x, z = draw.normal(size=(2, ROWS))
    right = x + 0.5 * z > 0
    wrong = (np.arange(ROWS) >= WRONG_FROM) & (draw.random(ROWS) < 0.3)
    times = np.datetime64("2024-03-01", "us") + np.arange(ROWS) * np.timedelta64(15, "m")
    content = {"id": np.arange(ROWS), "t": times, "x": x, "z": z, "c": draw.choice(["a", "b"], ROWS)}
    path = tmp_path_factory.mktemp("history") / "history.parquet"
    pq.write_table(pa.table({**content, "y": np.where(right != wrong, "up", "down")}), path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("care", CARE)
def test_a_run_on_labels_of_which_three_in_ten_are_wrong_is_not_promoted(
    care: str, history: Path, tmp_path: Path
) -> None:
    text = POLICY.replace("DATA", CARE[care])
    held = replay.prepare(replay.Plan(load_text(text, "p.yaml"), text, history, tmp_path / "out", bootstrap=0.6))
    try:
        lines: list[replay.Line] = []
        replay.run(held, lines.append)
        found = outcome.conclude(held)
    finally:
        held.operations.context.close()
    assert found["runs"] >= 1 and found["promotions"] == 0, [line.sentence for line in lines]
    assert {line.version for line in lines} == {"v0001"}
    results = sorted((tmp_path / "out").rglob("train/result.json"))
    last = TrainResult.model_validate_json(results[-1].read_bytes())
    if care == "without":
        assert last.care is None and not list((tmp_path / "out").rglob("care.csv"))
        return
    with (results[-1].parent / "care.csv").open(newline="") as file:
        rows = [CareRow.model_validate({k: v or None for k, v in row.items()}) for row in csv.DictReader(file)]
    doubtful = [row for row in rows if row.finding == "label error"]
    dropped = [row for row in doubtful if row.action == "dropped"]
    labels = {str(row["id"]): row for row in pq.read_table(history).to_pylist()}
    right = [("up" if labels[row.sample]["x"] + 0.5 * labels[row.sample]["z"] > 0 else "down") for row in doubtful]
    assert np.mean([row.suggested == label for row, label in zip(doubtful, right, strict=True)]) > 0.7
    assert "labels are doubtful" in last.reason
    assert 0 < len(dropped) < 0.3 * len(doubtful)  # the cap
    page = (tmp_path / "out").rglob("*.html")
    assert any("Data care" in path.read_text(encoding="utf-8") for path in page)
