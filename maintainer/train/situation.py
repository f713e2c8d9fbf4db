"""What a strategy is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from maintainer.domain.phase import EpochRecord, FrontierPoint
from maintainer.domain.policy import Train
from maintainer.domain.sample import TaskKind
from maintainer.families.encoder import Encoder
from maintainer.families.table import Samples
from maintainer.families.tabular_mlp import Weights


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

    encoder: Encoder
    weights: Weights
    importance: Weights


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything a strategy may look at."""

    task: TaskKind
    rules: Train
    metric: str
    classes: tuple[str, ...]
    parts: Parts


@dataclass(frozen=True, slots=True)
class Outcome:
    """A challenger; at alpha 0 it is the champion itself, and there is none."""

    encoder: Encoder
    weights: Weights
    points: tuple[FrontierPoint, ...]
    chosen: FrontierPoint
    epochs: tuple[EpochRecord, ...]
    importance: Weights | None  # the champion's, fitted to the encoder; None where its weights play no part


class Strategy(Protocol):
    """A way to make a challenger of a champion."""

    def __call__(self, situation: Situation, champion: Champion) -> Outcome:
        """Return the challenger."""
        ...
