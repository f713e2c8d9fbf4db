"""What a label on a sample would be worth, by the champion's answer or by the columns that moved. Pure numpy.

Shapes: n samples, c classes. More is worth more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CELLS = 20  # quantiles that a number is cut into


def margin(probabilities: Floats) -> Floats:
    """Return (n,) one minus how far the likeliest class is ahead of the next, 0..1.

    Scheffer et al. 2001, https://doi.org/10.1007/3-540-44816-0_31.
    """
    best = np.sort(probabilities, axis=1)
    return 1.0 - (best[:, -1] - best[:, -2])


def entropy(probabilities: Floats) -> Floats:
    """Return the (n,) entropy of the answer as a share of the most there can be, 0..1.

    Settles 2009, section 3.1, http://digital.library.wisc.edu/1793/60660.
    """
    inner = np.where(probabilities > 0, probabilities * np.log(np.maximum(probabilities, 1e-300)), 0.0)
    return -inner.sum(axis=1) / np.log(probabilities.shape[1])


def moved(
    columns: Mapping[str, float],  # column that has drifted -> its weight
    reference: Mapping[str, NDArray[Any]],  # column -> (r,) values; None or NaN is missing
    current: Mapping[str, NDArray[Any]],  # column -> (m,)
    samples: Mapping[str, NDArray[Any]],  # column -> (n,)
) -> Floats:
    """Return (n,) how much commoner a sample's values have become: weighted bits, summed over the columns.

    A column adds log2 of the share of the value's cell now over that in the reference, and nothing where the cell has
    become rarer. Cells are quantiles of both windows together, or categories; missing is a cell.
    """
    total: Floats = np.zeros(len(next(iter(samples.values()))))
    for name, weight in columns.items():
        was, now, mine = _cells(reference[name], current[name], samples[name])
        size = int(max(was.max(initial=0), now.max(initial=0), mine.max(initial=0))) + 1
        before, after = ((np.bincount(cells, minlength=size) + 0.5) / (cells.size + 0.5 * size) for cells in (was, now))
        total += weight * np.maximum(np.log2(after / before), 0.0)[mine]
    return total


def _cells(*parts: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the cell of each value; 0 is missing."""
    if all(part.dtype.kind in "fiu" for part in parts):
        numbers = np.concatenate(parts[:2]).astype(np.float64)
        inner = np.linspace(0, 1, CELLS + 1)[1:-1]
        known = numbers[np.isfinite(numbers)]
        edges = np.unique(np.quantile(known, inner)) if known.size else np.zeros(0)
        first, second, third = (
            np.where(np.isfinite(v := part.astype(np.float64)), np.searchsorted(edges, v, side="right") + 1, 0)
            for part in parts
        )
        return first, second, third
    names = {name: place for place, name in enumerate(sorted({str(v) for p in parts for v in p if v is not None}), 1)}
    one, two, three = (np.array([0 if v is None else names[str(v)] for v in part], np.int64) for part in parts)
    return one, two, three


def ranks(worth: Floats) -> NDArray[np.int64]:
    """Return (n,) the place of each sample, the one that is worth most at 0; of equals the first is before."""
    places = np.empty(worth.size, np.int64)
    places[np.argsort(-worth, kind="stable")] = np.arange(worth.size)
    return places
