"""The family `tabular-mlp`: embedded categories beside standardised numbers, then hidden layers.

Only Linear and Embedding hold weights, so that an exact diagonal Fisher costs one pass (train/importance.py).
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.families import encoder as encoders
from maintainer.families.encoder import UNKNOWN, TableEncoder
from maintainer.families.family import Weights
from maintainer.families.head import grow_head
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


class TabularMlp(nn.Module):
    """Embeddings and numbers -> hidden layers with SiLU and dropout -> logits or one standardised value."""

    def __init__(self, encoder: TableEncoder, dropout: float = 0.0) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(code.codes, code.width) for code in encoder.categories)
        widths = [sum(code.width for code in encoder.categories) + encoder.width, *encoder.hidden]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.head = nn.Linear(widths[-1], encoder.outputs)
        self.dropout = nn.Dropout(dropout)
        for table in self.embeddings:
            nn.init.normal_(table.get_parameter("weight"), std=0.3)
            nn.init.zeros_(table.get_parameter("weight")[:2].detach())  # unknown and missing say nothing at first
        nn.init.zeros_(self.layers[0].get_parameter("weight")[:, _silent(encoder)].detach())

    def forward(self, inputs: TableInputs) -> Tensor:  # (n, outputs)
        """Return logits, or the standardised value."""
        parts = [table(inputs.codes[:, place]) for place, table in enumerate(self.embeddings)]
        hidden = torch.cat([*parts, inputs.numbers], dim=1)
        for layer in self.layers:
            hidden = self.dropout(nn.functional.silu(layer(hidden)))
        return self.head(hidden)


def _silent(encoder: TableEncoder) -> list[int]:
    """Return the inputs that were zero in all that the encoder has seen: no weight of theirs could be learned."""
    start, k = sum(code.width for code in encoder.categories), len(encoder.numbers)
    constant = [start + place for place, code in enumerate(encoder.numbers) if code.constant]
    return constant + [start + k + place for place, code in enumerate(encoder.numbers) if not code.missing]


def _widened(before: TableEncoder, after: TableEncoder, first: Tensor) -> Tensor:
    """Return the weights (hidden, inputs) of the first layer with zeros for new ramps, behind those of their column."""
    kept = sum(code.width for code in before.categories) + 2 * len(before.numbers)
    parts, start = [first[:, :kept]], kept
    for old, new in zip(before.numbers, after.numbers, strict=True):
        parts.append(first[:, start : start + old.ramps])
        parts.append(torch.zeros(first.shape[0], new.ramps - old.ramps, dtype=first.dtype))
        start += old.ramps
    return torch.cat(parts, dim=1)


class TabularMlpFamily:
    """See `family.Family`."""

    name = "tabular-mlp"
    at_once = 16_384
    pretrained = False

    def features(self, encoder: TableEncoder) -> dict[str, str]:
        """Return column -> its kind."""
        return encoder.features

    def fit(self, task: TaskKind, samples: Samples, classes: tuple[str, ...], base: Base) -> TableEncoder:
        """Return the encoder of samples whose labels are all there."""
        del base
        return encoders.fit(task, samples, classes)

    def grow(self, encoder: TableEncoder, samples: Samples, classes: tuple[str, ...]) -> TableEncoder:
        """Return the encoder with room for what is new."""
        return encoders.grow(encoder, samples, classes)

    def grow_weights(self, before: TableEncoder, after: TableEncoder, weights: Weights, fill: bool) -> Weights:
        """Return weights for an encoder that `grow` made of `before`.

        With `fill`, a category that gets a code starts at the embedding of the unknown one, without, at zero. New ramps
        start at zero, and what was constant or never missing has had no influence yet: the answers stay what they were.
        """
        grown = dict(weights)
        for place, (old, new) in enumerate(zip(before.categories, after.categories, strict=True)):
            table = weights[f"embeddings.{place}.weight"]
            row = table[UNKNOWN] if fill else torch.zeros_like(table[UNKNOWN])
            more = len(new.vocabulary) - len(old.vocabulary)
            grown[f"embeddings.{place}.weight"] = torch.cat([table, row.expand(more, -1)])
        grown["layers.0.weight"] = _widened(before, after, weights["layers.0.weight"])
        return grow_head(grown, "head", after.outputs)

    def inputs(self, encoder: TableEncoder, samples: Samples) -> TableInputs:
        """Return the tensors of samples."""
        coded = encoders.encode(encoder, samples)
        return TableInputs(torch.from_numpy(coded.codes), torch.from_numpy(coded.numbers))

    def build(self, encoder: TableEncoder, weights: Weights | None = None, dropout: float = 0.0) -> TabularMlp:
        """Return the module, with these weights or, without, with new ones from torch's generator."""
        module = TabularMlp(encoder, dropout)
        if weights is not None:
            module.load_state_dict(weights)
        return module

    def save(self, encoder: TableEncoder, directory: Path) -> None:
        """Write `encoder.json`."""
        save_encoder(directory, encoder)

    def load(self, directory: Path) -> TableEncoder:
        """Read `encoder.json`. Raises InputError where it is absent or no encoder."""
        return load_encoder(directory, TableEncoder)


FAMILY = TabularMlpFamily()
