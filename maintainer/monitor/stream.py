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
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from maintainer.domain.statistics import design_effect

STEP = 32  # errors between two looks, and the fewest on either side of a cut
HORIZON = 40_960  # most errors of a stream that are looked at, the newest
LEVEL = 0.02  # probability of any false alarm in a stream of independent errors, half for more and half for fewer
AROUND = 256  # errors on either side that tell the rate at one place
NEAR = 4096  # errors on either side of a cut that tell how they come in bursts
COARSE = 2048  # cuts tried at first, at most twice as many
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
    limit = log(level / 2.0 / (HORIZON // STEP))
    found: list[Cut] = []
    effects: dict[int, float] = {}
    start = 0
    for end in range(2 * STEP, sums.size, STEP):
        if end - start < 2 * STEP or not (look := _suspect(sums, (start, end), limit)):
            continue
        place = _likeliest(sums, start, end)
        if place not in effects:
            first = max(0, place - NEAR)
            effects[place] = design_effect(_detrended(sums[first : place + NEAR + 1], place - first))
        if effects[place] <= 1.0 or _differs(look.thinned(effects[place]), limit):
            found.append(Cut(dropped + place, dropped + end))
            start = place
    return found


def _suspect(sums: Counts, span: tuple[int, int], limit: float) -> Look | None:
    """Return the look at a span if the newest errors differ from those before them at any cut, were they independent.

    `limit` is a logarithm that the cuts share.
    """
    start, end = span
    newest = np.fromiter(_sizes(end - start), np.int64)
    look = Look(end - start, int(sums[end] - sums[start]), newest, sums[end] - sums[end - newest])
    worth = likelihood_ratio(look) >= log(newest.size) - limit - SLACK
    if not worth.any() or not _differs(look, limit, worth):
        return None
    return look


def _differs(look: Look, limit: float, worth: NDArray[np.bool_] | None = None) -> bool:
    """Return whether a tail passes the limit; only those `worth` it are computed."""
    chosen = slice(None) if worth is None else worth
    part = Look(look.n, look.wrong, look.newest[chosen], look.hits[chosen])
    return bool((log_tails(part) <= limit - log(look.newest.size)).any())


def _detrended(sums: Counts, place: int) -> NDArray[np.float64]:
    """Return (n,) errors less the mean of those around them on their side of a cut.

    What is left tells how errors come in bursts, whatever their rate is.
    """
    n = sums.size - 1
    places = np.arange(n)
    low = np.maximum(np.where(places < place, 0, place), places - AROUND)
    high = np.minimum(np.where(places < place, place, n), places + AROUND + 1)
    return np.diff(sums) - (sums[high] - sums[low]) / (high - low)


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
    far = round(10 * sqrt(size)) + 50  # terms; what is beyond them adds less than rounding does
    last = min(size, wrong, hits + far) if rising else max(0, size + wrong - n, hits - far)
    counts = np.arange(min(hits, last), max(hits, last) + 1)
    terms = _choose(wrong, counts) + _choose(n - wrong, size - counts) - _choose(n, np.full(1, size))
    return min(0.0, float(np.max(terms) + np.log(np.sum(np.exp(terms - np.max(terms))))))


def _choose(n: int, k: Counts) -> NDArray[np.float64]:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _likeliest(sums: Counts, start: int, end: int) -> int:
    """Return about the cut that makes the errors likeliest: the estimate of when the change was.

    Of a long stream some thousand cuts are tried, then all between the neighbours of the best.
    """
    n = end - start
    every = max(1, n // COARSE)
    best = _best(sums, (start, end), np.arange(every, n, every, dtype=np.int64))
    fine = np.arange(max(1, best - every), min(n, best + every + 1), dtype=np.int64)
    return end - (best if every == 1 else _best(sums, (start, end), fine))


def _best(sums: Counts, span: tuple[int, int], newest: Counts) -> int:
    start, end = span
    look = Look(end - start, int(sums[end] - sums[start]), newest, sums[end] - sums[end - newest])
    return int(newest[np.argmax(likelihood_ratio(look))])
