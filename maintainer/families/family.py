"""What every family of models is to training: an encoder of samples, a module, and how both grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, Self

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.families.table import Samples

Weights = dict[str, Tensor]


class Frozen(BaseModel):
    """A closed, immutable document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Encoder(Frozen):
    """Everything between a row and the weights; the same for every alpha of a frontier."""

    family: str
    task: TaskKind
    classes: tuple[str, ...] = ()  # empty for regression
    target_mean: float = 0.0  # regression is trained on (label - mean) / scale
    target_scale: float = 1.0

    @property
    def sequential(self) -> bool:
        """Return whether its samples are sequences, of which each costs much."""
        return False

    @property
    def outputs(self) -> int:
        """Return the width of the last layer."""
        return len(self.classes) if self.task is TaskKind.CLASSIFICATION else 1


class Inputs(Protocol):
    """n samples as a family's module takes them."""

    @property
    def size(self) -> int:
        """Return n."""
        ...

    @property
    def lengths(self) -> Tensor | None:
        """Return (n,) what each sample costs, where that differs: batches are then made of like lengths."""
        ...

    def take(self, rows: Tensor) -> Self:
        """Return the samples at the indices `rows`, ready for the module."""
        ...

    def disturbed(self, generator: torch.Generator) -> Self:
        """Return the samples as training shows them, with some of the input hidden."""
        ...


class Family(Protocol):
    """One kind of network. `build(...)(inputs)` gives (n, outputs): logits, or one standardised value."""

    @property
    def name(self) -> str:
        """Return the word a policy names it by."""
        ...

    @property
    def at_once(self) -> int:
        """Return how many samples the module answers at a time without training."""
        ...

    @property
    def pretrained(self) -> bool:
        """Return whether a new module already knows something, so that a first model needs no longer training."""
        ...

    @property
    def learning_rate(self) -> float:
        """Return the usual size of a step."""
        ...

    @property
    def gradual(self) -> bool:
        """Return whether weights learn one after the other, those next to the answer first."""
        ...

    def depths(self, module: Any) -> dict[str, int]:
        """Return how far each weight lies from the answer, 0 for the last layer; asked where they learn gradually."""
        ...

    def prime(self, module: Any, inputs: Any, targets: Tensor, task: TaskKind, known: int = 0) -> bool:
        """Give a module a head to begin with, fitted to samples; return whether it has one now.

        Of a module that has grown only the outputs from `known` on: the former ones stay as they are.
        """
        ...

    def features(self, encoder: Any) -> dict[str, str]:
        """Return what an encoder takes: column -> its kind."""
        ...

    def fit(self, task: TaskKind, samples: Samples, classes: tuple[str, ...], base: Base) -> Any:
        """Return the encoder of samples whose labels are all there."""
        ...

    def grow(self, encoder: Any, samples: Samples, classes: tuple[str, ...]) -> Any:
        """Return the encoder with room for what is new in `samples`, and for `classes`: those there, then new ones."""
        ...

    def grow_weights(self, before: Any, after: Any, weights: Weights, fill: bool) -> Weights:
        """Return weights of a grown encoder that answer as before; without `fill` (importances) what is new is zero."""
        ...

    def settled(self, encoder: Any, weights: Weights) -> Weights:
        """Return the weights that a version carries, of those that were trained."""
        ...

    def inputs(self, encoder: Any, samples: Samples) -> Inputs:
        """Return the tensors of samples."""
        ...

    def build(self, encoder: Any, weights: Weights | None, dropout: float) -> nn.Module:
        """Return the module with these weights or, without, as it begins."""
        ...

    def save(self, encoder: Any, directory: Path) -> None:
        """Write the encoder of a version."""
        ...

    def load(self, directory: Path) -> Any:
        """Read the encoder of a version. Raises InputError where it is absent or no encoder."""
        ...
