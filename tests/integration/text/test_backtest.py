"""A backtest of texts from a network that somebody has trained before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maintainer.backtest import outcome, replay
from maintainer.champion import load_session
from maintainer.errors import InputError, RefusedError
from maintainer.policies import load_text

from .conftest import CLASSIFICATION, NEW, OLD, world

POLICY = """
version: 1
model: films
task: {kind: text-classification, id: id, time: at, text: body, label: y}
base: {family: huggingface}
checks: {every: 2d, window: {last: 6d, min_samples: 50}}
train: {epochs: 6, batch_size: 32, unfreeze: all, precision: fp32, optimizer: {learning_rate: 0.003}}
gates: [{kind: parity}]
"""
ROWS = 600  # half-hours: 12 days


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = [world(CLASSIFICATION, ROWS // 2, seed, subjects) for seed, subjects in ((1, OLD), (2, NEW))]
    table = pa.concat_tables(parts).select(["body", "_label"]).rename_columns(["body", "y"])
    times = np.datetime64("2026-03-01", "us") + np.arange(ROWS) * np.timedelta64(30, "m")
    path = tmp_path_factory.mktemp("history") / "history.parquet"
    pq.write_table(table.append_column("at", pa.array(times)).append_column("id", pa.array(np.arange(ROWS))), path)
    return path


def plan_of(history: Path, out: Path, base: Path, text: str = POLICY) -> replay.Plan:
    return replay.Plan(load_text(text, "p.yaml"), text, history, out, bootstrap=0.5, base=base)


def test_history_is_answered_by_a_first_champion_made_of_a_directory(history: Path, base: Path, tmp_path: Path):
    held = replay.prepare(plan_of(history, tmp_path / "out", base))
    try:
        lines: list[replay.Line] = []
        replay.run(held, lines.append)
        found = outcome.conclude(held)
    finally:
        held.operations.context.close()
    state = tmp_path / "out" / "state"
    assert (state / "bases" / "films" / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
    assert not list((state / "tmp").glob("*.tar"))
    alone = load_session(state / "models" / "films" / "versions" / "v0001" / "model.onnx", 1)
    rows = pq.read_table(history).slice(ROWS // 2)
    said = np.mean(alone.predict(rows).answers == np.array(rows["y"].to_pylist(), object))
    assert found["static"] == found["maintained"] == pytest.approx(said)
    assert found["static"] > 0.9 and sum(line.rows for line in lines) == ROWS // 2


def test_a_directory_for_a_model_that_starts_from_none_is_refused(history: Path, base: Path, tmp_path: Path):
    named = POLICY.replace("{family: huggingface}", "{family: huggingface, path: bases/x}")
    with pytest.raises(RefusedError, match=r"has base.path bases/x; --from wants"):
        replay.prepare(plan_of(history, tmp_path / "out", base, named))


def test_a_directory_that_is_none_is_named(history: Path, tmp_path: Path):
    with pytest.raises(InputError, match="nowhere is no directory"):
        replay.prepare(plan_of(history, tmp_path / "out", tmp_path / "nowhere"))
