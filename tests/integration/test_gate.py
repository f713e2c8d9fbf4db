"""The gate phase on real ONNX and Parquet files."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maintainer.domain.phase import ExportResult, GateResult, GateVerdict, PhaseSpec
from maintainer.domain.policy import Policy
from maintainer.errors import InputError
from maintainer.gate.holdout import BATCH
from maintainer.gate.stage import run

START = datetime(2026, 1, 1)
GOOD = ([[-1, 0, 0], [1, 0, 0]], [0, 0])  # UP where a > 0: that is the truth
POOR = ([[-1, 0, 0], [1, 0, 0]], [-0.5, 0.5])  # UP where a > -0.5
CLASSES = ("DOWN", "UP")
GATES = [
    {"kind": "parity", "tolerance": 1e-4},
    {"kind": "superior", "metric": "accuracy"},
    {"kind": "non-inferior", "metric": "accuracy", "margin": 0.02},
    {"kind": "negative-flips", "at_most": 0.02},
    {"kind": "latency", "p95_ms_at_most": 1000, "batch": 1},
    {"kind": "size", "mib_at_most": 1},
]


def samples(n: int, seed: int, label) -> pa.Table:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    order = rng.permutation(n)  # the file need not be in time order
    return pa.table(
        {
            "_key": pa.array(order, pa.uint64()),
            "_id": [f"s{k}" for k in order],
            "_time": pa.array([START + timedelta(minutes=int(k)) for k in order], pa.timestamp("us")),
            "a": a,
            "b": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.2),
            "day": pa.array(rng.choice(["mon", "tue", "wed"], n), mask=rng.random(n) < 0.2),
            "_label": label(a),
        }
    )


def up_or_down(a: np.ndarray) -> pa.Array:
    return pa.array(np.where(a > 0, "UP", "DOWN"))


@pytest.fixture
def judge(tmp_path, make_onnx):
    """Run the phase: holdouts name -> table, models as arguments of make_onnx; returns its result."""

    def go(holdouts, challenger, champion=None, gates=GATES, kind="tabular-classification", slices=()) -> GateResult:
        for name in ("collect", "export", "champion", "out"):
            (tmp_path / name).mkdir()
        for name, table in holdouts.items():
            pq.write_table(table, tmp_path / "collect" / f"{name}_holdout.parquet")
        content = make_onnx(*challenger).SerializeToString()
        (tmp_path / "export" / "model.onnx").write_bytes(content)
        exported = ExportResult(parity=1e-6, rows=100, size_bytes=len(content), opset=18)
        (tmp_path / "export" / "result.json").write_text(exported.model_dump_json())
        if champion:
            (tmp_path / "champion" / "model.onnx").write_bytes(make_onnx(*champion).SerializeToString())
        run(spec(tmp_path, bool(champion), gates, kind, slices))
        return GateResult.model_validate_json((tmp_path / "out" / "result.json").read_text())

    return go


def spec(root: Path, champion: bool, gates: list, kind: str, slices: tuple[str, ...] = ()) -> PhaseSpec:
    features = {"a": {"type": "number"}, "b": {"type": "number"}, "day": {"type": "category"}}
    policy = Policy.model_validate(
        {
            "version": 1,
            "model": "m",
            "task": {"kind": kind, "features": features, "label": "y", "slices": slices},
            "gates": gates,
        }
    )
    return PhaseSpec(
        phase="gate",
        run="r1",
        version="v2",
        policy=policy,
        classes=CLASSES,
        inputs={"collect": str(root / "collect"), "export": str(root / "export")},
        champion=str(root / "champion") if champion else None,
        out=str(root / "out"),
        threads=1,
    )


def verdicts(result: GateResult) -> dict[str, GateVerdict]:
    return {finding.gate: finding.verdict for finding in result.findings}


def test_a_better_challenger_passes_every_gate(judge, tmp_path):
    current, reference = samples(600, 1, up_or_down), samples(500, 2, up_or_down)
    result = judge({"current": current, "reference": reference}, (*GOOD, CLASSES), (*POOR, CLASSES))
    assert result.passed
    assert list(verdicts(result)) == [
        "parity",
        "superior accuracy on current",
        "non-inferior accuracy on reference",
        "negative flips on reference",
        "latency at batch 1",
        "size",
    ]
    a = current["a"].to_numpy()
    wrong = float(np.mean((a > -0.5) != (a > 0)))
    assert result.challenger["current"]["accuracy"] == 1.0
    assert result.champion["current"]["accuracy"] == pytest.approx(1 - wrong)
    assert set(result.champion["reference"]) == {"accuracy", "f1_macro", "log_loss", "ece"}
    assert (result.negative_flip_rate, result.positive_flip_rate) == (0.0, pytest.approx(wrong))
    assert {f.gate: f.n for f in result.findings}["superior accuracy on current"] == 600


def test_the_slices_of_a_policy_are_told_on_both_holdouts_beside_all_samples(judge):
    current, reference = samples(600, 1, up_or_down), samples(500, 2, up_or_down)
    held = {"current": current, "reference": reference}
    result = judge(held, (*GOOD, CLASSES), (*POOR, CLASSES), slices=("day", "a"))
    for name, table in held.items():
        shown = {(one.column, one.value): one for one in result.slices[name].shown}
        days = {day: one for (column, day), one in shown.items() if column == "day"}
        counts = {value["values"] or "(missing)": value["counts"] for value in table["day"].value_counts().to_pylist()}
        assert {day: one.n for day, one in days.items()} == counts
        before = sum(one.before * one.n for one in days.values()) / len(table)
        assert before == pytest.approx(result.champion[name]["accuracy"])
        assert all(one.after == 1.0 and one.interval is not None for one in days.values())
        wrong = [value for (column, value), one in shown.items() if column == "a" and one.positive]
        assert 1 <= len(wrong) <= 2  # the champion is wrong where a lies between -0.5 and 0: in the middle quarters
        assert len([column for column, _ in shown if column == "a"]) == 4


def test_without_slices_in_the_policy_there_are_none(judge):
    assert judge({"current": samples(60, 1, up_or_down)}, (*GOOD, CLASSES), (*POOR, CLASSES)).slices == {}


def test_a_worse_challenger_is_turned_away(judge):
    holdouts = {"current": samples(600, 1, up_or_down), "reference": samples(500, 2, up_or_down)}
    result = judge(holdouts, (*POOR, CLASSES), (*GOOD, CLASSES))
    found = verdicts(result)
    assert not result.passed
    for name in ("superior accuracy on current", "non-inferior accuracy on reference", "negative flips on reference"):
        assert found[name] is GateVerdict.FAILED


def test_classes_in_another_order_are_matched_by_name(judge):
    holdouts = {"current": samples(300, 1, up_or_down)}
    turned = ([GOOD[0][1], GOOD[0][0]], [0, 0], ("UP", "DOWN"))
    result = judge(holdouts, turned, (*GOOD, CLASSES))
    assert result.challenger["current"] == pytest.approx(result.champion["current"])
    assert result.challenger["current"]["accuracy"] == 1.0
    assert result.negative_flip_rate == 0.0


def test_a_label_that_a_model_has_not_learned_is_wrong_for_it_alone(judge):
    def with_flat(a: np.ndarray) -> pa.Array:
        return pa.array(np.where(a > 1, "FLAT", np.where(a > 0, "UP", "DOWN")))

    current = samples(400, 1, with_flat)
    knows = ([[-10, 0, 0], [20, 0, 0], [10, 0, 0]], [0, -10, 0], ("DOWN", "FLAT", "UP"))
    result = judge({"current": current}, knows, (*GOOD, CLASSES))
    flat = float(np.mean(current["a"].to_numpy() > 1))
    assert result.challenger["current"]["accuracy"] == 1.0
    assert result.champion["current"]["accuracy"] == pytest.approx(1 - flat)
    assert result.champion["current"]["log_loss"] > result.challenger["current"]["log_loss"]


def test_at_bootstrap_there_is_nothing_to_compare_with_but_a_constant_answer(judge):
    result = judge({"current": samples(300, 1, up_or_down)}, (*GOOD, CLASSES))
    assert result.passed
    assert result.champion == {} and result.negative_flip_rate is None
    assert verdicts(result)["not worse than a constant answer"] is GateVerdict.PASSED


def test_a_first_model_that_learned_the_wrong_thing_is_turned_away(judge):
    upside_down = ([[1, 0, 0], [-1, 0, 0]], [0, 0], CLASSES)
    result = judge({"current": samples(300, 1, up_or_down)}, upside_down)
    assert verdicts(result)["not worse than a constant answer"] is GateVerdict.FAILED


def test_a_first_model_that_learned_nothing_is_let_through_with_those_words(judge):
    constant = judge({"current": samples(300, 1, up_or_down)}, ([[0, 0, 0], [0, 0, 0]], [0, 1], CLASSES)).findings[-1]
    assert constant.verdict is GateVerdict.PASSED and "not better, nor worse beyond chance" in constant.sentence


@pytest.mark.parametrize("rows", [None, 0])
def test_without_samples_no_comparison_passes(judge, rows):
    empty = {} if rows is None else {"reference": samples(0, 1, up_or_down), "current": samples(0, 1, up_or_down)}
    found = verdicts(judge(empty, (*GOOD, CLASSES), (*POOR, CLASSES)))
    for name in ("superior accuracy on current", "non-inferior accuracy on reference", "negative flips on reference"):
        assert found[name] is GateVerdict.INCONCLUSIVE
    assert found["latency at batch 1"] is GateVerdict.PASSED


def test_samples_without_a_label_are_left_out(judge):
    table = samples(300, 1, up_or_down)
    labels = pa.array([None if k % 3 == 0 else v for k, v in enumerate(table["_label"].to_pylist())], pa.string())
    current = table.set_column(table.column_names.index("_label"), "_label", labels)
    result = judge({"current": current}, (*GOOD, CLASSES), (*POOR, CLASSES))
    assert {f.gate: f.n for f in result.findings}["superior accuracy on current"] == 200


def test_a_regression_is_judged_by_its_relative_gain(judge):
    def noisy(a: np.ndarray) -> pa.Array:
        return pa.array(3 * a + np.random.default_rng(0).normal(0, 0.1, len(a)))

    gates = [
        {"kind": "superior", "metric": "mae"},
        {"kind": "non-inferior", "metric": "rmse", "margin": 0.05},
        {"kind": "negative-flips"},
        {"kind": "latency", "p95_ms_at_most": 1000, "batch": 32},
    ]
    holdouts = {"current": samples(400, 1, noisy), "reference": samples(400, 2, noisy)}
    result = judge(holdouts, ([[3, 0, 0]], [0]), ([[2.5, 0, 0]], [0]), gates, "tabular-regression")
    assert result.passed
    before, after = result.champion["current"]["mae"], result.challenger["current"]["mae"]
    assert after == pytest.approx(0.08, abs=0.01)
    assert result.findings[0].value == pytest.approx((before - after) / before)
    assert result.findings[3].n == 200


def test_a_holdout_of_several_batches_is_answered_whole(judge):
    result = judge({"current": samples(BATCH + 500, 1, up_or_down)}, (*GOOD, CLASSES), (*POOR, CLASSES), GATES[1:2])
    assert result.challenger["current"]["accuracy"] == 1.0
    assert result.findings[0].n == BATCH + 500


def test_the_answers_are_kept_in_time_order_beside_their_labels(judge, tmp_path):
    holdouts = {"current": samples(50, 1, up_or_down), "reference": samples(40, 2, up_or_down)}
    judge(holdouts, (*GOOD, CLASSES), (*POOR, CLASSES))
    kept = pq.read_table(tmp_path / "out" / "answers.parquet").to_pydict()
    assert kept["holdout"] == ["current"] * 50 + ["reference"] * 40
    assert kept["_time"][:50] == sorted(kept["_time"][:50])
    assert kept["label"] == kept["challenger"] != kept["champion"]


def test_the_same_inputs_give_the_same_findings(judge, tmp_path):
    holdouts = {"current": samples(300, 1, up_or_down)}
    gates = [{"kind": "superior", "metric": "f1_macro"}, {"kind": "superior", "metric": "log_loss"}]
    first = judge(holdouts, (*GOOD, CLASSES), (*POOR, CLASSES), gates)
    (tmp_path / "out" / "result.json").unlink()
    run(spec(tmp_path, True, gates, "tabular-classification"))
    assert json.loads((tmp_path / "out" / "result.json").read_text()) == first.model_dump(mode="json")


def test_a_holdout_that_cannot_be_read_is_an_error_with_its_name(judge):
    with pytest.raises(InputError, match=r"current_holdout\.parquet"):
        judge({"current": samples(20, 1, up_or_down).drop_columns(["_label"])}, (*GOOD, CLASSES), (*POOR, CLASSES))
