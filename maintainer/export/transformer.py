"""The network of `ft-transformer` as a graph."""

from __future__ import annotations

import numpy as np

from maintainer.export import columns
from maintainer.export.nodes import Graph
from maintainer.families.ft_transformer import FtEncoder

EPSILON = 1e-5  # of torch's LayerNorm


def network(graph: Graph, encoder: FtEncoder, axis: str) -> str:
    """Return the answers (n, outputs)."""
    tokens = _tokens(graph, encoder, axis)
    for place in range(encoder.blocks):
        tokens = _block(graph, encoder, f"blocks.{place}", tokens)
    first = graph.node("Gather", tokens, graph.constant("first", np.array(0, np.int64)), axis=1)
    return graph.linear("head", graph.silu(_normed(graph, "norm", first)))


def _tokens(graph: Graph, encoder: FtEncoder, axis: str) -> str:
    """Return the token that asks and one for each column, (n, t, d)."""
    parts = columns.embedded(graph, encoder)
    if encoder.numbers:
        numbers = graph.node("Concat", *columns.standardised(graph, encoder, axis), axis=1)
        for place, at in enumerate(encoder.places):
            mine = graph.node("Gather", numbers, graph.places(f"numbers.{place}", *at), axis=1)
            parts.append(graph.linear(f"numbers.{place}", mine))
    rows = graph.node("Shape", parts[0], start=0, end=1)
    wide = graph.node("Concat", rows, graph.places("token", encoder.token), axis=0)
    asking = graph.node("Expand", graph.weight("asking.weight"), wide)
    return graph.node("Concat", *(graph.node("Unsqueeze", part, axis) for part in (asking, *parts)), axis=1)


def _block(graph: Graph, encoder: FtEncoder, name: str, tokens: str) -> str:
    """Return `ft_transformer.Block` of (n, t, d) tokens."""
    split = (0, 0, 3, encoder.heads, encoder.token // encoder.heads)
    mixed = graph.node(
        "Reshape",
        _mapped(graph, f"{name}.mixed", _normed(graph, f"{name}.before", tokens)),
        graph.places(f"{name}.split", *split),
    )
    parts = graph.node("Transpose", mixed, perm=[2, 0, 3, 1, 4])  # (3, n, heads, t, d / heads)
    query, key, values = (
        graph.node("Gather", parts, graph.constant(f"{name}.part{place}", np.array(place, np.int64)), axis=0)
        for place in range(3)
    )
    turned = graph.node("Transpose", key, perm=[0, 1, 3, 2])
    root = graph.constant(f"{name}.root", np.array((encoder.token // encoder.heads) ** 0.5, np.float32))
    weights = graph.node("Softmax", graph.node("Div", graph.node("MatMul", query, turned), root), axis=3)
    seen = graph.node("Transpose", graph.node("MatMul", weights, values), perm=[0, 2, 1, 3])
    joined = graph.node("Reshape", seen, graph.places(f"{name}.join", 0, 0, encoder.token))
    tokens = graph.node("Add", tokens, _mapped(graph, f"{name}.out", joined))
    hidden = graph.silu(_mapped(graph, f"{name}.widen", _normed(graph, f"{name}.between", tokens)))
    return graph.node("Add", tokens, _mapped(graph, f"{name}.narrow", hidden))


def _mapped(graph: Graph, name: str, given: str) -> str:
    """Return a Linear on each of (n, t, i) tokens."""
    weight = graph.constant(f"{name}.weight", graph.weights[f"{name}.weight"].T)
    return graph.node("Add", graph.node("MatMul", given, weight), graph.weight(f"{name}.bias"))


def _normed(graph: Graph, name: str, given: str) -> str:
    scale, bias = graph.weight(f"{name}.weight"), graph.weight(f"{name}.bias")
    return graph.node("LayerNormalization", given, scale, bias, axis=-1, epsilon=EPSILON)
