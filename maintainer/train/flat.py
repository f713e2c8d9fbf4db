"""All weights of a module as one vector: an optimiser step, an average, a penalty are one operation each."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import torch
from torch import Tensor, nn

from maintainer.families.family import Weights


class Flat:
    """The weights and gradients of a module that learn, which become views into two vectors of P numbers."""

    def __init__(self, module: nn.Module) -> None:
        named = [(name, value) for name, value in module.named_parameters() if value.requires_grad]
        self.shapes = {name: value.shape for name, value in named}
        self.values = self.join({name: value.detach() for name, value in named})  # (P,)
        self.grads = torch.zeros_like(self.values)  # (P,)
        values, grads = self.split(self.values), self.split(self.grads)
        for name, value in named:
            value.data = values[name]
            value.grad = grads[name]

    def join(self, weights: Weights) -> Tensor:
        """Return the vector (P,) of named weights."""
        return torch.cat([weights[name].reshape(-1) for name in self.shapes])

    def split(self, vector: Tensor) -> Weights:
        """Return the named views into a vector (P,)."""
        pieces = vector.split([shape.numel() for shape in self.shapes.values()])
        return {name: piece.view(shape) for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)}
