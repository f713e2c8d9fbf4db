"""The page of one maintenance run: how it ended and why, what it learned from, and every gate with its figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from maintainer.domain.metrics import HIGHER_IS_BETTER, RELATIVE
from maintainer.domain.model import Manifest, Span
from maintainer.domain.phase import ClassMoved, CollectResult, ExportResult, GateFinding, GateResult, TrainResult
from maintainer.domain.policy import Policy
from maintainer.domain.run import Event, Kind, Phase, Run, Verdict
from maintainer.report import charts, frontier, heatmap, words
from maintainer.report.charts import Lines, Series
from maintainer.report.frontier import Frontier
from maintainer.report.matrix import Row, dip, matrix
from maintainer.report.page import render
from maintainer.report.quality import beyond_chance
from maintainer.report.slices import slice_tables

CLASSES = 60  # rows of the table of classes
HOLDOUTS = {"current": "new data (current holdout)", "reference": "former data (reference holdout)"}


@dataclass(frozen=True, slots=True)
class RunView:
    """What the page of a run shows; a phase that was not reached is None."""

    policy: Policy
    run: Run
    events: tuple[Event, ...]
    reason: str  # why it was started
    triggers: tuple[str, ...]
    collect: CollectResult | None
    train: TrainResult | None
    export: ExportResult | None
    gate: GateResult | None
    champion: Manifest | None  # in force when the run began; None at bootstrap
    version: str | None  # the challenger, promoted or not
    policy_hash: str
    check_id: str | None = None
    line: tuple[Row, ...] = ()  # the versions that it comes from and itself, oldest first


@dataclass(frozen=True, slots=True)
class Stretch:
    """One start of a phase until something ended it; `end` is None while it runs."""

    phase: Phase
    start: datetime
    end: datetime | None
    outcome: str  # finished, failed, interrupted, paused, running
    note: str

    @property
    def seconds(self) -> float | None:
        """Return its length; None while it runs."""
        return None if self.end is None else (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class DataRow:
    """What one part of the data was for, when it happened, and how much of it there was."""

    purpose: str
    span: Span
    rows: int


@dataclass(frozen=True, slots=True)
class GateRow:
    """One gate and its interval as a drawing."""

    finding: GateFinding
    chart: Markup


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """One metric on one holdout, champion and challenger."""

    holdout: str
    metric: str
    before: float | None
    after: float
    change: float | None
    word: str  # better, worse, within chance; empty where no gate has an interval of it


def render_run(view: RunView) -> str:
    """Return the page of a run, however far it came."""
    train = view.train
    return render(
        "run.html.j2",
        {
            "view": view,
            "headline": headline(view),
            "stretches": stretches(view.events),
            "data": data_rows(view.collect) if view.collect else [],
            "split": split_words(view.collect) if view.collect else "",
            "curve": training_curve(train) if train else Markup(""),
            "frontier": frontier_figure(train, view.policy) if train else Markup(""),
            "gates": [gate_row(finding) for finding in view.gate.findings] if view.gate else [],
            "quality": before_after(view.gate) if view.gate else [],
            "holdouts": HOLDOUTS,
            "moved": sorted(view.gate.moved.items()) if view.gate else [],
            "classes": class_rows(view.gate) if view.gate else [],
            "slices": slice_tables(view.gate.slices, HOLDOUTS) if view.gate else [],
            "dip": dip(train) if train else None,
            **line_figures(view.line),
        },
    )


def headline(view: RunView) -> str:
    """Return how the run ended and why, in one sentence."""
    name = view.version or "the challenger"
    stays = f", and champion {view.champion.version} stays" if view.champion else ""
    match view.run.verdict:
        case Verdict.PROMOTED:
            what = f"{name} was promoted"
        case Verdict.REJECTED:
            what = f"{name} was rejected{stays}"
        case Verdict.ROLLED_BACK:
            what = f"{name} was rolled back"
        case Verdict.FAILED:
            what = f"The run failed in {failed_phase(view.events) or view.run.phase}{stays}"
        case None:
            what = f"The run has no verdict yet; its phase is {view.run.phase}"
    what = what[0].upper() + what[1:] if what.startswith("the ") else what
    return words.sentence(f"{what}: {view.run.reason}" if view.run.reason.strip() else what)


def failed_phase(events: Iterable[Event]) -> Phase | None:
    """Return the phase that gave the run up, None where none failed."""
    return next((event.phase for event in events if event.kind is Kind.FAILED), None)


def stretches(events: Iterable[Event]) -> list[Stretch]:
    """Return each start of a phase with what ended it, in order; a phase may have several.

    The start of the report that is being written is left out: nobody can read it before it has ended.
    """
    made: list[Stretch] = []
    started: Event | None = None
    for event in events:
        if event.kind is Kind.STARTED:
            started = event
            continue
        begun = started.happened_at if started and started.phase is event.phase else event.happened_at
        made.append(Stretch(event.phase, begun, event.happened_at, event.kind.value, event.note))
        started = None
    if started is not None and started.phase is not Phase.REPORT:
        made.append(Stretch(started.phase, started.happened_at, None, "running", started.note))
    return made


def data_rows(collected: CollectResult) -> list[DataRow]:
    """Return what was learned from, chosen by and judged on; what is empty is left out."""
    rows = collected.rows
    judging = rows.get("current_holdout", 0)
    found = [
        DataRow("learned from: new samples", collected.trained, rows.get("train", 0)),
        DataRow("learned from again: former samples (replay)", collected.former, rows.get("replay", 0)),
        DataRow("chosen by: validation part of the new samples", collected.trained, rows.get("validation", 0)),
        DataRow("chosen by: validation part of the former samples", collected.former, rows.get("replay_validation", 0)),
        DataRow("judged on: the newest samples, all of them", collected.current_holdout, collected.newest_rows),
        DataRow("judged on: holdout part of the new samples", collected.trained, judging - collected.newest_rows),
        DataRow("judged on: holdout part of the former samples", collected.former, rows.get("reference_holdout", 0)),
    ]
    return [row for row in found if row.rows]


def split_words(collected: CollectResult) -> str:
    """Return what gave each sample its part."""
    if collected.split.startswith("group "):
        return f"a hash of the group, {collected.split.removeprefix('group ')}"
    if collected.block_seconds is None:
        return "a hash of the sample id" + (", stratified" if collected.split == "stratified" else "")
    return f"time blocks of {words.duration(collected.block_seconds)}"


def gate_row(finding: GateFinding) -> GateRow:
    """Return the row of one gate."""
    drawn = Markup("")
    if finding.interval is not None and finding.value is not None:
        drawn = charts.interval(finding.value, finding.limit, finding.interval)
    return GateRow(finding, drawn)


def before_after(gate: GateResult) -> list[BeforeAfter]:
    """Return each metric on each holdout before and after, new data first, with what a gate's interval says of it."""
    rows: list[BeforeAfter] = []
    known = {finding.gate: finding.interval for finding in gate.findings if finding.interval is not None}
    for holdout, figures in sorted(gate.challenger.items()):
        former = gate.champion.get(holdout, {})
        for metric, after in figures.items():
            before = former.get(metric)
            change = None if before is None else after - before
            names = (f"{kind} {metric} on {holdout}" for kind in ("superior", "non-inferior"))
            bounds = next((known[name] for name in names if name in known), None)
            word = "" if change is None or bounds is None else beyond_chance(*bounds)
            rows.append(BeforeAfter(holdout, metric, before, after, change, word))
    return rows


