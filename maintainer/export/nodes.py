"""Nodes and constants of an ONNX graph in the making.

onnx ships partial types: this is its one wrapper. Names inside begin with "_", which no feature's name does.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportAttributeAccessIssue=false, reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from maintainer.families.encoder import TableEncoder

OPSET, OPSET_ML, IR = 18, 3, 9  # old enough for every runtime in use, new enough for all that is needed
ML = "ai.onnx.ml"
FLOAT, DOUBLE, STRING = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.STRING


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into one file."""

    version: str
    encoder: TableEncoder
    features: Mapping[str, str]  # name -> "number" or "category", in the order of the schema
    weights: Mapping[str, NDArray[np.float32]]


class Graph:
    """Each method returns the name of what it made."""

    def __init__(self, weights: Mapping[str, NDArray[np.float32]]) -> None:
        self.weights = weights
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add an array under a name that is free."""
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), f"_{name}"))
        return f"_{name}"

    def double(self, name: str, value: Any) -> str:
        """Add numbers in double."""
        return self.constant(name, np.array(value, np.float64))

    def places(self, name: str, *value: int) -> str:
        """Add whole numbers: axes, sizes, indices."""
        return self.constant(name, np.array(value, np.int64))

    def weight(self, name: str) -> str:
        """Add a weight of the network under its own name."""
        return self.constant(name, self.weights[name])

    def node(self, kind: str, *inputs: str, out: str | None = None, domain: str = "", **attributes: Any) -> str:
        """Add an operation with one output."""
        output = out or f"_{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output

    def linear(self, name: str, given: str) -> str:
        """Add the Linear `name` on (n, i) rows."""
        return self.node("Gemm", given, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"), transB=1)

    def silu(self, given: str) -> str:
        """Add x sigmoid(x)."""
        return self.node("Mul", given, self.node("Sigmoid", given))


def value(name: str, kind: int, *shape: str | int) -> ValueInfoProto:
    """Return an input or output of a graph."""
    return helper.make_tensor_value_info(name, kind, list(shape))


def serialised(
    graph: Graph, inputs: Sequence[ValueInfoProto], outputs: Sequence[ValueInfoProto], props: Mapping[str, str]
) -> bytes:
    """Return the model with its metadata, checked."""
    made = helper.make_graph(graph.nodes, "maintainer", list(inputs), list(outputs), graph.constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, OPSET_ML)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=IR, producer_name="maintainer")
    helper.set_model_props(model, dict(props))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)
