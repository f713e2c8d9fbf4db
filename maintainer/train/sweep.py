"""Which point of the frontier becomes the challenger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

from maintainer.domain.metrics import lost
from maintainer.domain.phase import FrontierPoint

ALPHAS = tuple(step / 10 for step in range(11))


def sweep(
    measure: Callable[[float], tuple[float, float | None]],  # alpha -> main metric on new, on former data
    alphas: Sequence[float],
    metric: str,
    budget: float,
) -> tuple[FrontierPoint, ...]:
    """Return the points theta(alpha) = (1 - alpha) champion + alpha tuned; the first alpha must be 0, the champion.

    Wortsman et al. 2022 (WiSE-FT), eq. 1, https://arxiv.org/abs/2109.01903. Without former data the budget is met.
    """
    figures = [(alpha, *measure(alpha)) for alpha in alphas]  # points without a finite figure are left out
    before = figures[0][2]
    return tuple(
        FrontierPoint(
            alpha=alpha,
            new=new,
            former=former,
            inside_budget=former is None or before is None or lost(metric, before, former) <= budget,
        )
        for alpha, new, former in figures
        if isfinite(new) and (former is None or isfinite(former))
    )


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
