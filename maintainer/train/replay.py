"""Which rows each batch is made of: new samples, and former ones to rehearse."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
TOGETHER = 16  # batches whose rows are sorted by length, so that little of a batch is padding


def parts(batch: int, share: float, former: int) -> tuple[int, int]:
    """Return how many new and how many replayed rows a batch of `batch` rows has.

    At least one is new, and no former row comes twice: a handful of them must not be half of every batch.
    """
    replayed = min(round(batch * share), batch - 1, former)
    return batch - replayed, replayed


def passes(size: int, take: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Yield `take` of `size` rows for ever; no row comes again before all others came (a fresh order each pass)."""
    queue = np.zeros(0, np.int64)
    while True:
        while queue.size < take:
            queue = np.concatenate([queue, rng.permutation(size)])
        yield queue[:take]
        queue = queue[take:]


def epoch(
    new: int, batch: int, rehearsal: Iterator[Rows] | None, rng: np.random.Generator, lengths: Rows | None = None
) -> Iterator[Rows]:
    """Yield the batches of one pass over `new` rows, `batch` of them at a time, each with its rehearsal behind it.

    Former rows are numbered on from `new`. The last batch is short where `new` does not divide; it rehearses in
    proportion. With `lengths` (of all rows, former ones included) a batch has rows of like length.
    """
    order = rng.permutation(new)
    together = batch if lengths is None else batch * TOGETHER
    for start in range(0, new, together):
        fresh = order[start : start + together]
        size = -(-len(fresh) // batch)
        former = _rehearsed(rehearsal, len(fresh), batch, new)
        if lengths is not None:
            fresh, former = (rows[np.argsort(lengths[rows], kind="stable")] for rows in (fresh, former))
        early = np.minimum(np.arange(size + 1) * batch, len(fresh))
        late = np.linspace(0, len(former), size + 1).astype(np.int64)
        for place in range(size) if lengths is None else rng.permutation(size):
            yield np.concatenate([fresh[early[place] : early[place + 1]], former[late[place] : late[place + 1]]])


def _rehearsed(rehearsal: Iterator[Rows] | None, fresh: int, batch: int, first: int) -> Rows:
    """Return the former rows that go with `fresh` new ones, in proportion where these do not fill a batch."""
    if rehearsal is None:
        return np.zeros(0, np.int64)
    whole, rest = divmod(fresh, batch)
    drawn = [next(rehearsal) for _ in range(whole)]
    if rest:
        former = next(rehearsal)
        drawn.append(former[: max(1, round(len(former) * rest / batch))])
    return first + np.concatenate(drawn)
