"""Charts as SVG strings: lines over time, two distributions over each other, a value against a limit.

Colours and dashes come from CSS classes, so that one drawing serves light, dark and print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite

from markupsafe import Markup

from maintainer.domain.evidence import Histogram
from maintainer.report import svg
from maintainer.report.svg import Frame, Scale, join, text
from maintainer.report.words import metric, number, percent, shorten

WIDE, NARROW = 772, 350  # pixels of a chart on a desk and on a telephone
POINTS = 300  # most points of one line
CLOSE = 5  # pixels within which marks of one kind would cover each other: the last is drawn
LANE = 17  # pixels of one lane of marks
LEFT = 44  # where the bars of a distribution begin: room for a percentage of three digits
GLYPHS = {
    "promoted": "M-5 4L0 -5L5 4Z",
    "rejected": "M-4 -4L4 4M4 -4L-4 4",
    "failed": "M-4 -4H4V4H-4Z",
    "rolled back": "M5 -4L0 5L-5 -4Z",
    "triggered": "M0 -5V5",
}


@dataclass(frozen=True, slots=True)
class Series:
    """One line: (x, y) in order of x, y None where there is nothing; `look` is a CSS class."""

    name: str
    look: str
    points: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line at a value, and what it means."""

    value: float
    name: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at x, drawn in the lane of its kind."""

    at: float
    kind: str  # one of GLYPHS
    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """What a line chart shows."""

    title: str
    description: str
    x: str
    y: str
    series: tuple[Series, ...]
    rules: tuple[Rule, ...] = ()
    marks: tuple[Mark, ...] = ()
    times: bool = True  # x is seconds since 1970
    whole: bool = False  # x is a count


def finite(series: Iterable[Series]) -> list[tuple[float, float]]:
    """Return all points that can be drawn."""
    return [(x, y) for one in series for x, y in one.points if y is not None and isfinite(y)]


def segments(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """Return the runs of neighbouring points that have a value."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if y is not None and isfinite(y):
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def thin(points: Sequence[tuple[float, float | None]], most: int = POINTS) -> tuple[tuple[float, float | None], ...]:
    """Return at most `most` points: means of equal groups of neighbours, at the last x of each group."""
    if len(points) <= most:
        return tuple(points)
    bounds = [round(k * len(points) / most) for k in range(most + 1)]
    kept: list[tuple[float, float | None]] = []
    for start, end in pairwise(bounds):
        values = [y for _, y in points[start:end] if y is not None and isfinite(y)]
        kept.append((points[end - 1][0], sum(values) / len(values) if values else None))
    return tuple(kept)


def line_chart(lines: Lines, width: int, height: int) -> Markup:
    """Return the chart at one size."""
    points = finite(lines.series)
    if not points:
        return Markup("")
    kinds = [kind for kind in GLYPHS if any(mark.kind == kind for mark in lines.marks)]
    xs = [x for x, _ in points] + [mark.at for mark in lines.marks]
    up = svg.padded([y for _, y in points] + [rule.value for rule in lines.rules])
    below = LANE * len(kinds) + (svg.SECOND_ROW if len(lines.x) > svg.SHORT else 0)
    plot = svg.frame(width, height + below, (min(xs), max(xs)), up, below)
    parts = [svg.y_axis(plot, lines.y), svg.x_axis(_feet(plot, len(kinds)), lines.x, lines.times, lines.whole)]
    parts += [_lane(plot, kind, row, lines.marks) for row, kind in enumerate(kinds)]
    parts += [_rule(plot, rule) for rule in lines.rules]
    for one in lines.series:
        for run in segments(one.points):
            parts.append(svg.path([(plot.x.at(x), plot.y.at(y)) for x, y in run], f"line {one.look}"))
    return svg.drawing(plot.width, plot.height, lines.title, lines.description, join(parts))


def _feet(plot: Frame, lanes: int) -> Frame:
    low = Scale(plot.y.low, plot.y.high, plot.y.start + LANE * lanes, plot.y.end)
    return Frame(plot.width, plot.height, plot.x, low)


def _rule(plot: Frame, rule: Rule) -> Markup:
    y = plot.y.at(rule.value)
    return svg.titled("", svg.line(plot.x.start, y, plot.x.end, y, "limit"), f"{rule.name}: {number(rule.value)}")


def _lane(plot: Frame, kind: str, row: int, marks: Sequence[Mark]) -> Markup:
    y = plot.y.start + LANE * row + LANE / 2 + 2
    parts = [text(plot.x.start - 8, y + 4, "rollback" if kind == "rolled back" else kind, "t", "end")]
    shape = Markup('<path transform="translate({:.1f} {:.1f})" d="{}"/>')
    apart = {int(plot.x.at(mark.at) / CLOSE): mark for mark in marks if mark.kind == kind}
    for x, mark in ((plot.x.at(mark.at), mark) for mark in apart.values()):
        if kind == "promoted":
            parts.append(svg.line(x, plot.y.end, x, y - 5, "drop"))
        parts.append(svg.titled(f"mark {kind.replace(' ', '-')}", shape.format(x, y, GLYPHS[kind]), mark.text))
    return join(parts)


