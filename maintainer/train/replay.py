"""Which rows each batch is made of: new samples, and former ones to rehearse."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def parts(batch: int, share: float, former: int) -> tuple[int, int]:
    """Return how many new and how many replayed rows a batch of `batch` rows has; at least one is new."""
    replayed = min(round(batch * share), batch - 1) if former else 0
    return batch - replayed, replayed


def passes(size: int, take: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Yield `take` of `size` rows for ever; no row comes again before all others came (a fresh order each pass)."""
    queue = np.zeros(0, np.int64)
    while True:
        while queue.size < take:
            queue = np.concatenate([queue, rng.permutation(size)])
        yield queue[:take]
        queue = queue[take:]


def epoch(new: int, batch: int, rehearsal: Iterator[Rows] | None, rng: np.random.Generator) -> Iterator[Rows]:
    """Yield the batches of one pass over `new` rows, `batch` of them at a time, each with its rehearsal behind it.

    Former rows are numbered on from `new`. The last batch is short where `new` does not divide; it rehearses in
    proportion.
    """
    order = rng.permutation(new)
    for start in range(0, new, batch):
        fresh = order[start : start + batch]
        if rehearsal is None:
            yield fresh
            continue
        former = next(rehearsal)
        keep = max(1, round(len(former) * len(fresh) / batch)) if len(former) else 0
        yield np.concatenate([fresh, new + former[:keep]])
