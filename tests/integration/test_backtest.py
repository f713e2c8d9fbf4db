"""A backtest of a small stream whose relation of input to label turns round in the middle."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maintainer.backtest import outcome, replay
from maintainer.errors import RefusedError
from maintainer.policies import load_text

POLICY = """
version: 1
model: turning
task:
  kind: tabular-regression
  id: id
  time: t
  features: {x: {type: number}, c: {type: category}}
  label: y
  slices: [c]
checks: {every: 2d, window: {last: 6d, min_samples: 50}}
triggers:
  - {name: error-grew, metric: quality.mae, drop: 0.3}
run: {needs: {labels: 80}, cooldown: 6d}
train: {forgetting_budget: 1000, replay: {share: 0.1}, epochs: 20, optimizer: {learning_rate: 0.005}}
gates:
  - {kind: parity}
  - {kind: superior, metric: mae}
  - {kind: non-inferior, metric: mae, margin: 1000}
"""
ROWS = 1200  # half-hours: 25 days


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> Path:
    random = np.random.default_rng(3)
    x = random.normal(size=ROWS)
    turned = np.where(np.arange(ROWS) < ROWS * 0.42, 1.0, -1.0)
    times = np.datetime64("2024-03-01", "us") + np.arange(ROWS) * np.timedelta64(30, "m")
    content = {"id": np.arange(ROWS), "t": times, "x": x, "c": np.where(x > 1, "high", "low")}
    path = tmp_path_factory.mktemp("history") / "history.parquet"
    pq.write_table(pa.table({**content, "y": turned * 3 * x + random.normal(size=ROWS) * 0.1}), path)
    return path


def play(history: Path, out: Path, **changes) -> tuple[dict, list[replay.Line]]:
    plan = replace(replay.Plan(load_text(POLICY, "p.yaml"), POLICY, history, out, bootstrap=0.4), **changes)
    held = replay.prepare(plan)
    try:
        lines: list[replay.Line] = []
        replay.run(held, lines.append)
        return outcome.conclude(held), lines
    finally:
        held.operations.context.close()


@pytest.fixture(scope="module")
def played(history, tmp_path_factory):
    return play(history, tmp_path_factory.mktemp("played") / "out")


def test_the_maintained_model_follows_where_the_static_one_stays_behind(played):
    found, lines = played
    assert found["promotions"] >= 1
    assert found["maintained"] < 0.7 * found["static"]
    assert lines[-1].maintained < 0.5 * lines[-1].static


def test_before_the_first_promotion_both_answer_alike(played):
    first = next(place for place, line in enumerate(played[1]) if line.verdict == "promoted")
    assert all(line.static == line.maintained and line.version == "v0001" for line in played[1][: first + 1])
    assert played[1][first + 1].version != "v0001"


def test_every_figure_of_the_command_line_is_there_and_the_files_too(played):
    found = played[0]
    wanted = "model rows metric higher_is_better static maintained no_change checks triggers runs promotions rejections"
    wanted += " rollbacks labels_used train_seconds total_seconds forgetting bwt negative_flip_rate timeline report"
    assert set(wanted.split()) <= found.keys()
    json.dumps(found)
    assert pq.read_table(found["timeline"]).num_rows == len(played[1])
    page = Path(found["report"]).read_text()
    assert "turning" in page and len(page) < 500_000
    assert found["rows"] == ROWS and found["higher_is_better"] is False


def test_the_slices_of_a_backtest_are_the_scored_samples_of_both_models(played, history):
    found, lines = played
    slices = {one["value"]: one for one in found["slices"]["shown"]}
    table = pq.read_table(history).slice(ROWS - sum(line.rows for line in lines))
    values, counts = np.unique(table["c"].to_numpy(zero_copy_only=False), return_counts=True)
    assert {name: one["n"] for name, one in slices.items()} == dict(zip(values, counts, strict=True))
    for name, of in (("before", "static"), ("after", "maintained")):
        whole = sum(one[name] * one["n"] for one in slices.values()) / len(table)
        assert whole == pytest.approx(found[of])
    assert all(one["gain"] > 0 for one in slices.values())
    assert "c: high" in Path(found["report"]).read_text()


def test_the_no_change_baseline_is_the_label_before(played, history):
    labels = pq.read_table(history)["y"].to_numpy()
    start = ROWS - sum(line.rows for line in played[1])
    assert played[0]["no_change"] == pytest.approx(np.abs(np.diff(labels)[start - 1 :]).mean())


def test_labels_that_come_late_put_the_first_run_off(played, history, tmp_path):
    late, lines = play(history, tmp_path / "out", label_delay=timedelta(days=4))
    assert late["labels_used"] < played[0]["labels_used"]
    first = [next(line.at for line in known if line.run) for known in (played[1], lines)]
    assert first[1] >= first[0] + timedelta(days=4)


def test_a_folder_with_a_backtest_is_not_overwritten(played, history):
    with pytest.raises(RefusedError, match="holds a backtest already"):
        play(history, Path(played[0]["report"]).parent)
