"""The frontier as a chart: what each challenger is on new data against what it kept of the former."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from maintainer.domain.phase import FrontierPoint
from maintainer.report import svg
from maintainer.report.svg import Frame, join, text
from maintainer.report.words import ALPHA, metric


@dataclass(frozen=True, slots=True)
class Frontier:
    """The points to draw, the one that was chosen, and the least (or most) that former data may come to."""

    metric: str
    points: tuple[FrontierPoint, ...]  # all with `former`
    chosen: float | None
    budget: float | None
    rising: bool  # higher is better


def frontier_chart(frontier: Frontier, width: int, height: int = 320) -> Markup:
    """Return the metric on new data (up) against the metric on former data (across), joined along alpha."""
    places = [(point.former or 0.0, point.new, point) for point in frontier.points]
    across = [x for x, _, _ in places] + ([frontier.budget] if frontier.budget is not None else [])
    plot = svg.frame(
        width, height, svg.padded(across, 0.1), svg.padded((y for _, y, _ in places), 0.16), svg.SECOND_ROW
    )
    parts = [_outside(plot, frontier), svg.y_axis(plot, f"{frontier.metric} on new data")]
    parts.append(svg.x_axis(plot, f"{frontier.metric} on former data", times=False))
    parts.append(svg.path([(plot.x.at(x), plot.y.at(y)) for x, y, _ in places], "line plain"))
    parts += [_place(plot, (x, y), point, point.alpha == frontier.chosen) for x, y, point in places]
    title = f"Frontier: {frontier.metric} on new against former data"
    words = "; ".join(f"alpha {p.alpha:g}: former {metric(x)}, new {metric(y)}" for x, y, p in places)
    return svg.drawing(width, height, title, words, join(parts))


def _outside(plot: Frame, frontier: Frontier) -> Markup:
    if frontier.budget is None:
        return Markup("")
    at = plot.x.at(frontier.budget)
    left, right = (plot.x.start, at) if frontier.rising else (at, plot.x.end)
    area = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="outside"/>')
    shade = area.format(left, plot.y.end, max(0.0, right - left), plot.y.start - plot.y.end)
    return shade + svg.line(at, plot.y.end, at, plot.y.start, "limit")


def _place(plot: Frame, at: tuple[float, float], point: FrontierPoint, chosen: bool) -> Markup:
    x, y = plot.x.at(at[0]), plot.y.at(at[1])
    look = "now" if point.inside_budget else "hollow"
    body = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{}" class="{}"/>').format(x, y, 5 if chosen else 3.5, look)
    if chosen:
        body += Markup('<circle cx="{:.1f}" cy="{:.1f}" r="9" class="ring"/>').format(x, y)
    named = {0.0: f"{ALPHA} 0, champion", 1.0: f"{ALPHA} 1, tuned"}.get(point.alpha, "")
    name = f"{ALPHA} {point.alpha:g}, chosen" if chosen else named
    if name:
        left, right = x < plot.x.start + 60, x > plot.x.end - 60
        anchor = "start" if left else "end" if right else "middle"
        look = "t halo strong" if chosen else "t halo"
        body += text(x - 6 if left else x + 6 if right else x, y - 15 if chosen else y + 19, name, look, anchor)
    title = f"alpha {point.alpha:g}: former {metric(at[0])}, new {metric(at[1])}"
    return svg.titled("", body, title + ("" if point.inside_budget else ", outside the budget"))
