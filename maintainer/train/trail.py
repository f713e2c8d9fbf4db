"""Each weight's part in what the loss fell by, summed over the steps of a training."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import torch
from torch import Tensor


class Trail:
    """-sum over steps of g_i dtheta_i, with g the gradient of the task alone (Zenke et al. 2017, eq. 3).

    https://arxiv.org/abs/1703.04200. What was there before a step lies in two vectors that are kept: new ones for each
    step cost ten times as much.
    """

    def __init__(self, values: Tensor) -> None:
        self.total = torch.zeros_like(values)  # (P,)
        self._slopes, self._values = torch.zeros_like(values), torch.zeros_like(values)

    def begin(self, grads: Tensor, values: Tensor) -> None:
        """Take down the gradient (P,) and the weights (P,) before a step."""
        self._slopes.copy_(grads)
        self._values.copy_(values)

    def end(self, values: Tensor) -> None:
        """Add what a step to these weights (P,) has brought."""
        moved = torch.sub(values, self._values, out=self._values)
        self.total.addcmul_(self._slopes, moved, value=-1.0)