def class_rows(gate: GateResult) -> list[tuple[str, ClassMoved]]:
    """Return the classes of each holdout, the one that lost most first, at most CLASSES rows."""
    found = [(name, one) for name, moved in sorted(gate.moved.items()) for one in moved.classes]
    return sorted(found, key=lambda row: (row[0], row[1].after - row[1].before))[:CLASSES]


def line_figures(line: tuple[Row, ...]) -> dict[str, object]:
    """Return the matrix of a line and its drawing; None and nothing where there is one version only."""
    found = matrix(line)
    drawn = heatmap.heatmap(found.table, found.metric, rises(found.metric)) if found else Markup("")
    return {"matrix": found, "heat": drawn}


def training_curve(train: TrainResult) -> Markup:
    """Return the metric per epoch, and the loss below it."""
    new = tuple((float(e.epoch), e.new) for e in train.epochs)
    former = tuple((float(e.epoch), e.former) for e in train.epochs)
    loss = tuple((float(e.epoch), e.loss) for e in train.epochs)
    quality = [Series("new data", "current", new), Series("former data", "reference", former)]
    shown = tuple(series for series in quality if any(y is not None for _, y in series.points))
    title, words_ = f"{train.metric} per epoch", f"{train.metric} on the validation parts after each epoch"
    above = Lines(title, words_, "epoch", train.metric, shown, times=False, whole=True)
    lines = (Series("training loss", "plain", loss),)
    below = Lines("Training loss", "mean training loss of each epoch", "epoch", "loss", lines, times=False, whole=True)
    return charts.figure(above, 220) + charts.figure(below, 170)


def frontier_figure(train: TrainResult, policy: Policy) -> Markup:
    """Return the frontier, or the metric along alpha where there are no former data."""
    both = tuple(point for point in train.frontier if point.former is not None)
    chosen = train.alpha if train.challenger else None
    if both:
        shown = Frontier(train.metric, both, chosen, budget_limit(train, policy), rises(train.metric))
        title = f"{train.metric} on new against former data, along {words.ALPHA}"
        keys = (("challengers", "line plain"), ("forgetting budget", "limit"))[: 1 if shown.budget is None else 2]
        return charts.both(lambda width: frontier.frontier_chart(shown, width), title, keys)
    points = tuple((point.alpha, point.new) for point in train.frontier)
    series = (Series(f"{train.metric} on new data", "current", points),)
    lines = Lines(f"{train.metric} along alpha", "no former data to keep", "alpha", train.metric, series, times=False)
    return charts.figure(lines, 220) if len(points) > 1 else Markup("")


def rises(metric: str) -> bool:
    """Return whether more of the metric is better."""
    return HIGHER_IS_BETTER.get(metric, True)


def budget_limit(train: TrainResult, policy: Policy) -> float | None:
    """Return what the metric on former data may come to: the champion's (alpha 0) less the forgetting budget."""
    own = next((point.former for point in train.frontier if point.alpha == 0.0), None)
    if own is None:
        return None
    loss = policy.train.forgetting_budget * (abs(own) if train.metric in RELATIVE else 1.0)
    return own - loss if rises(train.metric) else own + loss
