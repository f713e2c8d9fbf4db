"""What the champion makes of samples: the inputs of its last layer, in which like samples lie near each other."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from maintainer.families.family import Family, Weights
from maintainer.families.table import Samples
from maintainer.train.exam import answers_of, rows_of

AT_ONCE = 1024  # samples that are compared with all others at a time


class _Body(nn.Module):
    """A module without its last layer: it gives what that layer takes."""

    def __init__(self, module: nn.Module, outputs: int) -> None:
        super().__init__()
        self.module, self.taken = module, torch.zeros(0)
        ends = [part for part in module.modules() if isinstance(part, nn.Linear) and part.out_features == outputs]
        if not ends:
            raise ValueError(f"{type(module).__name__} has no Linear of {outputs} outputs to look behind")
        ends[-1].register_forward_pre_hook(self._take)

    def _take(self, layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        del layer
        self.taken = given[0]

    def forward(self, inputs: Any) -> Tensor:  # (n, d)
        """Return the inputs of the last layer."""
        self.module(inputs)
        return self.taken


def features(family: Family, encoder: Any, weights: Weights, samples: Samples) -> Tensor:
    """Return the (n, d) inputs of the last layer, each row of length 1; a row of zeros stays one.

    Raises ValueError where the module ends in no Linear.
    """
    body = _Body(family.build(encoder, weights, 0.0), encoder.outputs)
    return functional.normalize(answers_of(body, rows_of(family, encoder, samples), family.at_once), dim=1)


def nearest(asked: Tensor, known: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the (m, k) cosines and indices of the k rows of `known` (n, d) most like each row of `asked` (m, d).

    Rows have length 1. The most alike comes first; k is at most n.
    """
    found = [torch.topk(part @ known.T, min(k, len(known)), dim=1) for part in asked.split(AT_ONCE)]
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])
