"""The words of texts: how their shares have moved, and how many are not among those of the reference.

A word comes with others of its text, so what chance alone scores is found by dealing whole texts anew.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
# scipy ships no types.

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import gamma

from maintainer.domain.evidence import DriftScore
from maintainer.monitor import chance, novelty
from maintainer.monitor.frames import Values

WORD = re.compile(r"\w+")
WORDS = 256  # of a text that are looked at
LISTED = 20_000  # different words; rarer ones are not told apart
DRAWS = 100
THRESHOLD = 0.1


def scores(column: str, reference: Sequence[str], current: Sequence[str], level: float) -> tuple[DriftScore, ...]:
    """Return the drift of the vocabulary and the share of words unknown to the reference; none without any words."""
    counts, before = _counted(reference, current)
    if counts is None or not counts[:before].sum() or not counts[before:].sum():
        return ()
    rng = np.random.default_rng(0)
    size = counts.shape[0]
    own = np.arange(size)[None, :] >= before
    dealt = rng.permuted(np.tile(own, (DRAWS, 1)), axis=1)
    moved, unseen = _measured(counts, own)
    by_chance = _measured(counts, dealt)
    floors = [_tail(drawn, level) for drawn in by_chance]
    return (
        DriftScore(column, "vocabulary", "jensenshannon", float(moved[0]), THRESHOLD, None, floors[0]),
        DriftScore(column, "unseen", "new words", float(unseen[0]), novelty.THRESHOLD, None, floors[1]),
    )


def words_of(text: str) -> list[str]:
    """Return the first words of a text in lower case."""
    return [found.group() for found in islice(WORD.finditer(text.lower()), WORDS)]


def _counted(reference: Sequence[str], current: Sequence[str]) -> tuple[Any, int]:
    """Return how often each text has each word (n, v), the last for all rare ones; None where there are no words."""
    spelt = [words_of(text) for text in (*reference, *current)]
    known = Counter(word for words in spelt for word in words)
    places = {word: place for place, (word, _) in enumerate(known.most_common(LISTED))}
    if not places:
        return None, len(reference)
    rows = np.repeat(np.arange(len(spelt)), [len(words) for words in spelt])
    columns = [places.get(word, len(places)) for words in spelt for word in words]
    shape = (len(spelt), len(places) + 1)
    return csr_matrix((np.ones(len(columns)), (rows, columns)), shape=shape), len(reference)


def _measured(counts: Any, current: Values) -> tuple[Values, Values]:
    """Return for each of (k, n) choices of the current texts the Jensen-Shannon distance and the unknown share."""
    now = np.asarray((counts.T @ current.T.astype(np.float64)).T)  # (k, v)
    was = np.asarray(counts.sum(axis=0)).ravel() - now
    totals = [np.maximum(side.sum(axis=1, keepdims=True), 1.0) for side in (was, now)]
    unknown = np.where(was == 0, now, 0.0).sum(axis=1) / totals[1][:, 0]
    return chance.scores("jensenshannon", was / totals[0], now / totals[1]), unknown


def _tail(drawn: Values, level: float) -> float:
    """Return what is passed with probability `level`: of the gamma distribution with the mean and variance drawn."""
    mean, variance = float(drawn.mean()), float(drawn.var())
    if variance <= (1e-9 * mean) ** 2 or mean <= 0.0:
        return float(drawn.max())
    return float(gamma.isf(level, mean**2 / variance, scale=variance / mean))
