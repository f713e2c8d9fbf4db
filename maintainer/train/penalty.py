"""What holds the weights near the champion's, each weight as hard as it matters."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

BLOCK = 2**16  # weights at a time: their distance from the anchor never leaves the cache


class Penalty(Protocol):
    """A term of the loss that depends on the weights alone; its gradient is added by hand, which costs a tenth."""

    def add_gradient(self, values: Tensor, grads: Tensor) -> None:
        """Add the gradient at the weights (P,) to `grads` (P,)."""
        ...


@dataclass(frozen=True, slots=True)
class Quadratic:
    """1/2 sum_i pull_i (theta_i - anchor_i)^2, both (P,): L2-SP, EWC, SI, MAS (Kirkpatrick et al. 2017, eq. 3).

    https://arxiv.org/abs/1612.00796. With pull = strength * F and F the mean Fisher per sample this is, to second
    order, the mean divergence KL(champion || challenger) on former data in nats: a loss of those samples like any
    other, so its strength is their share of a batch, whatever the data, the width or the number of classes.
    """

    anchor: Tensor
    pull: Tensor

    def add_gradient(self, values: Tensor, grads: Tensor) -> None:
        """Add pull * (theta - anchor)."""
        parts = (vector.split(BLOCK) for vector in (grads, self.pull, values, self.anchor))
        for gradient, pull, weights, anchor in zip(*parts, strict=True):
            gradient.addcmul_(pull, weights - anchor)
