"""How large a step is: warm-up, then a cosine or a constant; and the rule that takes it."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

WARM_UP = 0.1  # share of all steps in which the learning rate rises
LAST_RATE = 0.05  # share of the learning rate at the last step (cosine, Loshchilov & Hutter 2017, arXiv 1608.03983)
MOMENTUM = 0.9  # of sgd

Schedule = Literal["cosine", "constant"]


def factor(schedule: Schedule, step: int, steps: int) -> float:
    """Return what the learning rate is multiplied by in a step, counted from 0."""
    if schedule == "constant":
        return 1.0
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    way = (step - warm) / max(1, steps - warm)
    return LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * way))


def decay(values: Tensor, home: Tensor | None, share: float) -> None:
    """Draw weights (P,) a share of the way home or, where there is none, to zero; decoupled from the gradient."""
    if home is None:
        values.mul_(1.0 - share)
    else:
        values.lerp_(home, share)


def optimizer_of(weights: nn.Parameter, name: Literal["adamw", "adam", "sgd"], rate: float) -> torch.optim.Optimizer:
    """Return the optimiser; decay is done by the stepper, towards the champion."""
    if name == "sgd":
        return torch.optim.SGD([weights], lr=rate, momentum=MOMENTUM)
    return torch.optim.AdamW([weights], lr=rate, weight_decay=0.0, fused=True)
