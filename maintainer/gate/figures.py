"""What the gates look at: both models' answers on each holdout, and what was measured about the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from maintainer.domain import metrics
from maintainer.domain.sample import TaskKind

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answered:
    """One model's answers to n samples; class indices follow the classes that both models and the labels have."""

    answers: NDArray[np.int64] | Floats  # (n,) class indices, or values
    chances: Floats  # (n, c) probabilities, 0 for a class that the model does not know; (n, 0) for regression

    @property
    def classes(self) -> int:
        """Return c."""
        return self.chances.shape[1]


@dataclass(frozen=True)
class Pairs:
    """One holdout in time order, answered by both."""

    labels: NDArray[np.int64] | Floats  # (n,) class indices, or values
    challenger: Answered
    champion: Answered | None  # None at bootstrap
    names: tuple[str, ...] = ()  # of the classes, by index

    @property
    def n(self) -> int:
        """Return how many labelled samples there are."""
        return self.labels.size

    @cached_property
    def spread(self) -> float:
        """Return how far the labels of a regression lie apart; 0 only where all are equal.

        The interquartile range, or the mean deviation from the median where that is larger: most labels may be one
        value, such as no demand, and have no range between their quartiles.
        """
        low, middle, high = np.quantile(self.labels, [0.25, 0.5, 0.75])
        return float(max(high - low, np.abs(self.labels - middle).mean()))

    def right(self, answered: Answered, tolerance: float | None) -> NDArray[np.bool_]:
        """Return (n,) whether an answer is right: the label's class, or within `tolerance` of the labels' spread."""
        if tolerance is None:
            return self.labels == answered.answers
        return np.abs(self.labels - answered.answers) <= tolerance * self.spread


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds that one call took, over `calls` of them."""

    p50: float
    p95: float
    p99: float
    calls: int


@dataclass(frozen=True, slots=True)
class Speeds:
    """Both models' calls of one batch size, taken by turns."""

    challenger: Latency
    champion: Latency | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that a gate may look at."""

    task: TaskKind
    parity: float
    size_bytes: int
    bootstrap: bool  # there is no champion
    holdouts: Mapping[str, Pairs] = field(default_factory=dict[str, Pairs])  # "current", "reference" where not empty
    speeds: Mapping[int, Speeds] = field(default_factory=dict[int, Speeds])  # batch -> measured
    adopted: bool = False  # nor a labelled sample: the challenger is what somebody has trained before


def all_metrics(task: TaskKind, pairs: Pairs, answered: Answered) -> dict[str, float]:
    """Return every metric that the task has; empty without samples."""
    if pairs.n == 0:
        return {}
    if task is TaskKind.REGRESSION:
        values = answered.answers.astype(np.float64)
        return {name: metrics.measure(name, pairs.labels, values) for name in metrics.REGRESSION}
    labels, answers = pairs.labels.astype(np.int64), answered.answers.astype(np.int64)
    return {
        "accuracy": metrics.accuracy(labels, answers),
        "f1_macro": metrics.f1_macro(labels, answers),
        "log_loss": metrics.log_loss(labels, answered.chances),
        "ece": metrics.ece(labels, answered.chances),
    }
