"""What no single key of a policy can see: whether its parts fit each other. Every fault is told, each with its path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from maintainer.domain.gates import Gate, NonInferiorGate, SuperiorGate
from maintainer.domain.limits import limit_faults
from maintainer.domain.metrics import checked_metrics, metrics_of
from maintainer.domain.sample import TaskKind, folded
from maintainer.domain.sections import Base, Checks, DirectorySource, Drift
from maintainer.domain.task import CategoryFeature, NumberFeature, Task
from maintainer.domain.triggers import ESTIMATED, EVIDENCE, DropTrigger, Trigger
from maintainer.domain.words import suggestion, wanted

Path = tuple[str | int, ...]
TABLE = ("drift.multivariate",)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not fit: where, and what was found and wanted."""

    path: Path
    message: str
    word: str = ""  # one that is not known
    known: tuple[str, ...] = ()  # and those that may have been meant

    @property
    def hint(self) -> str:
        """Return `; did you mean 'accuracy'?`; to look through many known words takes its time."""
        return suggestion(self.word, self.known)


def task_faults(task: Task) -> Iterator[Fault]:
    """Yield what does not fit inside the task: columns with two roles, contracts that nothing can keep."""
    roles = {role: getattr(task, role) for role in ("id", "time", "label", "prediction") if getattr(task, role)}
    seen = (*task.kinds, *task.compared)
    for role in ("id", "label", "prediction"):
        if roles.get(role) in seen:
            yield Fault(("task", role), f"is '{roles[role]}', which is a feature too: the answer would leak")
    yield from _sight_faults(task)
    for role, column in roles.items():
        if (first := next(other for other in roles if roles[other] == column)) != role:
            yield Fault(("task", role), f"is '{column}', which is the column of {first} too")
    yield from _name_faults(task, roles)
    for name, feature in task.features.items():
        yield from _contract_faults(("task", "features", name), feature)
    yield from _class_faults(task)
    yield from _slice_faults(task)


def _sight_faults(task: Task) -> Iterator[Fault]:
    """Yield what is wrong with what the model sees: a table has features, a text one column."""
    if not task.reads_text:
        if not task.features:
            yield Fault(("task", "features"), "is missing or names no column; wanted at least one")
        if task.text is not None:
            yield Fault(("task", "text"), f"is given, but {task.kind} takes a table; leave it out")
        return
    if task.text is None:
        yield Fault(("task", "text"), f"is missing; {task.kind} wants the column that the model reads")
    if task.features:
        yield Fault(("task", "features"), f"is given, but {task.kind} reads only a text; leave it out")


def base_faults(task: Task, base: Base) -> Iterator[Fault]:
    """Yield a family that does not take what the task shows."""
    if task.reads_text != (base.family == "huggingface"):
        wants = "huggingface" if task.reads_text else "tabular-mlp or ft-transformer"
        yield Fault(("base", "family"), f"is '{base.family}', which does not fit {task.kind}; wanted {wants}")
    elif base.path is not None and not task.reads_text:
        yield Fault(("base", "path"), f"is given, but {base.family} starts from nothing; leave it out")
    elif base.longest is not None and not task.reads_text:
        yield Fault(("base", "longest"), f"is given, but {base.family} reads no text; leave it out")


def _name_faults(task: Task, roles: Mapping[str, str]) -> Iterator[Fault]:
    first: dict[str, str] = {}
    places = [(("task", "features", name), name, "") for name in task.features]
    places += [(("task", "text"), name, f"is '{name}', which ") for name in (task.text,) if name is not None]
    places += [(("task", role), column, f"is '{column}', which ") for role, column in roles.items()]
    for path, name, said in places:
        if (other := first.setdefault(folded(name), name)) != name:
            yield Fault(path, f"{said}differs from '{other}' only in case, which the store does not tell apart")


