"""Slices of a backtest: the maintained model beside the one left alone, on all samples after the bootstrap."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maintainer.backtest.replay import Replay
from maintainer.domain.gates import ComparedMetric
from maintainer.domain.phase import Slices
from maintainer.domain.sample import TaskKind
from maintainer.domain.statistics import Resampling
from maintainer.gate.figures import Answered, Pairs
from maintainer.gate.moved import tolerance_of
from maintainer.gate.sliced import named, slices_of
from maintainer.rows import columns_of

SCORED, HISTORY = "scored", "history"


def slices(replay: Replay) -> Slices | None:
    """Return the slices by the columns that the policy names, numbers by the quartiles of the bootstrap's samples.

    None where it names none.
    """
    policy, stream = replay.plan.policy, replay.stream
    if not policy.task.slices or not replay.labels:
        return None
    kinds = {column: policy.task.kinds[column] for column in policy.task.slices}
    first, last = stream.moment(0), stream.moment(len(stream) - 1) + timedelta(microseconds=1)
    spans = {HISTORY: (first, replay.begin), SCORED: (replay.begin, last)}
    columns = {name: columns_of(stream.between(*span).table, kinds) for name, span in spans.items()}
    answers = {name: np.concatenate(values) for name, values in replay.answers.items()}
    pairs = _pairs(replay.task, np.concatenate(replay.labels), answers["static"], answers["maintained"])
    metric: ComparedMetric = "mae" if replay.task is TaskKind.REGRESSION else "accuracy"
    near = tolerance_of(policy.gates, replay.task)
    how = Resampling(seed=policy.train.seed)
    return slices_of(metric, pairs, named(columns, HISTORY)[SCORED], near, how)


def _pairs(task: TaskKind, labels: NDArray[Any], static: NDArray[Any], maintained: NDArray[Any]) -> Pairs:
    none = np.zeros((labels.size, 0))  # of chances: the main metrics look at answers alone
    if task is TaskKind.REGRESSION:
        former, latter = (Answered(values.astype(np.float64), none) for values in (static, maintained))
        return Pairs(labels.astype(np.float64), latter, former)
    names, places = np.unique(np.concatenate([labels, static, maintained]).astype(str), return_inverse=True)
    of, was, now = np.split(places.astype(np.int64), 3)
    return Pairs(of, Answered(now, none), Answered(was, none), tuple(names))
