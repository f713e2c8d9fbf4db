"""R[i, j] as a heat map: rows are updates, columns the periods they were measured on."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from markupsafe import Markup

from maintainer.report import svg
from maintainer.report.svg import join, text
from maintainer.report.words import metric

Table = Sequence[Sequence[float | None]]
MOST = 30  # rows and columns drawn
NAMED = 12  # with at most this many columns each cell shows its figure


def capped(table: Table) -> tuple[tuple[float | None, ...], ...]:
    """Return the last `MOST` rows and columns: what is newest is what a reader asks about."""
    columns = max((len(row) for row in table), default=0)
    skipped = max(0, columns - MOST)
    return tuple(tuple(row[skipped:]) for row in table[-MOST:])


def heatmap(table: Table, name: str, rising: bool) -> Markup:
    """Return the drawing, 772 pixels wide; darker is better, whichever way the metric points."""
    shown = capped(table)
    values = [value for row in shown for value in row if value is not None and isfinite(value)]
    columns = max((len(row) for row in shown), default=0)
    if not values:
        return Markup("")
    side, first = 692 / columns, (len(table) - len(shown), max(len(row) for row in table) - columns)
    high = 26 if columns > NAMED else 34
    parts = [text(70, 12, "measured on period", "t name")]
    ends = (min(values), max(values)) if rising else (max(values), min(values))
    for i, row in enumerate(shown):
        parts.append(text(62, 36 + high * (i + 0.5), f"update {i + first[0]}", "t", "end"))
        parts += [_cell((70 + side * j, 32 + high * i), (side, high), value, ends) for j, value in enumerate(row)]
    step = -(-columns // 15)
    parts += [text(70 + side * (j + 0.5), 27, str(j + first[1]), "t", "middle") for j in range(0, columns, step)]
    words = f"{name} after each update (rows) on each period (columns), from {metric(ends[0])} to {metric(ends[1])}"
    return svg.drawing(772, 36 + high * len(shown), f"{name} R[i, j]", words, join(parts))


def _cell(at: tuple[float, float], size: tuple[float, float], value: float | None, ends: tuple[float, float]) -> Markup:
    if value is None or not isfinite(value):
        return Markup("")
    strength = 1.0 if ends[0] == ends[1] else (value - ends[0]) / (ends[1] - ends[0])
    mark = '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill-opacity="{:.2f}" class="cell"/>'
    body = Markup(mark).format(at[0] + 1, at[1] + 1, size[0] - 2, size[1] - 2, 0.04 + 0.5 * strength)
    if size[0] >= 692 / NAMED:
        body += text(at[0] + size[0] / 2, at[1] + size[1] / 2 + 4, metric(value), "t strong", "middle")
    return svg.titled("", body, metric(value))
