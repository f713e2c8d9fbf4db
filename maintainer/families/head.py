"""The last layer, when a class comes that the model has never seen."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import torch
from torch import Tensor

from maintainer.families.family import Weights


def grow_head(weights: Weights, name: str, outputs: int) -> Weights:
    """Return the weights with zero rows for new classes in the Linear `name`; rows that are there stay untouched."""
    grown = dict(weights)
    for key in (f"{name}.weight", f"{name}.bias"):
        if key in weights:
            grown[key] = _more_rows(weights[key], outputs)
    return grown


def _more_rows(rows: Tensor, wanted: int) -> Tensor:
    more = wanted - rows.shape[0]
    return torch.cat([rows, torch.zeros((more, *rows.shape[1:]), dtype=rows.dtype)]) if more > 0 else rows
