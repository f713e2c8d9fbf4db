"""When did the errors of a model become more, or fewer? A sequential test on the stream of its labelled answers.

Every STEP errors the newest ones are held against those before them, at cuts a factor of the square root of two apart.
Under "nothing has changed" the errors come in any order with one probability, whatever their rate: the number of them
among the newest is hypergeometric, and its tail is exact (Fisher 1935). The level is shared out over all looks that
HORIZON errors allow and over the cuts of each (Bonferroni), so of streams of independent errors a share of `level` at
most ever gives a false alarm. The cuts are like those of ADWIN (Bifet & Gavalda 2007,
https://doi.org/10.1137/1.9781611972771.42), whose bounds hold for any bounded value and are wider.

Errors that come in bursts count as fewer (see `design_effect`); then the level holds about.
"""
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# scipy ships no types.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, log

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from maintainer.domain.statistics import design_effect

STEP = 32  # errors between two looks, and the fewest on either side of a cut
HORIZON = 40_960  # most errors of a stream that are looked at, the newest
LEVEL = 0.02  # probability of any false alarm in a stream of independent errors, half for more and half for fewer
SLACK = 6.0  # nats by which the logarithm of the tail may lie under minus the likelihood ratio

Errors = NDArray[np.bool_]  # (n,) whether an answer was wrong, in order of event time
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cut:
    """A change between two errors of a stream."""

    place: int  # errors before it
    noticed: int  # errors that had been seen when it was found


@dataclass(frozen=True, slots=True)
class Look:
    """What is held against each other in one look: the newest errors, at k cuts, and all since the last change."""

    n: int  # errors since the last change
    wrong: int  # wrong among them
    newest: Counts  # (k,) sizes of the newest part
    hits: Counts  # (k,) wrong among the newest

    def thinned(self, by: float) -> Look:
        """Return the look at one in `by` errors, as if they were all there was."""
        n, newest = max(2, round(self.n / by)), np.maximum(1, np.rint(self.newest / by)).astype(np.int64)
        hits = np.minimum(np.rint(self.hits / by).astype(np.int64), newest)
        return Look(n, min(n, max(round(self.wrong / by), int(hits.max(initial=0)))), np.minimum(newest, n - 1), hits)


def changes(errors: Errors, level: float = LEVEL) -> list[Cut]:
    """Return every change in the newest HORIZON of n errors, oldest first; deterministic."""
    dropped = max(0, errors.size - HORIZON)
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(errors[dropped:], dtype=np.int64)])
    found: list[Cut] = []
    start, looks = 0, HORIZON // STEP
    for end in range(2 * STEP, sums.size, STEP):
        if end - start < 2 * STEP:
            continue
        limit = log(level / 2.0 / looks)
        if _differs(sums, start, end, limit):
            place = _likeliest(sums, start, end)
            found.append(Cut(dropped + place, dropped + end))
            start = place
    return found


def _differs(sums: Counts, start: int, end: int, limit: float) -> bool:
    """Return whether the newest errors differ from those before at any cut; `limit` is a logarithm, shared by cuts."""
    newest = np.fromiter(_sizes(end - start), np.int64)
    look = Look(end - start, int(sums[end] - sums[start]), newest, sums[end] - sums[end - newest])
    each = limit - log(newest.size)
    worth = likelihood_ratio(look) >= -each - SLACK
    if not worth.any():
        return False
    tails = log_tails(Look(look.n, look.wrong, look.newest[worth], look.hits[worth]))
    passed = np.flatnonzero(tails <= each)
    if not passed.size:
        return False
    by = _effect(sums, start, end, _likeliest(sums, start, end))
    return by <= 1.0 or bool((log_tails(look.thinned(by)) <= each).any())


def _sizes(n: int) -> Iterator[int]:
    """Yield sizes of the newest part: STEP times powers of the square root of two; STEP are left before it."""
    for power in range(64):
        size = round(STEP * 2 ** (power / 2))
        if size > n - STEP:
            return
        yield size


def likelihood_ratio(look: Look) -> NDArray[np.float64]:
    """Return (k,) logarithms of how much likelier two rates make the errors than one."""
    before, missed = look.n - look.newest, look.wrong - look.hits
    return (
        _likelihood(look.hits, look.newest)
        + _likelihood(missed, before)
        - _likelihood(np.full(1, look.wrong), np.full(1, look.n))
    )


def _likelihood(hits: Counts, n: Counts) -> NDArray[np.float64]:
    share = hits / n
    return xlogy(hits, share) + xlogy(n - hits, 1.0 - share)


def log_tails(look: Look) -> NDArray[np.float64]:
    """Return (k,) logarithms of the chance of as many hits or more among the newest, or as few or fewer.

    The smaller of both; Fisher's exact test of each side by itself.
    """
    each = zip(look.newest.tolist(), look.hits.tolist(), strict=True)
    return np.array([_log_tail(look.n, look.wrong, size, hits) for size, hits in each])


def _log_tail(n: int, wrong: int, size: int, hits: int) -> float:
    rising = hits * n >= wrong * size
    last = min(size, wrong) if rising else max(0, size + wrong - n)
    counts = np.arange(min(hits, last), max(hits, last) + 1)
    terms = _choose(wrong, counts) + _choose(n - wrong, size - counts) - _choose(n, np.full(1, size))
    return min(0.0, float(np.max(terms) + np.log(np.sum(np.exp(terms - np.max(terms))))))


def _choose(n: int, k: Counts) -> NDArray[np.float64]:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _likeliest(sums: Counts, start: int, end: int) -> int:
    """Return the cut that makes the errors likeliest: the estimate of when the change was."""
    newest = np.arange(1, end - start, dtype=np.int64)
    look = Look(end - start, int(sums[end] - sums[start]), newest, sums[end] - sums[end - newest])
    return end - int(newest[np.argmax(likelihood_ratio(look))])


def _effect(sums: Counts, start: int, end: int, place: int) -> float:
    """Return the design effect of the errors around their two rates."""
    errors = np.diff(sums[start : end + 1]).astype(np.float64)
    cut = place - start
    errors[:cut] -= errors[:cut].mean()
    errors[cut:] -= errors[cut:].mean()
    found = design_effect(errors)
    return found if ceil(errors.size / found) >= 4 else 1.0
