"""The family `ft-transformer`: each column a token, then attention between the columns of a row.

Gorishniy et al. 2021 (FT-Transformer), https://arxiv.org/abs/2106.11959, with the piecewise-linear coding of numbers of
the same authors (https://arxiv.org/abs/2203.05556) in front of each number's Linear. Smaller than theirs, for a
processor. Only Linear, Embedding and LayerNorm hold weights (train/importance.py).
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from maintainer.families.encoder import TableEncoder
from maintainer.families.family import Weights
from maintainer.families.head import grow_head
from maintainer.families.table_family import TableFamily, TableInputs, more_codes


class FtEncoder(TableEncoder):
    """The table as it is coded, and the size of the transformer."""

    family: Literal["ft-transformer"] = "ft-transformer"  # pyright: ignore[reportIncompatibleVariableOverride]
    token: int = 64  # numbers that stand for a column
    blocks: int = 2
    heads: int = 4  # of the attention; divides `token`
    wide: int = 128  # of the layer between two tokens


class Block(nn.Module):
    """Attention between the tokens of a row, then a layer on each of them; each on normed tokens, added to them."""

    def __init__(self, encoder: FtEncoder, dropout: float) -> None:
        super().__init__()
        self.heads = encoder.heads
        self.before = nn.LayerNorm(encoder.token)
        self.mixed = nn.Linear(encoder.token, 3 * encoder.token)
        self.out = nn.Linear(encoder.token, encoder.token)
        self.between = nn.LayerNorm(encoder.token)
        self.widen = nn.Linear(encoder.token, encoder.wide)
        self.narrow = nn.Linear(encoder.wide, encoder.token)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:  # (n, t, d) -> (n, t, d)
        """Return the tokens, each knowing of the others."""
        n, t, d = tokens.shape
        mixed = self.mixed(self.before(tokens)).view(n, t, 3, self.heads, d // self.heads)
        query, key, value = mixed.permute(2, 0, 3, 1, 4)  # (n, heads, t, d / heads) each
        weights = (query @ key.transpose(2, 3) / (d // self.heads) ** 0.5).softmax(dim=3)
        tokens = tokens + self.dropout(self.out((weights @ value).transpose(1, 2).reshape(n, t, d)))
        hidden = nn.functional.silu(self.widen(self.between(tokens)))
        return tokens + self.dropout(self.narrow(hidden))


class FtTransformer(nn.Module):
    """One token that asks, one for each column -> blocks -> logits or one standardised value from the first."""

    def __init__(self, encoder: FtEncoder, dropout: float = 0.0) -> None:
        super().__init__()
        self.asking = nn.Embedding(1, encoder.token)
        self.embeddings = nn.ModuleList(nn.Embedding(code.codes, encoder.token) for code in encoder.categories)
        self.numbers = nn.ModuleList(nn.Linear(len(places), encoder.token) for places in encoder.places)
        self.blocks = nn.ModuleList(Block(encoder, dropout) for _ in range(encoder.blocks))
        self.norm = nn.LayerNorm(encoder.token)
        self.head = nn.Linear(encoder.token, encoder.outputs)
        self.places = [list(places) for places in encoder.places]
        for table in (self.asking, *self.embeddings):
            nn.init.normal_(table.get_parameter("weight"), std=encoder.token**-0.5)
        for table in self.embeddings:
            nn.init.zeros_(table.get_parameter("weight")[:2].detach())  # unknown and missing say nothing at first
        for layer, code in zip(self.numbers, encoder.numbers, strict=True):
            silent = [place for place, off in enumerate((code.constant, not code.missing)) if off]
            nn.init.zeros_(layer.get_parameter("weight")[:, silent].detach())  # nothing could be learned of these yet

    def forward(self, inputs: TableInputs) -> Tensor:  # (n, outputs)
        """Return logits, or the standardised value."""
        asking = self.asking(torch.zeros(inputs.size, dtype=torch.int64))
        categories = [table(inputs.codes[:, place]) for place, table in enumerate(self.embeddings)]
        numbers = [layer(inputs.numbers[:, at]) for layer, at in zip(self.numbers, self.places, strict=True)]
        tokens = torch.stack([asking, *categories, *numbers], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(nn.functional.silu(self.norm(tokens[:, 0])))


class FtTransformerFamily(TableFamily[FtEncoder, FtTransformer]):
    """See `family.Family`."""

    name = "ft-transformer"
    at_once = 4096
    kind = FtEncoder
    network = FtTransformer

    def grow_weights(self, before: FtEncoder, after: FtEncoder, weights: Weights, fill: bool) -> Weights:
        """Return weights for an encoder that `grow` made of `before`; new ramps start at zero, so answers stay."""
        grown = weights | more_codes(before, after, weights, fill)
        for place, (old, new) in enumerate(zip(before.numbers, after.numbers, strict=True)):
            first = weights[f"numbers.{place}.weight"]  # (token, 2 + ramps)
            more = torch.zeros(first.shape[0], new.ramps - old.ramps, dtype=first.dtype)
            grown[f"numbers.{place}.weight"] = torch.cat([first, more], dim=1)
        return grow_head(grown, "head", after.outputs)


FAMILY = FtTransformerFamily()
