"""Thresholds that stable data pass no more often than a policy allows, over all columns and checks of a period.

The scores of every column are drawn together, sequence by sequence, as the checks of a period would see them
(`null.py`). Each score becomes the probability of one as high, by a gamma distribution with the mean and variance of
the drawn ones (`chance.py`); the smallest of all columns decides, so that columns which move together count once
(Westfall & Young 1993). The level is the one at which false alarms come at the rate of the budget. Checks that are past
it in windows which overlap are one alarm.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownParameterType=false
# scipy ships no types.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc, gammainccinv

from maintainer.monitor.null import Drawn, Plan, Tallied, places, scores

Values = NDArray[np.float64]

DRAWN = 4000  # checks in all
SEQUENCES = 100  # at least, each with a reference of its own
SPAN = 4  # windows that a sequence is long
SEEN = 20  # alarms on which a rate rests; rarer ones are extrapolated
OFTENEST = 0.2  # of the checks of stable data may be past a threshold, whatever the budget
MIDDLE, HIGH = 0.5, 0.95  # quantiles that are told
FAR = 3.0  # deviations at which an alarm is raised: for the correction of checks that are simulated more coarsely
GRID = 0.5826  # of a step's deviation: Broadie, Glasserman & Kou 1997, https://doi.org/10.1111/1467-9965.00035


@dataclass(frozen=True, slots=True)
class Budget:
    """The false alarms that are allowed."""

    alarms: float
    per_checks: float  # checks of the period
    finer: float = 1.0  # true checks in the time of a simulated one


@dataclass(frozen=True, slots=True)
class Shape:
    """The distribution of one score while nothing changes: score^power is Gamma(mean^2 / variance, variance / mean)."""

    mean: float
    variance: float
    power: float
    most: float

    def surprise(self, found: Values) -> Values:
        """Return -log of the probability of scores as high."""
        if self.still:
            return np.where(found > self.most, np.inf, 0.0)
        form, scale = self.mean**2 / self.variance, self.variance / self.mean
        return -np.log(np.maximum(gammaincc(form, found**self.power / scale), 1e-300))

    def score(self, level: float) -> float:
        """Return the score that is passed with probability `level`."""
        if self.still:
            return self.most
        form, scale = self.mean**2 / self.variance, self.variance / self.mean
        return float((gammainccinv(form, level) * scale) ** (1.0 / self.power))

    @property
    def still(self) -> bool:
        """Return whether the scores hardly vary."""
        return self.mean <= 0 or self.variance <= (1e-9 * self.mean) ** 2


@dataclass(frozen=True, slots=True)
class Threshold:
    """The calibrated threshold of one score, with quantiles of the score while nothing changes."""

    name: str
    kind: str
    threshold: float
    usual: tuple[float, float]  # its MIDDLE and its HIGH quantile


@dataclass(frozen=True, slots=True)
class Found:
    """The thresholds of a check."""

    each: tuple[Threshold, ...]
    level: float  # probability that stable data pass one threshold in one check
    rate: float  # alarms in the period that come with it


def plan_of(steps: int, window: int, stride: int) -> Plan:
    """Return the plan for a reference of so many steps."""
    apart = min(stride, window)
    checks = max(4, ceil(SPAN * window / apart))
    return Plan(steps, window, apart, checks, max(SEQUENCES, ceil(DRAWN / checks)))


def calibrate(tallies: Sequence[Tallied], plan: Plan, budget: Budget, seed: int = 0) -> Found:
    """Return the thresholds of the scores, at which alarms come as often as the budget says."""
    shapes: list[Shape] = []
    drawn: dict[int, Drawn] = {}  # block -> steps; columns with equal blocks move together
    worst: Values = np.zeros((plan.sequences, plan.checks))
    luck = np.random.default_rng([seed, 0])
    usual = int(np.median([tallied.block for tallied in tallies])) if tallies else 1  # each alone is an uncertain guess
    for tallied in tallies:
        block = max(tallied.block, usual)
        if block not in drawn:
            drawn[block] = places(plan, block, np.random.default_rng([seed, block]))
        found = scores(tallied, plan, drawn[block]) * _doubt(plan, block, luck)
        shape = shape_of(tallied.method, found)
        worst = np.maximum(worst, np.minimum(shape.surprise(found), 700.0))
        shapes.append(shape)
    allowed = budget.alarms / budget.per_checks * budget.finer * _coarse(plan, budget.finer)
    least, rate = _least(worst, plan, allowed)
    level = exp(-least)
    found = tuple(
        Threshold(t.name, t.kind, shape.score(level), (shape.score(1.0 - MIDDLE), shape.score(1.0 - HIGH)))
        for t, shape in zip(tallies, shapes, strict=True)
    )
    return Found(found, level, rate / allowed * budget.alarms)


def shape_of(method: str, found: Values) -> Shape:
    """Return the distribution that scores were drawn from."""
    power = 1.0 if method in ("psi", "kl_div") else 2.0
    form = found**power
    return Shape(float(form.mean()), float(form.var()), power, float(found.max(initial=0.0)))


def _doubt(plan: Plan, block: int, rng: np.random.Generator) -> Values:
    """Return (d, 1) factors by which scores may be larger than drawn: a reference of b blocks tells little of them.

    Its own mean takes up one of the blocks, and the variance of the rest is as uncertain as chi-squared with b - 1
    degrees of freedom: a score beyond what was drawn is judged as a t-statistic is.
    """
    free = max(plan.steps / block - 1.0, 1.0)
    return np.sqrt(plan.steps / max(plan.steps - block, 1) * free / rng.chisquare(free, (plan.sequences, 1)))


def _coarse(plan: Plan, finer: float) -> float:
    """Return the share of the alarms of true checks that simulated ones, which come more rarely, can see."""
    if finer <= 1.0:
        return 1.0
    step = sqrt(2.0 * plan.stride / plan.window)
    return exp(-FAR * GRID * step * (1.0 - sqrt(1.0 / finer)))


def _least(worst: Values, plan: Plan, allowed: float) -> tuple[float, float]:
    """Return the least surprise above which alarms are at most as frequent as allowed, and how frequent they are."""
    quiet = max(0, ceil(plan.window / plan.stride) - 1)  # checks after an alarm that see some of the same samples
    counted = plan.sequences * (plan.checks - quiet)
    wanted = max(allowed, SEEN / counted)
    ranked = np.quantile(worst, 1.0 - np.geomspace(OFTENEST, 1.0 / worst.size, 60))
    rates = np.array([_alarms(worst > value, quiet) / counted for value in ranked])
    above = np.flatnonzero(rates > wanted)
    place = int(above[-1]) + 1 if above.size else 0
    place = min(place, len(ranked) - 1)
    rarer = max(0.0, log(max(float(rates[place]), 1.0 / counted) / allowed))
    return float(ranked[place]) + rarer, min(float(rates[place]), allowed)


def _alarms(past: NDArray[np.bool_], quiet: int) -> int:
    """Return how many of the (d, checks) checks begin an alarm: past the level, and none shortly before."""
    upto = np.cumsum(past, axis=1)
    before = np.zeros_like(upto)
    before[:, 1:] = upto[:, :-1]
    earlier = np.zeros_like(upto)
    earlier[:, quiet + 1 :] = upto[:, : max(0, past.shape[1] - quiet - 1)]
    return int((past & (before == earlier))[:, quiet:].sum())
