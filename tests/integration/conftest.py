"""Small ONNX files that keep the convention of an export, made without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

FEATURES = [{"name": "a", "kind": "number"}, {"name": "b", "kind": "number"}, {"name": "day", "kind": "category"}]
DAYS = ("mon", "tue")  # worth 1 and 2; anything else is worth 0


def linear_onnx(
    weights: Sequence[Sequence[float]],  # (k, 3): of a, b and day, for each class, or one row for a regression
    bias: Sequence[float],  # (k,)
    classes: tuple[str, ...] = (),
    version: str = "v1",
) -> ModelProto:
    """A linear model: a missing number counts as 0."""
    nodes = [
        *_number("a"),
        *_number("b"),
        helper.make_node(
            "LabelEncoder", ["day"], ["day_f"], domain="ai.onnx.ml",
            keys_strings=list(DAYS), values_floats=[1.0, 2.0], default_float=0.0,
        ),
        helper.make_node("Unsqueeze", ["day_f", "one"], ["day_c"]),
        helper.make_node("Concat", ["a_c", "b_c", "day_c"], ["x"], axis=1),
        helper.make_node("Gemm", ["x", "w", "bias"], ["scores"], transB=1),
        *(_class_outputs(classes) if classes else _value_output()),
    ]  # fmt: skip
    initial = {
        "w": np.array(weights, np.float32),
        "bias": np.array(bias, np.float32),
        "zero": np.float64(0),
        "one": np.array([1]),
    }
    outputs = (
        [("_label", TensorProto.STRING, ["n"]), ("_probabilities", TensorProto.FLOAT, ["n", len(classes)])]
        if classes
        else [("_value", TensorProto.DOUBLE, ["n"])]
    )
    graph = helper.make_graph(
        nodes,
        "linear",
        [
            helper.make_tensor_value_info("a", TensorProto.DOUBLE, ["n"]),
            helper.make_tensor_value_info("b", TensorProto.DOUBLE, ["n"]),
            helper.make_tensor_value_info("day", TensorProto.STRING, ["n"]),
        ],
        [helper.make_tensor_value_info(*out) for out in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in initial.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    told = {
        "maintainer.version": version,
        "maintainer.task": "tabular-classification" if classes else "tabular-regression",
        "maintainer.classes": json.dumps(classes),
        "maintainer.schema": json.dumps(FEATURES),
    }
    helper.set_model_props(model, told)
    return model


def _number(name: str) -> list[object]:
    return [
        helper.make_node("IsNaN", [name], [f"{name}_m"]),
        helper.make_node("Where", [f"{name}_m", "zero", name], [f"{name}_d"]),
        helper.make_node("Cast", [f"{name}_d"], [f"{name}_f"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", [f"{name}_f", "one"], [f"{name}_c"]),
    ]


def _class_outputs(classes: tuple[str, ...]) -> list[object]:
    return [
        helper.make_node("Softmax", ["scores"], ["_probabilities"], axis=1),
        helper.make_node("ArgMax", ["scores"], ["index"], axis=1, keepdims=0),
        helper.make_node(
            "LabelEncoder", ["index"], ["_label"], domain="ai.onnx.ml",
            keys_int64s=list(range(len(classes))), values_strings=list(classes),
        ),
    ]  # fmt: skip


def _value_output() -> list[object]:
    return [
        helper.make_node("Squeeze", ["scores", "one"], ["value_f"]),
        helper.make_node("Cast", ["value_f"], ["_value"], to=TensorProto.DOUBLE),
    ]


@pytest.fixture
def make_onnx() -> Callable[..., ModelProto]:
    return linear_onnx


@pytest.fixture
def make_version() -> Callable[[Path, ModelProto], Path]:
    """Write a version's directory below a model's, as a promotion finds it: `make_version(model_dir, onnx)`."""

    def write(model_dir: Path, onnx: ModelProto) -> Path:
        version = next(p.value for p in onnx.metadata_props if p.key == "maintainer.version")
        directory = model_dir / "versions" / version
        directory.mkdir(parents=True)
        content = onnx.SerializeToString()
        (directory / "model.onnx").write_bytes(content)
        files = {"model.onnx": hashlib.sha256(content).hexdigest()}
        (directory / "manifest.json").write_text(json.dumps({"version": version, "files": files}))
        return directory

    return write