def _contract_faults(path: Path, feature: NumberFeature | CategoryFeature) -> Iterator[Fault]:
    if isinstance(feature, NumberFeature):
        if feature.min is not None and feature.max is not None and feature.min > feature.max:
            yield Fault((*path, "min"), f"is {feature.min:g}, which is above max, {feature.max:g}")
        return
    yield from repeated((*path, "values"), feature.values)
    if feature.unknown == "reject" and not feature.values:
        yield Fault((*path, "unknown"), "is 'reject', which needs the known values; values lists none")


def _class_faults(task: Task) -> Iterator[Fault]:
    path: Path = ("task", "classes")
    yield from repeated(path, task.classes)
    if task.classes and task.of is TaskKind.REGRESSION:
        yield Fault(path, f"is given, but {task.kind} answers a number; leave it out")
    elif len(task.classes) == 1:
        yield Fault(path, f"lists only '{task.classes[0]}'; wanted at least two, or none to learn them at bootstrap")


def _slice_faults(task: Task) -> Iterator[Fault]:
    path: Path = ("task", "slices")
    if task.slices and task.reads_text:
        yield Fault(path, f"is given, but {task.kind} has no features to tell slices by; leave it out")
        return
    yield from repeated(path, task.slices)
    for i, column in enumerate(task.slices):
        if column not in task.features:
            message = f"names '{column}', which is no feature; {wanted('', task.features)}"
            yield Fault((*path, i), message, column, tuple(task.features))


def repeated(path: Path, words: Sequence[str]) -> Iterator[Fault]:
    """Yield the words that are listed twice."""
    for word, times in Counter(words).items():
        if times > 1:
            yield Fault((*path, len(words) - 1 - words[::-1].index(word)), f"is '{word}', which is listed before")


def source_faults(sources: Sequence[DirectorySource]) -> Iterator[Fault]:
    """Yield sources that read what another one reads."""
    paths = [source.path for source in sources]
    for i, path in enumerate(paths):
        if path in paths[:i]:
            yield Fault(("sources", i, "path"), f"is '{path}', which sources[{paths.index(path)}] reads already")


def check_faults(task: Task, checks: Checks) -> Iterator[Fault]:
    """Yield metrics of another task, columns that do not exist, and a window that can never be full enough."""
    for i, metric in enumerate(checks.quality.metrics):
        yield from _metric_faults(("checks", "quality", "metrics", i), task.of, metric, metrics_of(task.of))
    if checks.quality.estimate_without_labels and task.of is TaskKind.REGRESSION:
        message = f"is true, but {task.kind} answers a number, without a probability to estimate from; leave it out"
        yield Fault(("checks", "quality", "estimate_without_labels"), message)
    window = checks.window
    if window.min_samples > window.max_samples:
        message = f"is {window.min_samples}, which is above max_samples, {window.max_samples}"
        yield Fault(("checks", "window", "min_samples"), message)
    yield from _drift_faults(task, checks.drift)


def _drift_faults(task: Task, drift: Drift) -> Iterator[Fault]:
    compared = (*task.compared, task.prediction)
    named: list[tuple[Path, str, Iterable[str]]] = []
    if drift.columns != "all":
        yield from repeated(("checks", "drift", "columns"), drift.columns)
        named += [(("columns", i), column, compared) for i, column in enumerate(drift.columns)]
    for key, each in (("method", drift.method), ("threshold", drift.threshold)):
        if isinstance(each, Mapping):
            named += [((key, column), column, compared) for column in each]
    named += [(("weights", column), column, task.compared) for column in drift.weights]
    for path, column, known in named:
        if column not in known:
            message = f"names '{column}', which is no column; {wanted('', known)}"
            yield Fault(("checks", "drift", *path), message, column, tuple(known))


def _metric_faults(path: Path, task: TaskKind, metric: str, known: tuple[str, ...]) -> Iterator[Fault]:
    if metric not in known:
        yield Fault(path, f"is '{metric}', which is no metric of {task}; {wanted('', known)}", metric, known)


