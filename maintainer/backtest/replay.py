"""The replay itself: predict first, learn after, with the daemon's own tick under a simulated clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maintainer.backtest.periods import Periods, score
from maintainer.backtest.stream import Step, Stream
from maintainer.champion import Champion, Model, load_session
from maintainer.daemon.context import Context
from maintainer.daemon.operations import Operations
from maintainer.domain.metrics import metrics_of
from maintainer.domain.policy import Policy, schema_of
from maintainer.domain.run import Verdict
from maintainer.domain.sample import TaskKind
from maintainer.errors import InputError, RefusedError
from maintainer.settings import load
from maintainer.store import bases
from maintainer.store.intake import Batch, Ingested, ingest_labels, ingest_samples

ZERO = timedelta(0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is replayed."""

    policy: Policy
    policy_text: str
    data: Path
    out: Path
    bootstrap: float = 0.2  # share of the samples that makes the first champion
    label_delay: timedelta = ZERO
    base: Path | None = None  # the save_pretrained directory that the first champion starts from


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: datetime

    def __call__(self) -> datetime:
        """Return the simulated present."""
        return self.now


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the timeline."""

    at: datetime  # end of the step: when its check was made
    rows: int
    static: float
    maintained: float
    no_change: float
    drift_share: float | None
    version: str  # in force while the step's samples came
    run: str | None  # started by the check at the end of the step
    verdict: str | None
    sentence: str


@dataclass
class Replay:
    """A backtest under way, and what it has seen."""

    plan: Plan
    stream: Stream
    operations: Operations
    clock: Clock
    static: Model
    periods: Periods
    begin: datetime  # of what is scored: the first champion learned from all before it
    started: float = field(default_factory=time.monotonic)
    lines: list[Line] = field(default_factory=list[Line])
    labels: list[NDArray[Any]] = field(default_factory=list[NDArray[Any]])
    answers: dict[str, list[NDArray[Any]]] = field(
        default_factory=lambda: {"static": [], "maintained": [], "no_change": []}
    )
    waiting: list[tuple[datetime, Step]] = field(default_factory=list[tuple[datetime, Step]])  # labels to come
    labels_used: int = 0

    @property
    def task(self) -> TaskKind:
        """Return the kind of task."""
        return TaskKind(self.plan.policy.task.kind)

    @property
    def metric(self) -> str:
        """Return the main metric."""
        return self.periods.metric


def prepare(plan: Plan) -> Replay:
    """Bootstrap the first champion from the beginning of the history.

    Raises:
        InputError: the file cannot be used.
        RefusedError: `out` holds something already or cannot be made, the policy starts from no directory where one is
            given, or the first champion did not hold its gates.
    """
    if not 0.0 < plan.bootstrap < 1.0:
        raise InputError(f"the bootstrap share is {plan.bootstrap:g}, wanted more than 0 and less than 1")
    if (plan.out / "state").exists():
        raise RefusedError(f"{plan.out} holds a backtest already; wanted a folder without one")
    policy = plan.policy
    stream = Stream(plan.data, schema_of(policy, policy.task.classes))
    begin = stream.moment(int(len(stream) * plan.bootstrap))
    _make_folder(plan)
    clock = Clock(begin)
    settings = load(state=plan.out / "state", policies=plan.out / "policies")
    operations = Operations(Context.open(settings, clock))
    operations.context.policy(policy.model)
    if plan.base is not None:
        _take_base(operations, policy.model, plan.base)
    history = stream.between(stream.moment(0), begin)
    batch = _write(operations.context, policy, stream, history)
    ingest_samples(operations.context.database, batch)
    run = operations.context.control.state(operations.start_run(policy.model, "bootstrap", bootstrap=True))
    if run.verdict is not Verdict.PROMOTED:
        raise RefusedError(f"the first champion of {policy.model} was not made: {run.reason}")
    task = TaskKind(policy.task.kind)
    replay = Replay(
        plan=plan,
        stream=stream,
        operations=operations,
        clock=clock,
        static=_version(operations.context, policy.model, "v0001"),
        periods=Periods(task, metrics_of(task)[0]),
        begin=begin,
    )
    replay.periods.add(replay.static, settings.run_dir(run.id) / "collect" / "current_holdout.parquet")
    return replay


def _make_folder(plan: Plan) -> None:
    """Make the folder of a backtest, with its policy. Raises RefusedError where it cannot be made."""
    try:
        (plan.out / "policies").mkdir(parents=True, exist_ok=True)
        (plan.out / "policies" / f"{plan.policy.model}.yaml").write_text(plan.policy_text, encoding="utf-8")
    except OSError as error:
        raise RefusedError(f"{plan.out} cannot be written: {error.strerror or error}") from error


def _take_base(operations: Operations, model: str, folder: Path) -> None:
    archive = operations.context.scratch() / "base.tar"
    bases.pack(folder, archive)
    operations.take_base(model, archive)
    archive.unlink()


def steps(replay: Replay) -> int:
    """Return how many steps there are."""
    left = replay.stream.moment(len(replay.stream) - 1) - replay.clock.now
    return int(left / replay.plan.policy.checks.every) + 1


def run(replay: Replay, tell: Callable[[Line], None]) -> None:
    """Replay every step to the end, telling each."""
    champion = Champion(replay.plan.policy.model, replay.operations.context.settings.state)
    last = replay.stream.labels(replay.stream.between(replay.stream.moment(0), replay.clock.now))[-1:]
    for step in replay.stream.steps(replay.clock.now, replay.plan.policy.checks.every):
        labels = replay.stream.labels(step)
        said = champion.predict(step.table)
        same = said.version == replay.static.version
        answers = {
            "static": said.answers if same else replay.static.predict(step.table).answers,
            "maintained": said.answers,
            "no_change": np.concatenate([last, labels[:-1]]),
        }
        last = labels[-1:] if len(labels) else last
        replay.labels.append(labels)
        for name, values in answers.items():
            replay.answers[name].append(values)
        _take_in(replay, step, answers["maintained"])
        line = _tick(replay, step, labels, answers, champion.version)
        replay.lines.append(line)
        tell(line)


def _take_in(replay: Replay, step: Step, answers: NDArray[Any]) -> None:
    """Take in the step's samples at its end, and the labels that have become due."""
    context, policy = replay.operations.context, replay.plan.policy
    replay.clock.now = step.end
    if step.rows:
        at_once = replay.plan.label_delay == ZERO
        batch = _write(context, policy, replay.stream, step, answers, labels=at_once)
        replay.labels_used += ingest_samples(context.database, batch).labels
        if not at_once:
            replay.waiting.append((step.end + replay.plan.label_delay, step))
    due = [waiting for due, waiting in replay.waiting if due <= step.end]
    replay.waiting = [(due, waiting) for due, waiting in replay.waiting if due > step.end]
    for former in due:
        replay.labels_used += _late_labels(replay, former).labels


