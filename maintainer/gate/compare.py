"""How much better one model is than another on one holdout, with bounds, in any metric of the task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maintainer.domain.policy import ComparedMetric
from maintainer.domain.statistics import Resampling, bootstrap, mcnemar, tango
from maintainer.gate.figures import Answered, Floats, Pairs
from maintainer.gate.terms import gains, terms, value


@dataclass(frozen=True, slots=True)
class Comparison:
    """A gain in one metric: in points of it, but for mae and rmse as a share of the former value."""

    metric: ComparedMetric
    before: float
    after: float
    gain: float  # positive is better
    low: float  # bounds of the gain, each one-sided at the confidence asked for
    high: float
    n: int
    p: float | None  # McNemar's, for accuracy

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the bounds; None where there are too few samples for any."""
        return (self.low, self.high) if np.isfinite([self.low, self.high]).all() else None


def compare(metric: ComparedMetric, pairs: Pairs, former: Answered, how: Resampling) -> Comparison:
    """Return how much better the challenger is than `former`; needs at least one sample.

    The bounds are the blocked bootstrap's. For accuracy Tango's count as well and the wider side is taken: Tango's hold
    with few flips and take pairs to be independent, the bootstrap's hold where neighbours in time err together.
    """
    old, new = terms(metric, pairs.labels, former), terms(metric, pairs.labels, pairs.challenger)
    split = old.shape[1]

    def gain(means: Floats) -> Floats:
        return gains(metric, value(metric, means[:, :split]), value(metric, means[:, split:]))

    both = np.concatenate([old, new], axis=1)
    mean = both.mean(axis=0, keepdims=True)
    low, high = bootstrap(both, gain, how)
    p = None
    if metric == "accuracy":
        only_old, only_new = int(np.sum(old > new)), int(np.sum(new > old))
        p = mcnemar(only_old, only_new)
        exact = tango(only_old, only_new, pairs.n, how.confidence)
        low, high = min(max(low, -1.0), exact[0]), max(min(high, 1.0), exact[1])
    return Comparison(
        metric,
        before=float(value(metric, mean[:, :split])[0]),
        after=float(value(metric, mean[:, split:])[0]),
        gain=float(gain(mean)[0]),
        low=low,
        high=high,
        n=pairs.n,
        p=p,
    )
