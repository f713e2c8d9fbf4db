"""The ground under a chart: scales, ticks, axes. Every text is escaped by `Markup.format`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, floor, log10

from markupsafe import Markup

from maintainer.report.words import MINUS, number

SECOND_ROW = 18  # pixels more at the foot for an axis name that is longer
SHORT = 6  # letters of an axis name that fit in the corner under the upright axis
LETTER = 6.9  # mean width of a letter at 12 pixels, for keeping labels apart
HOUR, DAY = 3600.0, 86_400.0
DAYS = (1, 2, 5, 10, 20, 50, 100, 200, 365, 730)
SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0)
HOURS = (1, 3, 6, 12)
TIME_STEPS = (*SECONDS, *(HOUR * hours for hours in HOURS), *(DAY * days for days in DAYS))


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from values to places on the drawing."""

    low: float
    high: float
    start: float  # where `low` lies
    end: float

    def at(self, value: float) -> float:
        """Return the place of a value; the middle where all values are the same."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Frame:
    """A plot with its two scales, in the drawing's own pixels."""

    width: float
    height: float
    x: Scale
    y: Scale


def frame(width: float, height: float, across: tuple[float, float], up: tuple[float, float], below: float = 0) -> Frame:
    """Return a plot for these ranges, with room for the axes and `below` pixels more at the foot."""
    x = Scale(*across, start=66, end=width - 8)
    y = Scale(*up, start=height - 24 - below, end=22)
    return Frame(width, height, x, y)


def padded(values: Iterable[float], share: float = 0.06) -> tuple[float, float]:
    """Return the range of the values with some air; (0, 1) without any."""
    kept = list(values)
    if not kept:
        return 0.0, 1.0
    low, high = min(kept), max(kept)
    air = (high - low) * share or abs(high) * share or 0.5
    return low - air, high + air


def ticks(low: float, high: float, most: int) -> tuple[float, ...]:
    """Return at most `most` round values (1, 2 or 5 times a power of ten apart) within the range."""
    if not low < high:
        return (low,)
    raw = (high - low) / most
    power = 10.0 ** floor(log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    return tuple(round(k * step, 12) for k in range(ceil(low / step), floor(high / step) + 1))


def time_ticks(low: float, high: float, most: int) -> tuple[tuple[float, str], ...]:
    """Return about `most` (3 or more) round moments, seconds since 1970, within the range, and their names in UTC.

    Within a second there is no round one: the first moment stands for all.
    """
    fitting = [step for step in TIME_STEPS if (high - low) / step <= most]
    step = fitting[0] if fitting else TIME_STEPS[-1]
    form = "%Y-%m-%d" if step >= DAY else "%m-%d %H:%M" if step >= 60 else "%H:%M:%S"
    places = [k * step for k in range(ceil(low / step), floor(high / step) + 1)] or [low]
    return tuple((place, datetime.fromtimestamp(place, UTC).strftime(form)) for place in places)


def tick_name(value: float, step: float) -> str:
    """Return the value with as many decimals as the step between ticks needs."""
    decimals = max(0, -floor(log10(step))) if step > 0 else 3
    return f"{value:,.{decimals}f}".replace("-", MINUS) if decimals <= 6 else number(value)


def join(parts: Iterable[Markup]) -> Markup:
    """Return the parts as one."""
    return Markup("").join(parts)


def text(x: float, y: float, body: str, look: str = "t", anchor: str = "start") -> Markup:
    """Return a line of text; `look` names CSS classes."""
    mark = '<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>'
    return Markup(mark).format(x, y, look, anchor, body)


def line(x1: float, y1: float, x2: float, y2: float, look: str) -> Markup:
    """Return a straight line."""
    mark = '<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>'
    return Markup(mark).format(x1, y1, x2, y2, look)


def path(points: Sequence[tuple[float, float]], look: str) -> Markup:
    """Return a line through the points; one point alone is drawn as a dot."""
    if len(points) == 1:
        return Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5" class="{} dot"/>').format(*points[0], look)
    body = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return Markup('<path d="{}" class="{}"/>').format(body, look)


def titled(look: str, body: Markup, title: str) -> Markup:
    """Return a group that a pointer or a screen reader can name."""
    return Markup('<g class="{}"><title>{}</title>{}</g>').format(look, title, body)


def drawing(width: float, height: float, title: str, description: str, body: Markup) -> Markup:
    """Return a whole drawing, named and described for those who cannot see it."""
    mark = (
        '<svg role="img" viewBox="0 0 {:.0f} {:.0f}" width="{:.0f}" height="{:.0f}" aria-label="{}">'
        "<title>{}</title><desc>{}</desc>{}</svg>"
    )
    return Markup(mark).format(width, height, width, height, title, title, description, body)


def y_axis(plot: Frame, name: str) -> Markup:
    """Return horizontal rules with their values, and the axis name above them."""
    values = ticks(plot.y.low, plot.y.high, 5)
    step = values[1] - values[0] if len(values) > 1 else 0.0
    parts = [text(0, 11, name, "t name")]
    for value in values:
        y = plot.y.at(value)
        parts.append(line(plot.x.start, y, plot.x.end, y, "grid"))
        parts.append(text(plot.x.start - 8, y + 4, tick_name(value, step), "t", "end"))
    return join(parts)


def x_axis(plot: Frame, name: str, times: bool, whole: bool = False) -> Markup:
    """Return the foot of the plot: places, their names, and the axis name at the right; `whole`: integers only."""
    foot, low, high = plot.y.start, plot.x.low, plot.x.high
    if times:
        places = time_ticks(low, high, max(3, int((plot.x.end - plot.x.start) / 88)))
    else:
        values = ticks(low, high, max(3, int((plot.x.end - plot.x.start) / 70)))
        values = tuple(v for v in values if v == int(v)) if whole else values
        step = values[1] - values[0] if len(values) > 1 else 1.0
        places = tuple((value, tick_name(value, step)) for value in values)
    beside = len(name) <= SHORT
    corner = LETTER * (len(name) + 1) if beside else 0.0
    parts = [line(plot.x.start, foot, plot.x.end, foot, "axis")]
    for value, label in places:
        x = plot.x.at(value)
        parts.append(line(x, foot, x, foot + 4, "axis"))
        half = LETTER * len(label) / 2
        middle = min(max(x, corner + half), plot.x.end + 8 - half)
        parts.append(text(middle, foot + 17, label, "t", "middle"))
    parts.append(
        text(0 if beside else plot.x.end, foot + (17 if beside else 34), name, "t name", "start" if beside else "end")
    )
    return join(parts)
