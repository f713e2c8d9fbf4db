"""What the families that take a table have in common: coded rows in, an encoder in one JSON file."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.families import encoder as encoders
from maintainer.families.encoder import UNKNOWN, E
from maintainer.families.family import Weights
from maintainer.families.table import Samples
from maintainer.families.weights import load_encoder, save_encoder

FORGET = 0.02  # share of category codes that training replaces by the unknown one, so that it means "some category"


@dataclass(frozen=True, slots=True)
class TableInputs:
    """n coded rows."""

    codes: Tensor  # (n, categories) int64
    numbers: Tensor  # (n, width of the encoder)

    @property
    def size(self) -> int:
        """Return n."""
        return self.numbers.shape[0]

    @property
    def lengths(self) -> None:
        """Rows of a table cost the same."""
        return None

    def take(self, rows: Tensor) -> TableInputs:
        """Return the samples at the indices `rows`."""
        return TableInputs(self.codes[rows], self.numbers[rows])

    def disturbed(self, generator: torch.Generator) -> TableInputs:
        """Return the samples with a few categories made unknown."""
        hidden = torch.rand(self.codes.shape, generator=generator) < FORGET
        return replace(self, codes=self.codes.masked_fill(hidden, UNKNOWN))


M = TypeVar("M", bound=nn.Module)


class TableFamily(Generic[E, M]):
    """The part of `family.Family` that is the same for all of them."""

    pretrained = False
    learning_rate = 1e-3
    gradual = False
    kind: type[E]  # its encoder
    network: Callable[[E, float], M]  # its module, from an encoder and a dropout

    def depths(self, module: nn.Module) -> dict[str, int]:
        """Return 0 for each weight: they learn at once."""
        return {name: 0 for name, _ in module.named_parameters()}

    def prime(self, module: nn.Module, inputs: TableInputs, targets: Tensor, task: TaskKind, known: int = 0) -> bool:
        """Leave the head as it begins."""
        del module, inputs, targets, task, known
        return False

    def settled(self, encoder: E, weights: Weights) -> Weights:
        """Return the weights as they are."""
        del encoder
        return weights

    def features(self, encoder: E) -> dict[str, str]:
        """Return column -> its kind."""
        return encoder.features

    def fit(self, task: TaskKind, samples: Samples, classes: tuple[str, ...], base: Base) -> E:
        """Return the encoder of samples whose labels are all there."""
        del base
        return encoders.fit(self.kind, task, samples, classes)

    def grow(self, encoder: E, samples: Samples, classes: tuple[str, ...]) -> E:
        """Return the encoder with room for what is new."""
        return encoders.grow(encoder, samples, classes)

    def inputs(self, encoder: E, samples: Samples) -> TableInputs:
        """Return the tensors of samples."""
        coded = encoders.encode(encoder, samples)
        return TableInputs(torch.from_numpy(coded.codes), torch.from_numpy(coded.numbers))

    def build(self, encoder: E, weights: Weights | None = None, dropout: float = 0.0) -> M:
        """Return the module, with these weights or, without, with new ones from torch's generator."""
        module = type(self).network(encoder, dropout)
        if weights is not None:
            module.load_state_dict(weights)
        return module

    def save(self, encoder: E, directory: Path) -> None:
        """Write `encoder.json`."""
        save_encoder(directory, encoder)

    def load(self, directory: Path) -> E:
        """Read `encoder.json`. Raises InputError where it is absent or no encoder."""
        return load_encoder(directory, self.kind)


def more_codes(before: E, after: E, weights: Weights, fill: bool) -> Weights:
    """Return the embeddings of the categories, `embeddings.N.weight` (codes, w), with a row for each new code.

    With `fill` it starts at the embedding of the unknown category, without, at zero.
    """
    grown: Weights = {}
    for place, (old, new) in enumerate(zip(before.categories, after.categories, strict=True)):
        table = weights[f"embeddings.{place}.weight"]
        row = table[UNKNOWN] if fill else torch.zeros_like(table[UNKNOWN])
        more = len(new.vocabulary) - len(old.vocabulary)
        grown[f"embeddings.{place}.weight"] = torch.cat([table, row.expand(more, -1)])
    return grown