def gate_faults(task: TaskKind, gates: Sequence[Gate]) -> Iterator[Fault]:
    """Yield gates on metrics of another task, and gates that are there twice."""
    first: dict[Gate, int] = {}
    for i, gate in enumerate(gates):
        if isinstance(gate, SuperiorGate | NonInferiorGate):
            yield from _metric_faults(("gates", i, "metric"), task, gate.metric, metrics_of(task))
        if first.setdefault(gate, i) != i:
            yield Fault(("gates", i), f"is the same as gates[{first[gate]}]")


def evidence_of(task: Task, checks: Checks) -> tuple[str, ...]:
    """Return every evidence name that a check of this model can measure."""
    columns = task.compared if checks.drift.columns == "all" else checks.drift.columns
    inputs = [name for name in task.compared if name in columns]
    shared = any(checks.drift.weights.get(name, 1.0) > 0 for name in inputs)
    return (
        *(name for name in EVIDENCE if shared or name != "drift.share"),
        *(f"quality.{metric}" for metric in checks.quality.metrics or checked_metrics(task.of)),
        *((ESTIMATED,) if checks.quality.estimate_without_labels else ()),
        *(f"drift.score.{name}" for name in inputs),
        *(f"drift.missing.{name}" for name in inputs),
        *(f"drift.unseen.{name}" for name in inputs if isinstance(task.features.get(name), CategoryFeature)),
        *(("drift.embedding", "drift.vocabulary", f"drift.unseen.{task.text}") if task.reads_text else TABLE),
    )


def trigger_faults(task: Task, checks: Checks, triggers: Sequence[Trigger]) -> Iterator[Fault]:
    """Yield triggers that look at what is never measured, share a name, or can never hold or clear."""
    known = evidence_of(task, checks)
    names = [trigger.name for trigger in triggers]
    for i, trigger in enumerate(triggers):
        if trigger.name in names[:i]:
            yield Fault(("triggers", i, "name"), f"is '{trigger.name}', as triggers[{names.index(trigger.name)}] is")
        if trigger.metric not in known:
            yield _unknown_evidence(("triggers", i, "metric"), trigger.metric, task, known)
        elif isinstance(trigger, DropTrigger) and not _has_baseline(trigger.metric):
            message = f"is '{trigger.metric}'; drop is for quality.<metric> only, wanted above or below"
            yield Fault(("triggers", i, "metric"), message)
        else:
            yield from (Fault(("triggers", i, key), message) for key, message in limit_faults(trigger))


def _has_baseline(evidence: str) -> bool:
    """Return whether a champion is held to a figure of this evidence."""
    return evidence.startswith("quality.") and evidence != "quality.change"


def _unknown_evidence(path: Path, name: str, task: Task, known: tuple[str, ...]) -> Fault:
    family, _, last = name.rpartition(".")
    if name == "data.fault":
        return Fault(path, "is 'data.fault', which starts no run: with a column at fault every run waits for a person")
    if name == "drift.share":
        return Fault(path, "is 'drift.share', but checks.drift leaves no feature with a weight above 0")
    for kind in ("drift.score.", "drift.missing.", "drift.unseen."):
        if name.startswith(kind) and (column := name.removeprefix(kind)) in task.compared:
            if kind == "drift.unseen." and f"drift.missing.{column}" in known:
                return Fault(path, f"is '{name}', but '{column}' is a number, and all of those are new")
            return Fault(path, f"is '{name}', but checks.drift.columns leaves '{column}' out")
    if family == "quality" and last in metrics_of(task.of):
        return Fault(path, f"is '{name}', but checks.quality.metrics leaves '{last}' out")
    if name == ESTIMATED and task.of is TaskKind.CLASSIFICATION:
        return Fault(path, f"is '{name}', but checks.quality.estimate_without_labels is not true")
    shapes = (*EVIDENCE, "quality.<metric>", "drift.score.<column>", "drift.missing.<column>")
    return Fault(path, f"is '{name}', which is no evidence; wanted one of {', '.join(shapes)}", name, known)
