"""Numbers far outside the bulk of their column."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.phase import CareRow
from maintainer.families.table import Samples
from maintainer.train.care.cared import Cared, learning, named, only, place
from maintainer.train.situation import Parts

FENCE = 3.0  # interquartile ranges beyond the quartiles: the outer fences of Tukey, Exploratory Data Analysis, 1977
MOST = 0.1  # largest share of the samples that is left out: more are no outliers, but heavy tails

Fences = dict[str, tuple[float, float]]


def without_outliers(parts: Parts, how: Literal["drop", "clip"]) -> Cared:
    """Return the parts with outliers left out, or moved to the fence; missing numbers are none.

    The fences are those of new and former samples together, so that a drift of the new ones does not make outliers of
    them all. A column half of whose numbers are one has no fences.
    """
    table = learning(parts)
    limits = fences(table)
    outside = {name: (table.numbers[name] < low) | (table.numbers[name] > high) for name, (low, high) in limits.items()}
    hit = np.any([np.zeros(table.size, np.bool_), *outside.values()], axis=0)
    notes: tuple[str, ...] = ()
    if how == "drop" and hit.sum() > MOST * table.size:
        notes = (f"{hit.sum()} of {table.size} samples have outliers: so many are no mistakes, all were kept",)
    action: Literal["dropped", "clipped", "kept"] = "clipped" if how == "clip" else "kept" if notes else "dropped"
    rows = tuple(
        CareRow(
            sample=named(table, row),
            part=place(parts, row),
            finding="outlier",
            action=action,
            why=_told(table, row, {name: limits[name] for name, mask in outside.items() if mask[row]}),
        )
        for row in np.flatnonzero(hit).tolist()
    )
    if action == "clipped":
        parts = replace(parts, new=_clipped(parts.new, limits), former=_clipped(parts.former, limits))
    return Cared(only(parts, ~hit) if action == "dropped" else parts, rows, notes)


def fences(samples: Samples) -> Fences:
    """Return the lowest and the highest number of each column that is no outlier."""
    return {name: found for name, column in samples.numbers.items() if (found := _fence(column)) is not None}


def _fence(column: NDArray[np.float64]) -> tuple[float, float] | None:
    finite = column[np.isfinite(column)]
    if not finite.size:
        return None
    low, high = (float(edge) for edge in np.quantile(finite, (0.25, 0.75)))
    reach = FENCE * (high - low)
    return (low - reach, high + reach) if reach > 0 and np.isfinite(reach) else None


def _clipped(samples: Samples, limits: Fences) -> Samples:
    moved = {name: np.clip(samples.numbers[name], low, high) for name, (low, high) in limits.items()}
    return replace(samples, numbers=samples.numbers | moved)


def _told(table: Samples, row: int, limits: Fences) -> str:
    found = (f"{name} is {table.numbers[name][row]:g}, outside {a:g} to {b:g}" for name, (a, b) in limits.items())
    return "; ".join(found)
