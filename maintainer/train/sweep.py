"""Which point of the frontier becomes the challenger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite, sqrt
from statistics import fmean

from maintainer.domain.metrics import lost
from maintainer.domain.phase import FrontierPoint

ALPHAS = tuple(step / 10 for step in range(11))


def sweep(
    measure: Callable[[float], tuple[float, float | None]],  # alpha -> main metric on new, on former data
    alphas: Sequence[float],
    metric: str,
    budget: float,
    doubt: Callable[[float], float] | None = None,  # alpha -> standard error of what is lost on former data
) -> tuple[FrontierPoint, ...]:
    """Return the points theta(alpha) = (1 - alpha) champion + alpha tuned; the first alpha must be 0, the champion.

    Wortsman et al. 2022 (WiSE-FT), eq. 1, https://arxiv.org/abs/2109.01903. Without former data the budget is met.
    With few, one wrong answer more can be worth more than all of it: a point is outside where it is by more than one
    standard error; a budget of zero is meant as it is said.
    """
    figures = [(alpha, *measure(alpha)) for alpha in alphas]  # points without a finite figure are left out
    before = figures[0][2]
    return tuple(
        FrontierPoint(
            alpha=alpha,
            new=new,
            former=former,
            inside_budget=former is None
            or before is None
            or lost(metric, before, former) <= budget + (doubt(alpha) if doubt and budget else 0.0),
        )
        for alpha, new, former in figures
        if isfinite(new) and (former is None or isfinite(former))
    )


def doubt_of(metric: str, before: Sequence[float], after: Sequence[float]) -> float:
    """Return the standard error of the loss between two models, from their metrics without one stretch at a time.

    Delete-a-group jackknife: sqrt((g - 1) / g sum_i (d_i - mean d)^2), Efron & Stein 1981,
    https://doi.org/10.1214/aos/1176345462. Stretches of time keep together what depends on each other.
    """
    losses = [lost(metric, a, b) for a, b in zip(before, after, strict=True) if isfinite(a) and isfinite(b)]
    if len(losses) < 2:
        return 0.0
    middle = fmean(losses)
    return sqrt((len(losses) - 1) / len(losses) * sum((loss - middle) ** 2 for loss in losses))


def choose(points: Sequence[FrontierPoint], metric: str) -> FrontierPoint:
    """Return the point that is best on new data among those inside the budget; the smallest alpha of equals."""
    start = points[0]
    allowed = [point for point in points if point.inside_budget]
    return min(allowed, key=lambda point: (lost(metric, start.new, point.new), point.alpha))


def why_not(points: Sequence[FrontierPoint], metric: str, budget: float) -> str:
    """Return in words, with figures, why the champion itself is the best point."""
    start = points[0]
    freest = min(points, key=lambda point: (lost(metric, start.new, point.new), point.alpha))
    if freest.alpha == 0:
        return f"no challenger beats the champion's {metric} of {start.new:.4f} on new data"
    return (
        f"no challenger gains on new data within the forgetting budget of {budget:g}: alpha {freest.alpha:g} would "
        f"take {metric} from {start.new:.4f} to {freest.new:.4f} on new data, but from {start.former or 0:.4f} to "
        f"{freest.former or 0:.4f} on former data"
    )
