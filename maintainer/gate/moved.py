"""What changed between champion and challenger sample by sample, per class and on the periods of former versions."""
# pyarrow ships no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from datetime import UTC, timedelta

import numpy as np

from maintainer.domain.metrics import negative_flips
from maintainer.domain.phase import ClassMoved, Moved, Period, PeriodFigure
from maintainer.domain.policy import ComparedMetric, Gate, NegativeFlipsGate, Policy
from maintainer.domain.sample import Part, Split, TaskKind
from maintainer.gate.figures import Answered, Figures, Pairs
from maintainer.gate.gates import right_within, trivial_answer
from maintainer.gate.holdout import Holdout
from maintainer.gate.terms import terms, value

MOST = 5000  # samples of a period that are answered


def tolerance_of(gates: tuple[Gate, ...], task: TaskKind) -> float | None:
    """Return how near an answer must be to be right, as the policy's flips gate says; None where it must be equal."""
    usual = NegativeFlipsGate.model_validate({"kind": "negative-flips"})
    gate = next((gate for gate in gates if isinstance(gate, NegativeFlipsGate)), usual)
    return right_within(task, gate.tolerance)


def moved(figures: Figures, gates: tuple[Gate, ...]) -> dict[str, Moved]:
    """Return what flipped on each holdout; one where nothing tells right from wrong is left out.

    A class is measured by the share of its samples that are right (its recall).
    """
    found: dict[str, Moved] = {}
    near = tolerance_of(gates, figures.task)
    for name, pairs in figures.holdouts.items():
        if pairs.champion is None or pairs.n == 0 or (near is not None and pairs.spread == 0):
            continue
        before, after = pairs.right(pairs.champion, near), pairs.right(pairs.challenger, near)
        classes: list[ClassMoved] = []
        for place in np.unique(pairs.labels) if figures.task is TaskKind.CLASSIFICATION else ():
            mine = pairs.labels == place
            was, now = before[mine], after[mine]
            told = pairs.names[int(place)] if pairs.names else str(place)
            shares = (float(was.mean()), float(now.mean()), negative_flips(was, now), negative_flips(now, was))
            old, new, lost, won = shares
            classes.append(ClassMoved(name=told, n=int(mine.sum()), before=old, after=new, negative=lost, positive=won))
        negative, positive = negative_flips(before, after), negative_flips(after, before)
        found[name] = Moved(n=pairs.n, negative=negative, positive=positive, classes=tuple(classes))
    return found


def unlearned(holdout: Holdout | None, period: Period, policy: Policy) -> Holdout | None:
    """Return the samples of a period that no version learns from, ever; None without any.

    The newest samples of a holdout judge whole when they are new, and are learned from later, but for those whose part
    is the holdout. Above MOST a uniform sample.
    """
    if holdout is None or not holdout.n:
        return None
    rules = policy.data.split
    block = None if period.block_seconds is None else timedelta(seconds=period.block_seconds)
    split = Split(block, rules.validation, rules.holdout)
    keys, times = holdout.table.column("_key").to_pylist(), holdout.table.column("_time").to_pylist()
    rows = [
        (key, place)
        for place, (key, time) in enumerate(zip(keys, times, strict=True))
        if split.part(time if time.tzinfo else time.replace(tzinfo=UTC), key) is Part.HOLDOUT
    ]
    if not rows:
        return None
    kept = np.sort(np.array([place for _, place in sorted(rows)[:MOST]], np.int64))
    return Holdout(holdout.name, holdout.table.take(kept), holdout.labels[kept])


def measured(metric: ComparedMetric, version: str, pairs: Pairs) -> PeriodFigure:
    """Return the main metric of both models on a period, and of the best constant answer."""

    def of(answered: Answered) -> float:
        means = terms(metric, pairs.labels, answered).mean(axis=0, keepdims=True)
        return float(value(metric, means)[0])

    return PeriodFigure(
        version=version,
        n=pairs.n,
        challenger=of(pairs.challenger),
        champion=of(pairs.champion) if pairs.champion else None,
        constant=of(trivial_answer(metric, pairs)),
    )
