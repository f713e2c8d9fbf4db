"""A linear model on what a network already says of its inputs: where the head of fine-tuning begins.

Kumar et al. 2022 (LP-FT), https://arxiv.org/abs/2202.10054: with a head that begins anywhere else, the first steps
distort what was learned before.
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from maintainer.domain.sample import TaskKind
from maintainer.families.network import TextModel
from maintainer.families.text import Texts

MOST = 20_000  # texts that it is fitted to, spread evenly over all
PULL = 1e-2  # half of it times the squared norm of the weights is added to the mean loss, of standardised states
STEPS = 100  # of L-BFGS at most


def states(module: TextModel, inputs: Texts, at_once: int) -> Tensor:
    """Return (n, width) the mean of the last states of each text."""
    module.eval()
    order = torch.argsort(inputs.lengths, stable=True)
    found = torch.empty(0)
    for rows in order.split(at_once):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=module.halved):
            some = inputs.take(rows)
            with module.prefix.above(some) if module.prefix is not None else nullcontext():
                pooled = module.pooled(*some.padded()).float()
        found = found if len(found) else pooled.new_zeros(inputs.size, pooled.shape[1])
        found[rows] = pooled
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """What a head is to answer."""

    targets: Tensor  # (n,)
    task: TaskKind
    known: int = 0  # outputs that are there already and stay as they are


def fit(module: TextModel, inputs: Texts, asked: Asked, at_once: int) -> None:
    """Set the module's head, from output `known` on, to the linear model of its states that fits the targets best."""
    assert module.head is not None
    rows = torch.linspace(0, inputs.size - 1, min(MOST, inputs.size)).long()
    found, asked = states(module, inputs.take(rows), at_once), replace(asked, targets=asked.targets[rows])
    middle, scale = found.mean(0), found.std(0, correction=0).clamp_min(1e-6)
    fixed = functional.linear(found, module.head.weight, module.head.bias)[:, : asked.known]
    weight, bias = solve((found - middle) / scale, asked, module.head.out_features, fixed)
    module.head.weight[asked.known :] = weight / scale
    module.head.bias[asked.known :] = bias - (weight / scale) @ middle


def solve(found: Tensor, asked: Asked, outputs: int, fixed: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight (new, width) and bias (new,) of the outputs behind the fixed answers (n, known) that fit best.

    Beside fixed ones each class counts the same: of the former ones there are few samples, and as many as there are.
    """
    weight = nn.Parameter(torch.zeros(outputs - asked.known, found.shape[1]))
    bias = nn.Parameter(torch.zeros(outputs - asked.known))
    solver = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")
    counts = torch.bincount(asked.targets, minlength=outputs).clamp_min(1) if asked.known else None
    weights = None if counts is None else 1.0 / counts

    def loss() -> Tensor:
        solver.zero_grad()
        answers = torch.cat([fixed, found @ weight.T + bias], dim=1)
        if asked.task is TaskKind.CLASSIFICATION:
            value = functional.cross_entropy(answers, asked.targets, weights)
        else:
            value = 0.5 * ((answers[:, 0] - asked.targets) ** 2).mean()
        value = value + 0.5 * PULL * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        solver.step(loss)
    return weight.detach(), bias.detach()
