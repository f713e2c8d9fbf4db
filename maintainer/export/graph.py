"""The ONNX graph of `tabular-mlp`: raw features in, decoded answers out.

Built node by node, not traced by torch: preprocessing (double, strings) has no torch counterpart to trace, so half of
the graph would be grafted on anyway; a dozen core nodes are plainer than the renaming a graft needs, and come out the
same from every torch release. Parity (parity.py) holds the two against each other on each export.

onnx ships partial types: this is its one wrapper. Names inside begin with "_", which no feature's name does.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportAttributeAccessIssue=false, reportMissingTypeStubs=false

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from maintainer.domain.sample import TaskKind
from maintainer.families.encoder import CLIP, FIRST, MISSING, UNKNOWN, Encoder

OPSET, OPSET_ML, IR = 18, 3, 9  # old enough for every runtime in use, new enough for all that is needed
ML = "ai.onnx.ml"


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into one file."""

    version: str
    encoder: Encoder
    features: Mapping[str, str]  # name -> "number" or "category", in the order of the schema
    weights: Mapping[str, NDArray[np.float32]]


class _Graph:
    """Nodes and constants in the making; each method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), f"_{name}"))
        return f"_{name}"

    def node(self, kind: str, *inputs: str, out: str | None = None, domain: str = "", **attributes: Any) -> str:
        output = out or f"_{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output


def build(content: Content) -> bytes:
    """Return the serialised model, checked; features never begin with `_`, so no other name can be one of theirs."""
    encoder = content.encoder
    graph = _Graph()
    axis = graph.constant("axis", np.array([1], np.int64))
    hidden = graph.node("Concat", *_embedded(graph, content), *_standardised(graph, encoder, axis), axis=1)
    for place in range(len(encoder.hidden)):
        hidden = _linear(graph, content, f"layers.{place}", hidden)
        hidden = graph.node("Mul", hidden, graph.node("Sigmoid", hidden))  # SiLU
    answer = _linear(graph, content, "head", hidden)
    outputs = _decoded(graph, encoder, answer, axis)
    kinds = {"number": TensorProto.DOUBLE, "category": TensorProto.STRING}
    inputs = [_value(name, kinds[kind], "n") for name, kind in content.features.items()]
    return _finish(content, helper.make_graph(graph.nodes, "maintainer", inputs, outputs, graph.constants))


def _value(name: str, kind: int, *shape: str | int) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def _embedded(graph: _Graph, content: Content) -> list[str]:
    """Look up each category (n,) and its embedding (n, width)."""
    parts: list[str] = []
    for place, code in enumerate(content.encoder.categories):
        keys = ["", *code.vocabulary]
        codes = graph.node(
            "LabelEncoder",
            code.name,
            domain=ML,
            keys_strings=keys,
            values_int64s=[MISSING, *range(FIRST, code.codes)],
            default_int64=UNKNOWN,
        )
        name = f"embeddings.{place}.weight"
        parts.append(graph.node("Gather", graph.constant(name, content.weights[name]), codes, axis=0))
    return parts


def _standardised(graph: _Graph, encoder: Encoder, axis: str) -> list[str]:
    """Return clip((x - mean) / scale), computed in double, and the missing indicators, both (n, k) float."""
    if not encoder.numbers:
        return []
    columns = [graph.node("Unsqueeze", code.name, axis) for code in encoder.numbers]
    raw = graph.node("Concat", *columns, axis=1)
    missing = graph.node("IsNaN", raw)
    means = graph.constant("means", np.array([[code.mean for code in encoder.numbers]], np.float64))
    scales = graph.constant("scales", np.array([[code.scale for code in encoder.numbers]], np.float64))
    deviations = graph.node("Div", graph.node("Sub", raw, means), scales)
    present = graph.node("Where", missing, graph.constant("zero", np.array(0.0, np.float64)), deviations)
    low, high = (graph.constant(name, np.array(value, np.float64)) for name, value in (("low", -CLIP), ("high", CLIP)))
    clipped = graph.node("Clip", present, low, high)
    return [graph.node("Cast", part, to=TensorProto.FLOAT) for part in (clipped, missing)]


def _linear(graph: _Graph, content: Content, name: str, given: str) -> str:
    weight, bias = (graph.constant(f"{name}.{part}", content.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
    return graph.node("Gemm", given, weight, bias, transB=1)


def _decoded(graph: _Graph, encoder: Encoder, answer: str, axis: str) -> Sequence[ValueInfoProto]:
    if encoder.task is TaskKind.REGRESSION:
        wide = graph.node("Cast", graph.node("Squeeze", answer, axis), to=TensorProto.DOUBLE)
        scale, mean = (np.array(value, np.float64) for value in (encoder.target_scale, encoder.target_mean))
        scaled = graph.node("Mul", wide, graph.constant("target_scale", scale))
        graph.node("Add", scaled, graph.constant("target_mean", mean), out="_value")
        return [_value("_value", TensorProto.DOUBLE, "n")]
    graph.node("Softmax", answer, axis=1, out="_probabilities")
    best = graph.node("ArgMax", "_probabilities", axis=1, keepdims=0)
    classes = list(encoder.classes)
    graph.node(
        "LabelEncoder", best, out="_label", domain=ML, keys_int64s=list(range(len(classes))), values_strings=classes
    )
    return [
        _value("_label", TensorProto.STRING, "n"),
        _value("_probabilities", TensorProto.FLOAT, "n", len(classes)),
    ]


def _finish(content: Content, graph: onnx.GraphProto) -> bytes:
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, OPSET_ML)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR, producer_name="maintainer")
    schema = [{"name": name, "kind": kind} for name, kind in content.features.items()]
    props = {
        "maintainer.version": content.version,
        "maintainer.task": content.encoder.task.value,
        "maintainer.classes": json.dumps(list(content.encoder.classes)),
        "maintainer.schema": json.dumps(schema),
    }
    helper.set_model_props(model, props)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
