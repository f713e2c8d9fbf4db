"""The page of one check: what was decided and why, and every figure that the decision could see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite

from markupsafe import Markup

from maintainer.domain.evidence import Calibration, Decision, DriftScore, Evidence, Finding
from maintainer.domain.metrics import metrics_of
from maintainer.domain.policy import AboveTrigger, NumberFeature, Policy
from maintainer.domain.sample import TaskKind
from maintainer.domain.values import figure_of
from maintainer.report import charts, words
from maintainer.report.charts import Lines, Rule, Series
from maintainer.report.diagnosis import kinds_of
from maintainer.report.page import render
from maintainer.report.quality import metric_row, reckoning

OWN = ("value", "missing")  # kinds of scores that count in drift.share
CHARTED = 24  # columns with a chart of their own

Past = tuple[datetime, float | None, float | None]  # when, drift.share, main metric


@dataclass(frozen=True, slots=True)
class CheckView:
    """What the page of a check shows."""

    policy: Policy
    evidence: Evidence
    findings: tuple[Finding, ...]
    decision: Decision
    check_id: str
    policy_hash: str
    history: tuple[Past, ...] = ()  # former checks, oldest first
    baseline: Mapping[str, float] = field(default_factory=dict[str, float])  # what the champion is held to, by metric


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column: its score, a bar of how many limits that is, and how it is spread."""

    score: DriftScore
    bullet: Markup
    chart: Markup


def render_check(view: CheckView) -> str:
    """Return the page of a check."""
    answer = view.policy.task.prediction
    scores = ranked(view.evidence.scores)
    values = [score for score in scores if score.kind == "value" and score.column != answer]
    return render(
        "check.html.j2",
        {
            "view": view,
            "headline": headline(view),
            "charted": [column_row(view.policy, score) for score in values[:CHARTED]],
            "plain": [column_row(view.policy, score, chart=False) for score in values[CHARTED:]],
            "missing": [column_row(view.policy, s, chart=False) for s in scores if s.kind == "missing"],
            "prediction": [column_row(view.policy, s) for s in scores if s.kind == "value" and s.column == answer],
            "drifted_total": len({s.column for s in scores if s.drifted and s.column != answer and s.kind in OWN}),
            "kinds": kinds_of(view.evidence, scores, lambda score: column_row(view.policy, score)),
            "metrics": [metric_row(m, view.baseline.get(m.name)) for m in view.evidence.metrics],
            "quality_notes": [note for note in view.evidence.notes if about_quality(note)],
            "other_notes": [note for note in view.evidence.notes if not about_quality(note) and not about_sample(note)],
            "history": history_charts(view),
            "calibrated": calibrated(view.evidence.calibration),
            "reckoning": reckoning(view.evidence.reckoned),
        },
    )


def calibrated(found: Calibration | None) -> str:
    """Return what the thresholds of a check promise, in words; nothing where none is calibrated."""
    if found is None:
        return ""
    period, block = (words.duration(timedelta(seconds=s)) for s in (found.seconds, found.block_seconds))
    often = f"{words.number(found.alarms)} false alarms in {period}"
    return (
        f"Thresholds are calibrated on the reference, in which rows of up to {block} hang together: "
        f"stable data are to give {often} over all columns, so in one check a score passes its threshold "
        f"with a probability of {words.number(found.level)}."
    )


def headline(view: CheckView) -> str:
    """Return what was decided and why, in one sentence, or in two where the reason is a sentence by itself."""
    what = f"A maintenance run of {view.policy.model} starts" if view.decision.start else "No run is started"
    reason = view.decision.reason.strip()
    between = ". " if reason[:1].isupper() else ": "
    return words.sentence(f"{what}{between}{reason}" if reason else what)


def about_quality(note: str) -> bool:
    """Return whether a note says why quality, or a metric of it, was not measured."""
    return ("not measured" in note or "not estimated" in note) and not note.startswith("drift")


def about_sample(note: str) -> bool:
    """Return whether a note says that drift was measured on a sample: the page says it beside the windows."""
    return note.startswith("drift measured")


def ratio(score: DriftScore) -> float:
    """Return score over limit; a score that is no number counts as 0."""
    if not isfinite(score.score):
        return 0.0
    return score.score / score.limit if score.limit > 0 else float(score.drifted) * 1e9


def ranked(scores: tuple[DriftScore, ...]) -> list[DriftScore]:
    """Return the scores, furthest past its limit first."""
    return sorted(scores, key=lambda score: (-ratio(score), score.column))


def is_ordered(policy: Policy, column: str) -> bool:
    """Return whether the bins of a column have an order, as numbers do."""
    if column in (policy.task.prediction, policy.task.label):
        return policy.task.of is TaskKind.REGRESSION
    lengths = policy.task.reads_text and column in policy.task.compared
    return lengths or isinstance(policy.task.features.get(column), NumberFeature)


def column_row(policy: Policy, score: DriftScore, chart: bool = True) -> ColumnRow:
    """Return the row of one score."""
    drawn = Markup("")
    if chart and score.histogram is not None:
        drawn = charts.overlay(score.histogram, score.column, is_ordered(policy, score.column))
    return ColumnRow(score, charts.bullet(score.score, score.limit), drawn)


def history_charts(view: CheckView) -> list[Markup]:
    """Return drift and the main metric over the former checks and this one; nothing for a first check."""
    if not view.history:
        return []
    name = metrics_of(TaskKind(view.policy.task.kind))[0]
    now = next((metric.value for metric in view.evidence.metrics if metric.name == name), None)
    past = [*view.history, (view.evidence.at, view.evidence.values.get("drift.share"), now)]
    drift = tuple((words.utc(at).timestamp(), share) for at, share, _ in past)
    quality = tuple((words.utc(at).timestamp(), value) for at, _, value in past)
    own = (Rule(view.baseline[name], "held to"),) if name in view.baseline else ()
    return [
        charts.figure(_history("Share of drifted columns", "drift.share", drift, drift_rules(view.policy)), 170),
        charts.figure(_history(f"{name} on late labels", name, quality, own), 170),
    ]


def _history(title: str, name: str, points: tuple[tuple[float, float | None], ...], rules: tuple[Rule, ...]) -> Lines:
    series = (Series(name, "current", charts.thin(points)),)
    return Lines(title, f"{name} at each of {len(points)} checks, this one last", "UTC", name, series, rules)


def drift_rules(policy: Policy) -> tuple[Rule, ...]:
    """Return the limits that triggers set on drift.share."""
    found = [t for t in policy.triggers if isinstance(t, AboveTrigger) and t.metric == "drift.share"]
    return tuple(Rule(figure_of(trigger.above), f"limit of {trigger.name}") for trigger in found)
