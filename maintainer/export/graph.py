"""The ONNX graph of the families that take a table: raw features in, decoded answers out.

Built node by node, not traced by torch: preprocessing (double, strings) has no torch counterpart to trace, so half of
the graph would be grafted on anyway; a dozen core nodes are plainer than the renaming a graft needs, and come out the
same from every torch release. Parity (parity.py) holds the two against each other on each export.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from maintainer.domain.sample import TaskKind
from maintainer.export import columns, transformer
from maintainer.export.nodes import DOUBLE, FLOAT, ML, STRING, Content, Graph, serialised, value
from maintainer.families.family import Encoder
from maintainer.families.ft_transformer import FtEncoder
from maintainer.families.tabular_mlp import MlpEncoder


def build(content: Content) -> bytes:
    """Return the serialised model, checked; features never begin with `_`, so no other name can be one of theirs.

    Raises TypeError for an encoder of a family that takes no table.
    """
    graph = Graph(content.weights)
    axis = graph.places("axis", 1)
    match content.encoder:
        case MlpEncoder() as encoder:
            answer = _mlp(graph, encoder, axis)
        case FtEncoder() as encoder:
            answer = transformer.network(graph, encoder, axis)
        case other:
            raise TypeError(f"{type(other).__name__} takes no table")
    outputs = decoded(graph, content.encoder, answer, axis)
    kinds = {"number": DOUBLE, "category": STRING}
    inputs = [value(name, kinds[kind], "n") for name, kind in content.features.items()]
    return serialised(graph, inputs, outputs, described(content.version, content.encoder, content.features))


def _mlp(graph: Graph, encoder: MlpEncoder, axis: str) -> str:
    """Return the answers (n, outputs) of `tabular-mlp`."""
    parts = [*columns.embedded(graph, encoder), *columns.standardised(graph, encoder, axis)]
    hidden = graph.node("Concat", *parts, axis=1)
    for place in range(len(encoder.hidden)):
        hidden = graph.silu(graph.linear(f"layers.{place}", hidden))
    return graph.linear("head", hidden)


def decoded(graph: Graph, encoder: Encoder, answer: str, axis: str) -> Sequence[Any]:
    """Add what turns logits (n, classes) or a standardised value (n, 1) into answers; return the outputs."""
    if encoder.task is TaskKind.REGRESSION:
        wide = graph.node("Cast", graph.node("Squeeze", answer, axis), to=DOUBLE)
        scaled = graph.node("Mul", wide, graph.double("target_scale", encoder.target_scale))
        graph.node("Add", scaled, graph.double("target_mean", encoder.target_mean), out="_value")
        return [value("_value", DOUBLE, "n")]
    graph.node("Softmax", answer, axis=1, out="_probabilities")
    best = graph.node("ArgMax", "_probabilities", axis=1, keepdims=0)
    classes = list(encoder.classes)
    graph.node(
        "LabelEncoder", best, out="_label", domain=ML, keys_int64s=list(range(len(classes))), values_strings=classes
    )
    return [value("_label", STRING, "n"), value("_probabilities", FLOAT, "n", len(classes))]


def described(version: str, encoder: Encoder, features: Mapping[str, str]) -> dict[str, str]:
    """Return what a file says of itself to whoever serves it."""
    return {
        "maintainer.version": version,
        "maintainer.task": encoder.task.value,
        "maintainer.classes": json.dumps(list(encoder.classes)),
        "maintainer.schema": json.dumps([{"name": name, "kind": kind} for name, kind in features.items()]),
    }
