"""The histogram of a column in both windows, for people to look at."""

from __future__ import annotations

from itertools import pairwise
from math import floor, log10

import numpy as np

from maintainer.domain.evidence import Histogram
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import ColumnKind
from maintainer.monitor.frames import OTHER, Values, aligned, shares, spread

BINS = 20


def chart(reference: ColumnCounts, current: ColumnCounts) -> Histogram | None:
    """Return the shares of both windows in at most 20 bins or values; None where a window has no values."""
    if not reference.present or not current.present:
        return None
    if reference.kind is ColumnKind.NUMBER and (reference.rest or current.rest):
        return _in_bins(reference, current)
    names, before, now = aligned(reference, current)
    if reference.kind is ColumnKind.NUMBER and len(names) > BINS:
        return _in_bins(reference, current)
    parts = np.stack([before / before.sum(), now / now.sum()])
    order = _order(names, parts, reference.kind)
    if reference.kind is ColumnKind.NUMBER:
        names = [name if name == OTHER else f"{float(name):.12g}" for name in names]
    return _by_value(names, parts, order)


def _order(names: list[str], parts: Values, kind: ColumnKind) -> list[int]:
    """Return the places of the named values: numbers ascend, categories begin with the most frequent."""
    places = [place for place, name in enumerate(names) if name != OTHER]
    if kind is ColumnKind.NUMBER:
        return sorted(places, key=lambda place: float(names[place]))
    total: list[float] = parts.sum(axis=0).tolist()
    return sorted(places, key=lambda place: -total[place])


def _by_value(names: list[str], parts: Values, order: list[int]) -> Histogram:
    """Show the first values in order; what is left over is (other)."""
    whole = len(order) == len(names) <= BINS
    shown = order if whole else order[: BINS - 1]
    labels = tuple(names[place] for place in shown)
    picked = parts[:, shown]
    if not whole:
        labels = (*labels, OTHER)
        picked = np.concatenate([picked, np.clip(1.0 - picked.sum(axis=1, keepdims=True), 0.0, 1.0)], axis=1)
    return Histogram(labels, tuple(picked[0].tolist()), tuple(picked[1].tolist()))


def _in_bins(reference: ColumnCounts, current: ColumnCounts) -> Histogram:
    """Cut the central 99 % of both windows into bins of equal width; the outermost two are open."""
    shapes = [spread(reference), spread(current)]
    ends = [np.interp([0.005, 0.995], shape.ranks, shape.values) for shape in shapes]
    low, high = float(min(end[0] for end in ends)), float(max(end[1] for end in ends))
    inner: Values = np.linspace(low, high, BINS - 1) if high > low else np.asarray([low])
    parts = [np.diff(np.concatenate([[0.0], shares(shape, inner), [1.0]])) for shape in shapes]
    names = _edge_names(inner.tolist())
    labels = (f"below {names[0]}", *(f"{start} to {end}" for start, end in pairwise(names)), f"from {names[-1]}")
    return Histogram(labels, tuple(parts[0].tolist()), tuple(parts[1].tolist()))


def _edge_names(edges: list[float]) -> list[str]:
    """Return edges to two digits of the width of their bins, so that neighbours differ however far from zero they lie.

    A bin without width (all values are the same) is named to fifteen digits.
    """
    width = edges[-1] - edges[0] if len(edges) > 1 else 0.0
    decimals = 1 - floor(log10(width / (len(edges) - 1))) if width > 0 else None
    return [f"{edge if decimals is None else round(edge, decimals) + 0.0:.15g}" for edge in edges]
