"""Exporting with real ONNX Runtime, from real training."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from maintainer.domain.phase import ExportResult, PhaseSpec
from maintainer.domain.policy import Policy
from maintainer.errors import InputError
from maintainer.export import parity
from maintainer.export import stage as export_stage
from maintainer.families.registry import family_in, family_of
from maintainer.families.table import read_samples
from maintainer.families.weights import MODEL, load_tensors, save_tensors

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnx
import onnxruntime

CLASSIFICATION, REGRESSION = "tabular-classification", "tabular-regression"
# Two features are named like what the file answers.
FEATURES = {"value": "number", "label": "category", "big": "number", "flat": "number", "gone": "number"}


def holdout(kind: str, n: int) -> pa.Table:
    rng = np.random.default_rng(3)
    numbers = {"value": rng.normal(size=n), "big": rng.normal(size=n) * 1e6 + 4e6, "flat": np.full(n, 3.0)}
    colours = [None if c == "" else c for c in rng.choice(["red", "grün", "blue", ""], n).tolist()]
    gone = pa.array([None] * n, pa.float64())
    label = (
        pa.array(rng.choice(["DOWN", "UP"], n)) if kind == CLASSIFICATION else pa.array(rng.normal(size=n) * 40 + 100)
    )
    return pa.table({**numbers, "label": pa.array(colours), "gone": gone, "_label": label})


CASES = [(kind, family) for kind in (CLASSIFICATION, REGRESSION) for family in ("tabular-mlp", "ft-transformer")]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PhaseSpec]:
    """A model of random weights, exported: agreement does not ask whether the answers are good."""
    (kind, name), home = request.param, tmp_path_factory.mktemp("export")
    family = family_of(name)
    for phase in ("collect", "train", "export"):
        (home / phase).mkdir()
    pq.write_table(holdout(kind, 300), home / "collect" / "current_holdout.parquet")
    features = {column: {"type": of} for column, of in FEATURES.items()}
    task = {"kind": kind, "features": features, "label": "y"}
    spec = PhaseSpec(
        phase="export",
        run="r",
        version="v7",
        policy=Policy.model_validate({"version": 1, "model": "m", "task": task, "base": {"family": name}}),
        classes=(),
        inputs={phase: str(home / phase) for phase in ("collect", "train")},
        champion=None,
        out=str(home / "export"),
        threads=1,
    )
    samples = read_samples(home / "collect" / "current_holdout.parquet", spec.policy.task)
    classes = ("DOWN", "UP") if kind == CLASSIFICATION else ()
    encoder = family.fit(spec.policy.task.of, samples, classes, spec.policy.base)
    moved = {name: column * 9.0 + 7e6 for name, column in samples.numbers.items()}
    encoder = family.grow(encoder, replace(samples, numbers=moved), classes)
    assert sum(code.later for code in encoder.numbers) >= 2  # with the ramps of a second training
    torch.manual_seed(0)
    weights = {name: 3 * value for name, value in family.build(encoder, None, 0.0).state_dict().items()}
    family.save(encoder, home / "train")
    save_tensors(home / "train" / MODEL, weights)
    export_stage.run(spec)
    return home, spec


def session(home: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(home / "export" / "model.onnx", providers=["CPUExecutionProvider"])


def feeds(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        "value": rng.normal(size=n),
        "big": rng.normal(size=n) * 3e7,
        "flat": np.full(n, 3.0),
        "gone": np.full(n, np.nan),
        "label": np.array(rng.choice(["red", "green", "", "unheard of"], n), dtype=object),
    }


def test_the_file_agrees_with_torch_on_the_holdout_and_on_hostile_rows(exported):
    home, _ = exported
    result = ExportResult.model_validate_json((home / "export" / "result.json").read_bytes())
    assert result.parity < 1e-4  # of weights three times as large as they would be
    assert result.rows >= 200
    assert result.size_bytes == (home / "export" / "model.onnx").stat().st_size


def test_the_convention_of_inputs_outputs_and_metadata_is_kept(exported):
    home, spec = exported
    live = session(home)
    kinds = {i.name: (i.type, i.shape) for i in live.get_inputs()}
    assert list(kinds) == list(spec.policy.task.features)
    assert kinds["value"] == ("tensor(double)", ["n"])
    assert kinds["label"] == ("tensor(string)", ["n"])
    outputs = {o.name: o.type for o in live.get_outputs()}
    props = live.get_modelmeta().custom_metadata_map
    if spec.policy.task.kind == CLASSIFICATION:
        assert outputs == {"_label": "tensor(string)", "_probabilities": "tensor(float)"}
        assert json.loads(props["maintainer.classes"]) == ["DOWN", "UP"]
    else:
        assert outputs == {"_value": "tensor(double)"}
    assert props["maintainer.version"] == spec.version
    assert props["maintainer.task"] == spec.policy.task.of
    assert json.loads(props["maintainer.schema"])[0] == {"name": "value", "kind": "number"}


@pytest.mark.parametrize("n", [0, 1, 37])
def test_any_number_of_rows_goes_through(exported, n: int):
    home, spec = exported
    answers = session(home).run(None, feeds(n))
    assert answers[0].shape == (n,)
    if spec.policy.task.kind == CLASSIFICATION:
        assert answers[1].shape == (n, 2)
        np.testing.assert_allclose(answers[1].sum(axis=1), np.ones(n), atol=1e-5)


def test_the_onnx_answers_are_those_of_torch_in_the_unit_of_the_label(exported):
    home, spec = exported
    family = family_in(home / "train")
    encoder = family.load(home / "train")
    samples = read_samples(home / "collect" / "current_holdout.parquet", spec.policy.task)
    module = family.build(encoder, load_tensors(home / "train" / MODEL), 0.0).eval()
    with torch.no_grad():
        outputs = module(family.inputs(encoder, samples)).double().numpy()
    answers = session(home).run(None, samples.numbers | samples.categories)
    if spec.policy.task.kind == CLASSIFICATION:
        assert list(answers[0]) == [encoder.classes[i] for i in outputs.argmax(axis=1)]
        assert len(set(answers[0])) == 2
    else:
        np.testing.assert_allclose(answers[0], outputs[:, 0] * encoder.target_scale + encoder.target_mean, atol=5e-3)
        assert answers[0].std() > 1.0


def test_a_wrong_weight_in_the_file_shows_in_the_parity(exported):
    home, spec = exported
    family = family_in(home / "train")
    encoder = family.load(home / "train")
    weights = load_tensors(home / "train" / MODEL)
    weights["head.weight"] = weights["head.weight"] * 1.05
    model = (home / "export" / "model.onnx").read_bytes()
    samples = read_samples(home / "collect" / "current_holdout.parquet", spec.policy.task)
    original = parity.Original(family, encoder, family.build(encoder, weights, 0.0).eval())
    assert parity.compare(model, original, samples, 1).largest > 1e-3


def test_exporting_twice_gives_the_same_bytes(exported, tmp_path: Path):
    home, spec = exported
    export_stage.run(spec.model_copy(update={"out": str(tmp_path)}))
    assert (tmp_path / "model.onnx").read_bytes() == (home / "export" / "model.onnx").read_bytes()
    onnx.checker.check_model(onnx.load(tmp_path / "model.onnx"), full_check=True)


def test_another_feature_list_than_the_trained_one_is_refused(exported, tmp_path: Path):
    _, spec = exported
    task = spec.policy.task
    fewer = task.model_copy(update={"features": {k: v for k, v in task.features.items() if k != "flat"}})
    policy = spec.policy.model_copy(update={"task": fewer})
    with pytest.raises(InputError, match="was trained on"):
        export_stage.run(spec.model_copy(update={"policy": policy, "out": str(tmp_path)}))
    assert not (tmp_path / "result.json").exists()
