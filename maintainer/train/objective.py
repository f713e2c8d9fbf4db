"""What training makes small: the loss of the task, and the distance from the champion's answers.

All terms are in the unit of the task's loss (nats, or squared label deviations), so that they add up without a weight
that needs tuning.
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from maintainer.domain.sample import TaskKind

DELTA = 0.5  # label deviations beyond which an error counts linearly: near MAE, but smooth at zero
RIGHT = 0.25  # a regression answer is right within this many label deviations


@dataclass(frozen=True, slots=True)
class Rows:
    """n samples as tensors."""

    codes: Tensor  # (n, categories) int64
    numbers: Tensor  # (n, 2 k) float32
    targets: Tensor  # (n,) int64 or float32

    @property
    def size(self) -> int:
        """Return n."""
        return self.targets.shape[0]

    def take(self, rows: Tensor) -> Rows:
        """Return the samples at the indices `rows`."""
        return Rows(self.codes[rows], self.numbers[rows], self.targets[rows])


@dataclass(frozen=True, slots=True)
class Teacher:
    """What the champion answered to each training row, and the part of the row's loss that is nearness to it."""

    outputs: Tensor  # (n, outputs)
    weight: Tensor  # (n,) in 0..1: 0 for new rows and where the champion was wrong

    def take(self, rows: Tensor) -> Teacher:
        """Return the answers at the indices `rows`."""
        return Teacher(self.outputs[rows], self.weight[rows])


def task_loss(task: TaskKind, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the (n,) cross-entropy in nats, or the Huber loss of the standardised label.

    Huber 1964, https://doi.org/10.1214/aoms/1177703732, divided by delta: |error| - delta / 2 beyond it. A skewed
    label (counts) so pulls with its error, not with the square, and the metric is the mean absolute error.
    """
    if task is TaskKind.CLASSIFICATION:
        return functional.cross_entropy(outputs, targets, reduction="none")
    return functional.smooth_l1_loss(outputs[:, 0], targets, reduction="none", beta=DELTA)


def distillation(task: TaskKind, outputs: Tensor, champion: Tensor) -> Tensor:
    """Return the (n,) divergence of the outputs (n, c) from the champion's (n, c).

    KL(champion || outputs), Hinton et al. 2015, https://arxiv.org/abs/1503.02531, on stored logits as in Buzzega et
    al. 2020, https://arxiv.org/abs/2004.07211; for regression the task's loss to the champion's value.
    """
    if task is TaskKind.REGRESSION:
        return task_loss(task, outputs, champion[:, 0])
    wanted, answer = (functional.log_softmax(logits, dim=1) for logits in (champion, outputs))
    return (wanted.exp() * (wanted - answer)).sum(dim=1)


def right(task: TaskKind, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return (n,) whether an answer is right; for regression, near its label."""
    if task is TaskKind.CLASSIFICATION:
        return outputs.argmax(dim=1) == targets
    return torch.abs(outputs[:, 0] - targets) <= RIGHT
