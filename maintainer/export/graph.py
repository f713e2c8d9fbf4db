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
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from maintainer.domain.sample import TaskKind
from maintainer.families.encoder import FIRST, HEIGHT, LINEAR, MISSING, MOST, UNKNOWN, TableEncoder

OPSET, OPSET_ML, IR = 18, 3, 9  # old enough for every runtime in use, new enough for all that is needed
ML = "ai.onnx.ml"


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into one file."""

    version: str
    encoder: TableEncoder
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


def _standardised(graph: _Graph, encoder: TableEncoder, axis: str) -> list[str]:
    """Return squashed deviations and missing indicators, both (n, k), and ramps (n, r), computed in double."""
    if not encoder.numbers:
        return []
    columns = [graph.node("Unsqueeze", code.name, axis) for code in encoder.numbers]
    raw = graph.node("Concat", *columns, axis=1)
    missing = graph.node("IsNaN", raw)
    zero, one = (_double(graph, name, value) for name, value in (("zero", 0.0), ("one", 1.0)))
    middles = _double(graph, "middles", [[code.middle for code in encoder.numbers]])
    scales = _double(graph, "scales", [[code.scale for code in encoder.numbers]])
    deviations = _squashed(graph, graph.node("Div", graph.node("Sub", raw, middles), scales), zero, one)
    parts = [graph.node("Where", missing, zero, deviations), missing]
    if any(code.ramps for code in encoder.numbers):
        parts.append(_ramps(graph, encoder, graph.node("Where", missing, zero, raw), missing))
    return [graph.node("Cast", part, to=TensorProto.FLOAT) for part in parts]


def _double(graph: _Graph, name: str, value: Any) -> str:
    return graph.constant(name, np.array(value, np.float64))


def _squashed(graph: _Graph, deviations: str, zero: str, one: str) -> str:
    """Return `encoder.squash` of (n, k) deviations."""
    linear = _double(graph, "linear", LINEAR)
    size = graph.node("Abs", deviations)
    beyond = graph.node("Max", graph.node("Sub", size, linear), zero)
    total = graph.node("Add", graph.node("Min", size, linear), graph.node("Log", graph.node("Add", beyond, one)))
    held = graph.node("Min", total, _double(graph, "most", MOST))
    return graph.node("Mul", graph.node("Sign", deviations), held)


def _ramps(graph: _Graph, encoder: TableEncoder, raw: str, missing: str) -> str:
    """Return the ramps (n, r) of all columns, zero where a number is missing."""
    spans = [
        (place, low, high)
        for place, code in enumerate(encoder.numbers)
        for part in code.knots
        for low, high in pairwise(part)
    ]
    places = graph.constant("ramp_columns", np.array([place for place, _, _ in spans], np.int64))
    lows = _double(graph, "ramp_lows", [[low for _, low, _ in spans]])
    widths = _double(graph, "ramp_widths", [[high - low for _, low, high in spans]])
    value = graph.node("Gather", raw, places, axis=1)
    way = graph.node("Div", graph.node("Sub", value, lows), widths)
    low, high = (_double(graph, name, limit) for name, limit in (("ramp_least", 0.0), ("ramp_most", 1.0)))
    held = graph.node("Sub", graph.node("Clip", way, low, high), _double(graph, "ramp_middle", 0.5))
    high_as = graph.node("Mul", held, _double(graph, "ramp_height", HEIGHT))
    return graph.node("Where", graph.node("Gather", missing, places, axis=1), low, high_as)


def _linear(graph: _Graph, content: Content, name: str, given: str) -> str:
    weight, bias = (graph.constant(f"{name}.{part}", content.weights[f"{name}.{part}"]) for part in ("weight", "bias"))
    return graph.node("Gemm", given, weight, bias, transB=1)


def _decoded(graph: _Graph, encoder: TableEncoder, answer: str, axis: str) -> Sequence[ValueInfoProto]:
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
