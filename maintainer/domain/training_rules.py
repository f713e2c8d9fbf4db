"""Whether the parts of a policy that say how a challenger is made fit each other, and what of them does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from maintainer.domain.consistency import Fault, repeated
from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base, Retention
from maintainer.domain.task import CategoryFeature, NumberFeature, Task
from maintainer.domain.training import OF_TABLES, OF_TEXTS, Data, Train
from maintainer.domain.values import format_duration
from maintainer.domain.words import wanted

MOST_APART = 0.9  # of validation and holdout together; the rest trains
LOSSES = {
    TaskKind.CLASSIFICATION: ("auto", "cross-entropy", "focal"),
    TaskKind.REGRESSION: ("auto", "huber", "mse"),
}


def training_faults(task: TaskKind, data: Data, train: Train, longest: timedelta) -> Iterator[Fault]:
    """Yield a split that leaves nothing to train on, a loss of another task, a search that outlasts its phase."""
    split = data.split
    if (apart := split.validation + split.holdout) >= MOST_APART:
        message = f"leave {max(0.0, 1 - apart):.0%} to train on: validation and holdout are {apart:g} together"
        yield Fault(("data", "split"), f"would {message}; wanted less than {MOST_APART:g}")
    if train.loss not in LOSSES[task]:
        yield Fault(("train", "loss"), f"is '{train.loss}', which does not fit {task}; {wanted('', LOSSES[task])}")
    if train.search.trials and train.search.timeout >= longest:
        spans = f"{format_duration(train.search.timeout)}, and run.timeout {format_duration(longest)}"
        yield Fault(("train", "search", "timeout"), f"is {spans}: no time is left to train; wanted less")


NEEDS_MEMORY = ("frontier", "replay", "der++", "a-gem")  # strategies that are nothing without former samples
MOST_HERDED = 5000  # samples that herding chooses one by one: it helps small memories, and takes its time on large ones


def memory_faults(task: TaskKind, retention: Retention, train: Train) -> Iterator[Fault]:
    """Yield rehearsal that cannot be: of samples that are not kept, or chosen by what the task has not got."""
    kept, rules = retention.replay, train.replay
    if not kept and train.strategy in NEEDS_MEMORY:
        message = f"is '{train.strategy}', which rehearses former samples, but retention.replay is 0"
        yield Fault(("train", "strategy"), f"{message}; wanted kfac or another one without, or samples to be kept")
    if rules.policy == "recency" and rules.half_life is None:
        yield Fault(("train", "replay", "half_life"), "is not given; policy recency wants a duration such as 90d")
    if rules.policy == "herding" and kept > MOST_HERDED:
        message = f"is 'herding', which is for small memories, but retention.replay is {kept}"
        yield Fault(("train", "replay", "policy"), f"{message}; wanted at most {MOST_HERDED} there, or another policy")
    if task is TaskKind.REGRESSION and rules.policy == "class-balanced":
        yield Fault(("train", "replay", "policy"), f"is 'class-balanced', but {task} has no classes")


def memory_notes(retention: Retention, train: Train) -> Iterator[str]:
    """Yield what is said of memory to no effect."""
    if not retention.replay:
        yield f"retention.replay is 0: no former sample is learned from; the strategy is {train.strategy}"
    elif train.replay.half_life is not None and train.replay.policy != "recency":
        yield f"train.replay.half_life does nothing under replay policy {train.replay.policy}"


def data_faults(task: Task, data: Data) -> Iterator[Fault]:
    """Yield groups that no column names, and care that the task or its columns leave nothing to do."""
    yield from _group_faults(task, data)
    if task.of is TaskKind.REGRESSION:
        if data.label_errors is not None:
            yield Fault(("data", "label_errors"), "is given, but confident learning is for classes; leave it out")
        if data.balance in ("oversample", "undersample"):
            yield Fault(("data", "balance"), f"is '{data.balance}', but {task.kind} has no classes to balance")
    yield from repeated(("data", "augment"), data.augment)
    yield from _augment_faults(task, data)
    if not any(isinstance(feature, NumberFeature) for feature in task.features.values()):
        moved = ", ".join(kind for kind in data.augment if kind in OF_TABLES) if not task.reads_text else ""
        asked = {"outliers": "" if data.outliers == "keep" else data.outliers, "augment": moved}
        for key, words in asked.items():
            if words:
                yield Fault(("data", key), f"asks for {words}, but task.features has no number")


def _augment_faults(task: Task, data: Data) -> Iterator[Fault]:
    """Yield what would change a text in a table, or numbers in a text."""
    known, foreign = (OF_TEXTS, "tables") if task.reads_text else (OF_TABLES, "texts")
    for place, kind in enumerate(data.augment):
        if kind not in known:
            message = f"is '{kind}', which is for {foreign}, and {task.kind} has none; {wanted('', known)}"
            yield Fault(("data", "augment", place), message)


def _group_faults(task: Task, data: Data) -> Iterator[Fault]:
    path, group = ("data", "split", "group"), data.split.group
    if data.split.by != "group":
        if group is not None:
            yield Fault(path, f"is '{group}', but data.split.by is '{data.split.by}'; wanted by: group")
        return
    categories = tuple(name for name, feature in task.features.items() if isinstance(feature, CategoryFeature))
    known = wanted("", categories) if categories else "task.features has none"
    if group is None:
        yield Fault(path, f"is missing: by group needs the category that names the groups; {known}")
    elif group not in categories:
        yield Fault(path, f"is '{group}', which is no category feature; {known}", group, categories)


REHEARSING = ("frontier", "replay", "der++", "a-gem", "scratch")  # strategies that look at former samples
PENALISED = ("frontier", "l2-sp", "ewc", "online-ewc", "kfac", "si", "mas", "lwf", "der++")  # by a term with a strength


def training_notes(train: Train) -> Iterator[str]:
    """Yield what is said of training though the strategy does not look at it."""
    looks_at = {
        "forgetting_budget": train.strategy == "frontier",
        "without": train.strategy == "frontier",
        "replay": train.strategy in REHEARSING,
        "penalty": train.strategy in PENALISED,
    }
    for key, used in looks_at.items():
        if not used and key in train.model_fields_set:
            yield f"train.{key} does nothing under strategy {train.strategy}"


def network_notes(base: Base, train: Train) -> Iterator[str]:
    """Yield what is said of a pre-trained network where there is none."""
    for key, usual in (("unfreeze", ("auto", "all")), ("precision", ("auto", "fp32"))):
        if base.family != "huggingface" and getattr(train, key) not in usual:
            yield f"train.{key} does nothing for family {base.family}"
