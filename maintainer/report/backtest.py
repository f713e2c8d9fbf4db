"""The page of a backtest or demo: the maintained model beside the one left alone, on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from maintainer.domain.metrics import RELATIVE, lost
from maintainer.domain.phase import Slices
from maintainer.report import charts, heatmap, words
from maintainer.report.charts import Lines, Mark, Series
from maintainer.report.page import render
from maintainer.report.slices import slice_tables

LISTED = 300  # rows of the table of events
SCORED = "all samples after the bootstrap"
SAME = 5e-4  # a change below this is none: points of the metric, or a share where it is in the label's unit

Step = tuple[datetime, float | None, float | None, float | None, float | None, int]
"""When, metric of static, of maintained, of no-change, drift.share, samples."""
Happening = tuple[datetime, str, str]
"""When, kind (promoted, rejected, failed, rolled back, triggered), what in words."""


@dataclass(frozen=True, slots=True)
class BacktestView:
    """What the page of a backtest shows."""

    model: str
    metric: str
    higher_is_better: bool
    static: float  # the first champion, never maintained
    maintained: float  # the champion in force at each sample
    no_change: float  # the last label seen, as the answer
    timeline: tuple[Step, ...]
    events: tuple[Happening, ...]
    rows: int
    checks: int
    triggers: int
    runs: int
    promotions: int
    rejections: int
    labels_used: int
    train_seconds: float
    total_seconds: float
    bwt: float | None
    forgetting: float | None
    negative_flip_rate: float | None
    r_table: Sequence[Sequence[float | None]]  # R[i][j]: the metric after update i on period j
    policy_yaml: str
    notes: tuple[str, ...] = ()
    rollbacks: int = 0
    failures: int = 0
    slices: Slices | None = None  # both models on all samples after the bootstrap; None where the policy names none


def render_backtest(view: BacktestView) -> str:
    """Return the page of a backtest."""
    shown = heatmap.capped(view.r_table)
    return render(
        "backtest.html.j2",
        {
            "view": view,
            "headline": headline(view),
            "aside": baseline_sentence(view),
            "story": charts.figure(story(view), 300),
            "drift": charts.figure(drift(view), 150),
            "heat": heatmap.heatmap(view.r_table, view.metric, view.higher_is_better),
            "cut": len(shown) < len(view.r_table) or any(len(row) > heatmap.MOST for row in view.r_table),
            "passes": passes(view.events)[-LISTED:],
            "happened": len(passes(view.events)),
            "slices": slice_tables({SCORED: view.slices}, {}) if view.slices else [],
        },
    )


@dataclass(frozen=True, slots=True)
class Pass:
    """One row of the table of runs: what set it off and how it ended."""

    at: datetime
    kind: str
    why: str
    end: str


def passes(events: Sequence[Happening]) -> list[Pass]:
    """Return one row for a trigger with what came of it, and one for whatever stands alone, in order of time."""
    rows: list[Pass] = []
    for at, kind, text in sorted(events, key=lambda event: words.utc(event[0])):
        waiting = bool(rows) and rows[-1].kind == "triggered"
        if kind == "triggered":
            rows.append(Pass(at, kind, text, ""))
        elif waiting:
            rows[-1] = Pass(rows[-1].at, kind, rows[-1].why, text)
        else:
            rows.append(Pass(at, kind, "", text))
    return rows


def gain(view: BacktestView, other: float) -> float:
    """Return how much better maintained is than another figure, in the metric's unit; positive is better."""
    return (view.maintained - other) * (1 if view.higher_is_better else -1)


def headline(view: BacktestView) -> str:
    """Return how the maintained model did beside the one left alone, in one sentence with a ratio."""
    kept, left = words.metric(view.maintained), words.metric(view.static)
    better = gain(view, view.static)
    moved = lost(view.metric, view.static, view.maintained) if view.metric in RELATIVE else better
    if abs(moved) < SAME:
        return f"Maintenance changed nothing: {view.metric} {kept} maintained, {left} left alone."
    word = "better" if better > 0 else "worse"
    figures = f"{view.metric} {kept} against {left}{ratio_words(view)}"
    return f"The maintained {view.model} model did {word} than the same model left alone: {figures}."


def ratio_words(view: BacktestView) -> str:
    """Return the ratio in words: of the errors for accuracy, else of the metric; empty where it says nothing."""
    if view.metric == "accuracy" and view.maintained < 1 and view.static < 1:
        times = (1 - view.maintained) / (1 - view.static)
        return f", {words.number(times, 2)} times the errors"
    if view.static > 0 and view.maintained > 0 and isfinite(view.static):
        return f", {words.number(view.maintained / view.static, 3)} times the {view.metric}"
    return ""


def baseline_sentence(view: BacktestView) -> str:
    """Return how both stand to answering with the last label seen: the figure that keeps a stream honest."""
    figure = f"Answering with the last label seen gives {words.metric(view.no_change)}"
    beaten = gain(view, view.no_change) > 0
    return f"{figure}, which the maintained model {'beats' if beaten else 'does not beat'}."


def over_time(view: BacktestView, values: Sequence[float | None]) -> tuple[tuple[float, float | None], ...]:
    """Return (seconds since 1970, value) of each step, thinned for a chart."""
    moments = [words.utc(row[0]).timestamp() for row in view.timeline]
    return charts.thin(list(zip(moments, values, strict=True)))


def story(view: BacktestView) -> Lines:
    """Return the three lines over time with every run marked."""
    series = (
        Series("no change (last label)", "baseline", over_time(view, [row[3] for row in view.timeline])),
        Series("left alone", "reference", over_time(view, [row[1] for row in view.timeline])),
        Series("maintained", "current", over_time(view, [row[2] for row in view.timeline])),
    )
    marks = tuple(
        Mark(words.utc(at).timestamp(), kind, f"{words.moment(at)}: {kind}. {why}") for at, kind, why in view.events
    )
    known = tuple(mark for mark in marks if mark.kind in charts.GLYPHS)
    way = "higher is better" if view.higher_is_better else "lower is better"
    title = f"{view.metric} over time, {way}"
    told = f"Means over all: maintained {words.metric(view.maintained)}, left alone {words.metric(view.static)}"
    return Lines(title, told, "UTC", view.metric, series, marks=known)


def drift(view: BacktestView) -> Lines:
    """Return the share of drifted columns over time."""
    series = (Series("drift.share", "plain", over_time(view, [row[4] for row in view.timeline])),)
    return Lines("Share of drifted columns", "drift.share at each check", "UTC", "drift.share", series)