def _late_labels(replay: Replay, step: Step) -> Ingested:
    context, policy = replay.operations.context, replay.plan.policy
    if policy.task.id is None:
        raise RefusedError(f"policy {policy.model} has no task.id; late labels need it to find their samples")
    batch = _write(context, policy, replay.stream, step)
    return ingest_labels(context.database, batch)


def _write(
    context: Context,
    policy: Policy,
    stream: Stream,
    step: Step,
    answers: NDArray[Any] | None = None,
    labels: bool = True,
) -> Batch:
    path = context.scratch() / "step.parquet"
    stream.write(step, path, answers, labels)
    champion = context.champion(policy.model)
    version = champion.version if champion else None
    return Batch(context.schema(policy), path, "parquet", f"{step.start:%Y-%m-%dT%H:%M}", context.clock(), version)


def _tick(replay: Replay, step: Step, labels: NDArray[Any], answers: dict[str, NDArray[Any]], version: str) -> Line:
    context, model = replay.operations.context, replay.plan.policy.model
    before = {record.id for record in context.control.runs(model)}
    sentences = replay.operations.tick_model(context.policy(model))
    started = [record for record in context.control.runs(model) if record.id not in before]
    verdict = context.control.state(started[0].id).verdict if started else None
    if started and verdict is Verdict.PROMOTED:
        holdout = context.settings.run_dir(started[0].id) / "collect" / "current_holdout.parquet"
        replay.periods.add(_version(context, model, started[0].version), holdout)
    checks = context.control.checks(model)
    seen = drift_share(checks[0].evidence) if checks and checks[0].happened_at == step.end else None
    figures = {name: score(replay.task, replay.metric, labels, values) for name, values in answers.items()}
    return Line(
        at=step.end,
        rows=step.rows,
        **figures,
        drift_share=seen,
        version=version,
        run=started[0].id if started else None,
        verdict=verdict,
        sentence="; ".join(sentences),
    )


def drift_share(evidence: str) -> float | None:
    """Return drift.share of a kept check's evidence."""
    import json

    return json.loads(evidence)["values"].get("drift.share")


def _version(context: Context, model: str, version: str) -> Model:
    return load_session(context.model_dir(model) / "versions" / version / "model.onnx", 1)
