"""The family `tabular-mlp`: embedded categories beside standardised numbers, then hidden layers.

Only Linear and Embedding hold weights, so that an exact diagonal Fisher costs one pass (train/importance.py).
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from maintainer.families.encoder import TableEncoder
from maintainer.families.family import Weights
from maintainer.families.head import grow_head
from maintainer.families.table_family import TableFamily, TableInputs, more_codes


class MlpEncoder(TableEncoder):
    """The table as it is coded, and the widths of the hidden layers."""

    family: Literal["tabular-mlp"] = "tabular-mlp"  # pyright: ignore[reportIncompatibleVariableOverride]
    hidden: tuple[int, ...] = (128, 128)


class TabularMlp(nn.Module):
    """Embeddings and numbers -> hidden layers with SiLU and dropout -> logits or one standardised value."""

    def __init__(self, encoder: MlpEncoder, dropout: float = 0.0) -> None:
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


def _silent(encoder: MlpEncoder) -> list[int]:
    """Return the inputs that were zero in all that the encoder has seen: no weight of theirs could be learned."""
    start, k = sum(code.width for code in encoder.categories), len(encoder.numbers)
    constant = [start + place for place, code in enumerate(encoder.numbers) if code.constant]
    return constant + [start + k + place for place, code in enumerate(encoder.numbers) if not code.missing]


def _widened(before: MlpEncoder, after: MlpEncoder, first: Tensor) -> Tensor:
    """Return the weights (hidden, inputs) of the first layer with zeros for new ramps, behind those of their column."""
    kept = sum(code.width for code in before.categories) + 2 * len(before.numbers)
    parts, start = [first[:, :kept]], kept
    for old, new in zip(before.numbers, after.numbers, strict=True):
        parts.append(first[:, start : start + old.ramps])
        parts.append(torch.zeros(first.shape[0], new.ramps - old.ramps, dtype=first.dtype))
        start += old.ramps
    return torch.cat(parts, dim=1)


class TabularMlpFamily(TableFamily[MlpEncoder, TabularMlp]):
    """See `family.Family`."""

    name = "tabular-mlp"
    at_once = 16_384
    kind = MlpEncoder
    network = TabularMlp

    def grow_weights(self, before: MlpEncoder, after: MlpEncoder, weights: Weights, fill: bool) -> Weights:
        """Return weights for an encoder that `grow` made of `before`.

        New ramps start at zero, and what was constant or never missing has had no influence yet: the answers stay what
        they were.
        """
        grown = weights | more_codes(before, after, weights, fill)
        grown["layers.0.weight"] = _widened(before, after, weights["layers.0.weight"])
        return grow_head(grown, "head", after.outputs)


FAMILY = TabularMlpFamily()
