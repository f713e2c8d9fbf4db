"""A linear model on what a network already says of its inputs: where the head of fine-tuning begins.

Kumar et al. 2022 (LP-FT), https://arxiv.org/abs/2202.10054: with a head that begins anywhere else, the first steps
distort what was learned before.
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from contextlib import nullcontext

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


def fit(module: TextModel, inputs: Texts, targets: Tensor, task: TaskKind, at_once: int) -> None:
    """Set the module's head to the linear model of its states that fits the targets (n,) best."""
    assert module.head is not None
    rows = torch.linspace(0, inputs.size - 1, min(MOST, inputs.size)).long()
    found, targets = states(module, inputs.take(rows), at_once), targets[rows]
    middle, scale = found.mean(0), found.std(0, correction=0).clamp_min(1e-6)
    weight, bias = solve((found - middle) / scale, targets, module.head.out_features, task)
    module.head.weight.copy_(weight / scale)
    module.head.bias.copy_(bias - (weight / scale) @ middle)


def solve(found: Tensor, targets: Tensor, outputs: int, task: TaskKind) -> tuple[Tensor, Tensor]:
    """Return weight (outputs, width) and bias (outputs,) that make loss(found @ weight.T + bias) least."""
    weight = nn.Parameter(torch.zeros(outputs, found.shape[1]))
    bias = nn.Parameter(torch.zeros(outputs))
    solver = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        answers = found @ weight.T + bias
        if task is TaskKind.CLASSIFICATION:
            value = functional.cross_entropy(answers, targets)
        else:
            value = 0.5 * ((answers[:, 0] - targets) ** 2).mean()
        value = value + 0.5 * PULL * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        solver.step(loss)
    return weight.detach(), bias.detach()
