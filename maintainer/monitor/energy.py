"""Whether two clouds of vectors differ: the energy distance, with a p-value from blocks of time dealt anew.

E = 2 E|X - Y| - E|X - X'| - E|Y - Y'| is zero for equal distributions only; E / (2 E|X - Y|) lies in 0..1. Székely &
Rizzo 2013, https://doi.org/10.1016/j.jspi.2013.03.018.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.kinds import Together
from maintainer.monitor.frames import Values, Whole

BLOCKS = 24  # of time in each window; they are dealt whole
DEALT = 999
LEAST = 2 * BLOCKS  # vectors of a window


def compare(reference: Values, current: Values, method: str, seed: int = 0) -> Together | None:
    """Return how far (n, d) vectors, oldest first, are from (m, d) ones; None where either are fewer than LEAST."""
    sizes = len(reference), len(current)
    if min(sizes) < LEAST:
        return None
    apart = _distances(np.concatenate([reference, current]))
    block = np.concatenate([np.arange(size) * BLOCKS // size + BLOCKS * side for side, size in enumerate(sizes)])
    within = _between_blocks(apart, block)
    rows = np.bincount(block).astype(np.float64)
    found, shape = _energy(within, rows, np.arange(2 * BLOCKS)[None, :] >= BLOCKS)
    rng = np.random.default_rng(seed)
    dealt = rng.permuted(np.tile(np.arange(2 * BLOCKS) >= BLOCKS, (DEALT, 1)), axis=1)
    chance = _energy(within, rows, dealt)[0]
    reached = int((chance >= found[0] - 1e-12).sum())
    return Together("drift.embedding", method, float(shape[0]), (1 + reached) / (1 + DEALT), sizes)


def _distances(vectors: Values) -> Values:
    """Return the (n, n) distances."""
    squares = np.square(vectors).sum(axis=1)
    return np.sqrt(np.clip(squares[:, None] + squares - 2.0 * vectors @ vectors.T, 0.0, None))


def _between_blocks(apart: Values, block: Whole) -> Values:
    """Return the (b, b) sums of distances between blocks."""
    starts: Whole = np.unique(block, return_index=True)[1]
    return np.add.reduceat(np.add.reduceat(apart, starts, axis=0), starts, axis=1)


def _energy(within: Values, rows: Values, current: NDArray[np.bool_]) -> tuple[Values, Values]:
    """Return for each of (k, b) choices of the current blocks n m / (n + m) E and E / (2 E|X - Y|)."""
    now = current.astype(np.float64)
    was = 1.0 - now
    n, m = was @ rows, now @ rows
    from_was, from_now = was @ within, now @ within
    cross = (from_was * now).sum(axis=1) / (n * m)
    own = (from_was * was).sum(axis=1) / n**2 + (from_now * now).sum(axis=1) / m**2
    energy = np.clip(2.0 * cross - own, 0.0, None)
    return energy * (n * m / (n + m)), energy / np.where(cross > 0, 2.0 * cross, 1.0)
