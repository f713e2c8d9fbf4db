"""How each champion does on the holdout of each champion before it: the table R of continual learning."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maintainer.champion import Model
from maintainer.domain import metrics
from maintainer.domain.sample import TaskKind


@dataclass(frozen=True, slots=True)
class Period:
    """The holdout that judged one champion when it was made."""

    table: Any  # pyarrow.Table of the features
    labels: NDArray[Any]  # (n,)


@dataclass
class Periods:
    """R[i][j]: the metric of champion i on period j <= i."""

    task: TaskKind
    metric: str
    periods: list[Period] = field(default_factory=list[Period])
    table: list[list[float]] = field(default_factory=list[list[float]])

    def add(self, model: Model, holdout: Path) -> None:
        """Add a new champion and the holdout that judged it."""
        table = pq.read_table(holdout)
        self.periods.append(Period(table, np.array(table["_label"].to_pylist())))
        self.table.append(
            [score(self.task, self.metric, p.labels, model.predict(p.table).answers) for p in self.periods]
        )

    @property
    def backward_transfer(self) -> float | None:
        """Return the mean gain on former periods since each was learned; None with one champion only."""
        return metrics.backward_transfer(self.table, self.metric) if len(self.table) > 1 else None

    @property
    def forgetting(self) -> float | None:
        """Return the mean loss on former periods from the best that any champion did; None with one champion only."""
        return metrics.forgetting(self.table, self.metric) if len(self.table) > 1 else None


def score(task: TaskKind, metric: str, labels: NDArray[Any], answers: NDArray[Any]) -> float:
    """Return a metric of (n,) answers against (n,) labels; NaN where n is 0. Classification is by class names."""
    if not len(labels):
        return float("nan")
    if task is TaskKind.REGRESSION:
        return metrics.measure(metric, labels, answers.astype(np.float64))
    places = np.unique(np.concatenate([labels, answers]).astype(str), return_inverse=True)[1].reshape(2, -1)
    measure = {"accuracy": metrics.accuracy, "f1_macro": metrics.f1_macro}[metric]
    return measure(*places.astype(np.int64))
