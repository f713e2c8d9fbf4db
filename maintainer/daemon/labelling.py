"""The labelling queue: which stored samples without a label are most worth one, within a budget per day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from maintainer.daemon import former_checks
from maintainer.daemon.context import Context
from maintainer.daemon.phases import job_of
from maintainer.domain.model import Manifest
from maintainer.domain.phase import PhaseSpec
from maintainer.domain.policy import Policy, schema_of
from maintainer.domain.sample import TaskKind, Window
from maintainer.errors import RefusedError
from maintainer.store.queue import chosen, unlabelled
from maintainer.store.windows import Reader, Selection

By = Literal["margin", "entropy", "bald", "diverse", "drift"]

MOST_IN_CHILD = 5000  # samples that the network itself is asked about
KNOWN = 1000  # labelled samples that diverse ones must lie far from


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asks the queue for."""

    count: int
    by: By | None  # None: margin for classes, diverse for numbers
    again: bool  # also what was given out before


@dataclass(frozen=True, slots=True)
class Queue:
    """A model at the moment somebody asks for samples to label."""

    context: Context
    policy: Policy
    champion: Manifest
    now: datetime

    @property
    def reader(self) -> Reader:
        """Return the read side of its tables."""
        return Reader(self.context.database, schema_of(self.policy, self.champion.classes), self.now)

    @property
    def window(self) -> Window:
        """Return the samples that a run would learn from."""
        return Window.before(self.now, self.policy.checks.window.last)

    @property
    def version(self) -> Path:
        """Return where the champion lies."""
        return (self.context.model_dir(self.policy.model) / "versions" / self.champion.version).absolute()


def label_queue(context: Context, policy: Policy, wanted: Wanted) -> dict[str, Any]:
    """Return the samples most worth a label, and remember that they were given out.

    Raises:
        RefusedError: there is no champion, the budget of the day is spent, the method is not for this task, or it looks
            at columns that drifted and none did.
    """
    model, champion = policy.model, context.champion(policy.model)
    if champion is None:
        raise RefusedError(f"{model} has no champion yet; `maintainer bootstrap {model}` makes the first")
    by = _method(policy, wanted.by)
    queue = Queue(context, policy, champion, context.clock())
    budget = policy.labels.per_day
    left = budget - len(context.control.label_requests(model, queue.now))
    if left <= 0 and not wanted.again:
        raise RefusedError(
            f"{model}: labels.per_day is {budget}, and as many samples were given out since 00:00 UTC; wait for"
            " the next day, raise it, or ask for the same ones with --again"
        )
    count = wanted.count if wanted.again else min(wanted.count, left)
    given, candidates = _choose(queue, by, count, wanted.again)
    if wanted.again:
        given = _within(queue, given, left)
    context.control.add_label_requests(model, [sample["key"] for sample in given], by, queue.now)
    return {
        "model": model,
        "by": by,
        "id": policy.task.id or "id",
        "label": policy.task.label,
        "time": policy.task.time or "time",
        "samples": [{name: value for name, value in sample.items() if name != "key"} for sample in given],
        "unlabelled": candidates,
        "per_day": budget,
        "left_today": max(budget - len(context.control.label_requests(model, queue.now)), 0),
    }


def _method(policy: Policy, by: By | None) -> By:
    numbers = policy.task.of is TaskKind.REGRESSION
    if numbers and by in ("margin", "entropy"):
        raise RefusedError(
            f"{policy.model} answers numbers, and {by} is of the probabilities of classes; wanted --by diverse,"
            " drift or bald"
        )
    return by or ("diverse" if numbers else "margin")


def _within(queue: Queue, given: list[dict[str, Any]], left: int) -> list[dict[str, Any]]:
    """Return those that were given out before, and of the others as many as the day's budget has left."""
    former = set(queue.context.control.label_requests(queue.policy.model))
    fresh = [sample["key"] for sample in given if sample["key"] not in former][: max(left, 0)]
    return [sample for sample in given if sample["key"] in former or sample["key"] in fresh]


def _choose(queue: Queue, by: By, count: int, again: bool) -> tuple[list[dict[str, Any]], int]:
    """Return the samples that are worth most, and how many there were to choose from."""
    context, model = queue.context, queue.policy.model
    without = () if again else context.control.label_requests(model)
    most = queue.policy.checks.window.max_samples
    if by in ("bald", "diverse"):
        most = min(most, MOST_IN_CHILD)
    with TemporaryDirectory(dir=context.scratch()) as name:
        folder = Path(name).absolute()
        samples, worth = folder / "samples.parquet", folder / "worth.parquet"
        found = unlabelled(queue.reader, queue.window, without, most, samples)
        if not found:
            return [], 0
        match by:
            case "margin" | "entropy":
                request = {"version": str(queue.version), "samples": str(samples), "by": by, "worth": str(worth)}
                context.warm.ask("doubt", request)
            case "drift":
                context.warm.ask("moved", _moved(queue, folder, samples, worth))
            case "bald" | "diverse":
                _in_child(queue, by, count, folder)
        rows = chosen(context.database, samples, worth, count)
    return [_plain(row) for row in rows], found


def _moved(queue: Queue, folder: Path, samples: Path, worth: Path) -> dict[str, Any]:
    columns = _drifted(queue)
    champion, most = queue.champion, queue.policy.checks.window.max_samples
    spans = {
        "reference": Window(champion.trained.start, champion.held_out.end),
        "current": Window(min(max(queue.window.start, champion.held_out.end), queue.window.end), queue.window.end),
    }
    for name, span in spans.items():
        queue.reader.sample(span, champion.version, most, folder / f"{name}.parquet")
    files = {name: str(folder / f"{name}.parquet") for name in spans}
    return {**files, "samples": str(samples), "columns": columns, "worth": str(worth)}


def _drifted(queue: Queue) -> dict[str, float]:
    """Return the features that the newest check found drifted, each with how many limits its score is."""
    model, control = queue.policy.model, queue.context.control
    checks = control.checks(model)
    if not checks:
        raise RefusedError(
            f"{model} was never checked: nothing says which columns moved; `maintainer check {model}` does"
        )
    scores = former_checks.evidence_of(checks[0]).scores
    found = {s.column: s.score / s.limit for s in scores if s.drifted and s.column in queue.policy.task.features}
    if not found:
        raise RefusedError(
            f"no feature of {model} has drifted in its newest check, {checks[0].id}; wanted another --by"
        )
    return found


def _in_child(queue: Queue, by: By, count: int, folder: Path) -> None:
    known = folder / "known.parquet"
    queue.reader.export(Selection(queue.window, at_most=KNOWN), known)
    spec = PhaseSpec(
        phase="worth",
        run="label-queue",
        version=queue.champion.version,
        policy=queue.policy,
        classes=queue.champion.classes,
        inputs={"samples": str(folder / "samples.parquet"), "known": str(known), "by": by, "n": str(count)},
        champion=str(queue.version),
        out=str(folder),
        threads=queue.context.settings.threads,
    )
    queue.context.nursery.run(job_of(spec, folder))


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as the API tells it: `key`, `id`, `time`, `worth` and the features."""
    features = {name: value for name, value in row.items() if name not in ("_key", "_id", "_time", "_worth")}
    moment: datetime = row["_time"]
    at = moment.replace(tzinfo=UTC).isoformat()
    return {"key": int(row["_key"]), "id": row["_id"], "time": at, "worth": row["_worth"], "features": features}
