"""The module of `tabular-mlp`: embedded categories beside standardised numbers, then hidden layers.

Only Linear and Embedding hold weights, so that an exact diagonal Fisher costs one pass (train/importance.py).
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from maintainer.families.encoder import UNKNOWN, Encoder

Weights = dict[str, Tensor]


class TabularMlp(nn.Module):
    """Embeddings and numbers -> hidden layers with SiLU and dropout -> logits or one standardised value."""

    def __init__(self, encoder: Encoder, dropout: float = 0.0) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(code.codes, code.width) for code in encoder.categories)
        widths = [sum(code.width for code in encoder.categories) + 2 * len(encoder.numbers), *encoder.hidden]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.head = nn.Linear(widths[-1], encoder.outputs)
        self.dropout = nn.Dropout(dropout)
        for table in self.embeddings:
            nn.init.normal_(table.get_parameter("weight"), std=0.3)
            nn.init.zeros_(table.get_parameter("weight")[:2].detach())  # unknown and missing say nothing at first

    def forward(
        self,
        codes: Tensor,  # (n, categories) int64
        numbers: Tensor,  # (n, 2 k)
    ) -> Tensor:  # (n, outputs)
        """Return logits, or the standardised value."""
        parts = [table(codes[:, place]) for place, table in enumerate(self.embeddings)]
        hidden = torch.cat([*parts, numbers], dim=1)
        for layer in self.layers:
            hidden = self.dropout(nn.functional.silu(layer(hidden)))
        return self.head(hidden)


def build(encoder: Encoder, weights: Weights | None = None, dropout: float = 0.0) -> TabularMlp:
    """Return the module, with these weights or, without, with new ones from torch's generator."""
    module = TabularMlp(encoder, dropout)
    if weights is not None:
        module.load_state_dict(weights)
    return module


def grow(before: Encoder, after: Encoder, weights: Weights, fill: bool) -> Weights:
    """Return weights for an encoder that `encoder.grow` made of `before`.

    With `fill`, a category that gets a code starts at the embedding of the unknown one, and a number that was constant
    starts without influence, so that the answers stay what they were; without (importances), both start at zero.
    """
    grown = dict(weights)
    for place, (old, new) in enumerate(zip(before.categories, after.categories, strict=True)):
        table = weights[f"embeddings.{place}.weight"]
        row = table[UNKNOWN] if fill else torch.zeros_like(table[UNKNOWN])
        more = len(new.vocabulary) - len(old.vocabulary)
        grown[f"embeddings.{place}.weight"] = torch.cat([table, row.expand(more, -1)])
    first = grown["layers.0.weight"].clone()
    start = sum(code.width for code in before.categories)
    for place, (old_code, new_code) in enumerate(zip(before.numbers, after.numbers, strict=True)):
        if old_code.constant and not new_code.constant:
            first[:, start + place] = 0.0
    grown["layers.0.weight"] = first
    return grown
