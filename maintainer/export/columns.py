"""The first half of the graph: columns of raw values to what a network takes, as families/encoder.py codes them."""

from __future__ import annotations

from maintainer.export.nodes import FLOAT, ML, Graph
from maintainer.families.encoder import FIRST, HEIGHT, LINEAR, MISSING, MOST, UNKNOWN, TableEncoder


def embedded(graph: Graph, encoder: TableEncoder) -> list[str]:
    """Look up each category (n,) and its embedding (n, width)."""
    parts: list[str] = []
    for place, code in enumerate(encoder.categories):
        keys = ["", *code.vocabulary]
        codes = graph.node(
            "LabelEncoder",
            code.name,
            domain=ML,
            keys_strings=keys,
            values_int64s=[MISSING, *range(FIRST, code.codes)],
            default_int64=UNKNOWN,
        )
        parts.append(graph.node("Gather", graph.weight(f"embeddings.{place}.weight"), codes, axis=0))
    return parts


def standardised(graph: Graph, encoder: TableEncoder, axis: str) -> list[str]:
    """Return squashed deviations and missing indicators, both (n, k), and ramps (n, r), computed in double."""
    if not encoder.numbers:
        return []
    columns = [graph.node("Unsqueeze", code.name, axis) for code in encoder.numbers]
    raw = graph.node("Concat", *columns, axis=1)
    missing = graph.node("IsNaN", raw)
    zero, one = (graph.double(name, value) for name, value in (("zero", 0.0), ("one", 1.0)))
    middles = graph.double("middles", [[code.middle for code in encoder.numbers]])
    scales = graph.double("scales", [[code.scale for code in encoder.numbers]])
    deviations = _squashed(graph, graph.node("Div", graph.node("Sub", raw, middles), scales), zero, one)
    parts = [graph.node("Where", missing, zero, deviations), missing]
    if any(code.ramps for code in encoder.numbers):
        parts.append(_ramps(graph, encoder, graph.node("Where", missing, zero, raw), missing))
    return [graph.node("Cast", part, to=FLOAT) for part in parts]


def _squashed(graph: Graph, deviations: str, zero: str, one: str) -> str:
    """Return `encoder.squash` of (n, k) deviations."""
    linear = graph.double("linear", LINEAR)
    size = graph.node("Abs", deviations)
    beyond = graph.node("Max", graph.node("Sub", size, linear), zero)
    total = graph.node("Add", graph.node("Min", size, linear), graph.node("Log", graph.node("Add", beyond, one)))
    held = graph.node("Min", total, graph.double("most", MOST))
    return graph.node("Mul", graph.node("Sign", deviations), held)


def _ramps(graph: Graph, encoder: TableEncoder, raw: str, missing: str) -> str:
    """Return the ramps (n, r) of all columns, zero where a number is missing."""
    spans = [(place, *span) for place, code in enumerate(encoder.numbers) for span in code.spans]
    places = graph.places("ramp_columns", *(place for place, _, _, _ in spans))
    lows = graph.double("ramp_lows", [[low for _, low, _, _ in spans]])
    widths = graph.double("ramp_widths", [[high - low for _, low, high, _ in spans]])
    zeros = graph.double("ramp_zeros", [[zero for _, _, _, zero in spans]])
    value = graph.node("Gather", raw, places, axis=1)
    way = graph.node("Div", graph.node("Sub", value, lows), widths)
    low, high = (graph.double(name, limit) for name, limit in (("ramp_least", 0.0), ("ramp_most", 1.0)))
    held = graph.node("Sub", graph.node("Clip", way, low, high), zeros)
    high_as = graph.node("Mul", held, graph.double("ramp_height", HEIGHT))
    return graph.node("Where", graph.node("Gather", missing, places, axis=1), low, high_as)
