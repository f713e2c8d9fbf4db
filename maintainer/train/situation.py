"""What a strategy is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from torch import Tensor

from maintainer.domain.phase import EpochRecord, FrontierPoint, Trial
from maintainer.domain.policy import Train
from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.families.family import Family, Weights
from maintainer.families.table import Samples
from maintainer.train.memory import Memory


@dataclass(frozen=True, slots=True)
class Parts:
    """Labelled samples by what they are for; every label is one that can be learned."""

    new: Samples
    former: Samples
    judge_new: Samples
    judge_former: Samples


@dataclass(frozen=True, slots=True)
class Champion:
    """The version in production."""

    encoder: Any  # of the family
    weights: Weights
    memory: Memory


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a strategy may look at."""

    family: Family
    base: Base
    task: TaskKind
    rules: Train
    metric: str
    classes: tuple[str, ...]  # the champion's, then new ones
    parts: Parts
    balance: Literal["none", "weighted-loss", "oversample", "undersample"] = "none"
    checkpoints: Path | None = None  # where a killed training goes on from
    watch: Callable[[float, float | None], None] | None = None  # is told the metric on new and former data, each epoch


@dataclass(frozen=True, slots=True)
class Outcome:
    """A challenger; at alpha 0 it is the champion itself, and there is none."""

    encoder: Any
    weights: Weights
    points: tuple[FrontierPoint, ...]
    chosen: FrontierPoint
    epochs: tuple[EpochRecord, ...]
    start: Weights  # what training began at
    memory: Memory | None  # the champion's, fitted to the encoder; None where its weights play no part
    path: Tensor | None = None  # (P,) of the training, where the strategy keeps it
    notes: tuple[str, ...] = ()  # for the report
    trials: tuple[Trial, ...] = ()  # of the search before it


class Strategy(Protocol):
    """A way to make a challenger of a champion."""

    def __call__(self, situation: Situation, champion: Champion) -> Outcome:
        """Return the challenger."""
        ...