def figure(lines: Lines, height: int = 250) -> Markup:
    """Return the chart with its key at two widths, of which CSS shows one; nothing without data."""
    if not finite(lines.series):
        return Markup("")
    keys = [(one.name, f"line {one.look}") for one in lines.series]
    keys += [(f"{rule.name}, {number(rule.value)}", "limit") for rule in lines.rules]
    return both(lambda width: line_chart(lines, width, height), lines.title, keys)


def both(draw: Callable[[int], Markup], title: str, keys: Sequence[tuple[str, str]]) -> Markup:
    """Return a figure with a drawing for wide and one for narrow screens, and a key of (name, look)."""
    line = '<svg width="26" height="10" aria-hidden="true"><path d="M1 5H25" class="{}"/></svg>'
    swatch = Markup('<span class="key">' + line + "{}</span>")
    shown = join(swatch.format(look, name) for name, look in keys) if len(keys) > 1 else Markup("")
    caption = Markup("<figcaption><b>{}</b>{}</figcaption>").format(title, shown)
    body = Markup('<div class="wide">{}</div><div class="narrow">{}</div>').format(draw(WIDE), draw(NARROW))
    return Markup("<figure>{}{}</figure>").format(caption, body)


def overlay(histogram: Histogram, column: str, ordered: bool) -> Markup:
    """Return the reference as grey bars with the current window as an outline over them, 260 by 96 pixels."""
    if not histogram.labels:
        return Markup("")
    top = max(*histogram.reference, *histogram.current, 1e-9)
    x, y = Scale(0, len(histogram.labels), LEFT, 256), Scale(0, top, 78, 12)
    gap = 0.0 if ordered else min(3.0, (x.at(1) - x.at(0)) * 0.15)
    bar = Markup('<path d="M{:.1f} {:.1f}V{:.1f}H{:.1f}V{:.1f}Z"/>')
    was = join(bar.format(x.at(k) + gap, 78, y.at(v), x.at(k + 1) - gap, 78) for k, v in enumerate(histogram.reference))
    now = [(x.at(k + side), y.at(v)) for k, v in enumerate(histogram.current) for side in (0, 1)]
    outline = svg.path([(x.at(0), 78), *now, (x.at(len(histogram.labels)), 78)], "line current filled")
    parts = [text(LEFT - 4, 16, percent(top), "t", "end"), text(LEFT - 4, 81, "0", "t", "end")]
    parts += [svg.line(LEFT, 78, 256, 78, "axis"), _ends(histogram, ordered)]
    title = f"{column}: share of samples per value, reference and current window"
    pairs = zip(histogram.labels, histogram.reference, histogram.current, strict=True)
    words = "; ".join(f"{shorten(name, 24)}: {percent(a)} then {percent(b)}" for name, a, b in pairs)
    return svg.drawing(260, 96, title, words, Markup('<g class="was">{}</g>').format(was) + outline + join(parts))


def _ends(shown: Histogram, ordered: bool) -> Markup:
    if not ordered and len(shown.labels) <= 8:
        width = (256 - LEFT) / len(shown.labels)
        most = max(1, int(width / 6.4))
        names = enumerate(shown.labels)
        return join(text(LEFT + width * (k + 0.5), 92, shorten(name, most), "t", "middle") for k, name in names)
    first, last = text(LEFT, 92, shorten(shown.labels[0], 17)), text(256, 92, shorten(shown.labels[-1], 17), "t", "end")
    return first + last if len(shown.labels) > 1 else first


def bullet(score: float, limit: float) -> Markup:
    """Return a bar of score over limit on a scale that ends at three limits, with a tick at one."""
    ratio = score / limit if limit > 0 and isfinite(score) else 0.0
    look = "over" if ratio > 1 else "under"
    title = f"{number(ratio, 2)} times the limit"
    bar = Markup('<rect x="0" y="5" width="{:.1f}" height="6" class="{}"/>').format(min(ratio, 3.0) * 30, look)
    edge = Markup('<path d="M90 3l5 5-5 5" class="limit"/>') if ratio > 3 else Markup("")
    return svg.drawing(
        96,
        16,
        title,
        "The tick is the limit.",
        svg.line(0, 13, 90, 13, "grid") + bar + svg.line(30, 1, 30, 15, "limit") + edge,
    )


def interval(value: float, limit: float, ends: tuple[float, float]) -> Markup:
    """Return a value with its interval beside its limit, 150 by 26 pixels."""
    drawn = [v for v in (value, limit, *ends) if isfinite(v)]
    scale = Scale(*svg.padded(drawn, 0.1), start=4, end=146)
    low, high = (scale.at(min(max(end, scale.low), scale.high)) for end in ends)
    dot = Markup('<circle cx="{:.1f}" cy="13" r="4" class="now"/>').format(scale.at(value))
    bar = svg.line(low, 13, high, 13, "whisker")
    at = scale.at(limit)
    title = f"{metric(value)} between {metric(ends[0])} and {metric(ends[1])}, limit {metric(limit)}"
    return svg.drawing(
        150, 26, title, "Dot: value. Bar: interval. Upright line: limit.", bar + svg.line(at, 2, at, 24, "limit") + dot
    )
