"""What training makes small: the loss of the task, and the distance from the champion's answers.

All terms are in the unit of the task's loss (nats, or squared label deviations), so that they add up without a weight
that needs tuning.
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from maintainer.domain.sample import TaskKind
from maintainer.families.family import Inputs

DELTA = 0.5  # label deviations beyond which an error counts linearly: near MAE, but smooth at zero
RIGHT = 0.25  # a regression answer is right within this many label deviations
GAMMA = 2.0  # of the focal loss: how fast what is already right stops to count
NEVER = -1e4  # the logit of a class that the champion does not know

LossName = Literal["cross-entropy", "focal", "huber", "mse"]


@dataclass(frozen=True, slots=True)
class Rows:
    """n samples as tensors."""

    inputs: Inputs
    targets: Tensor  # (n,) int64 or float32

    @property
    def size(self) -> int:
        """Return n."""
        return self.targets.shape[0]

    def take(self, rows: Tensor) -> Rows:
        """Return the samples at the indices `rows`."""
        return Rows(self.inputs.take(rows), self.targets[rows])

    def first(self, n: int) -> Rows:
        """Return the first n samples."""
        return self.take(torch.arange(n))


@dataclass(frozen=True, slots=True)
class Criterion:
    """The loss of a task."""

    task: TaskKind
    loss: LossName
    weights: Tensor | None = None  # (classes,) what a sample of each class counts, 1 on average

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the (n,) loss in nats, or in squared deviations of the standardised label.

        huber: Huber 1964, https://doi.org/10.1214/aoms/1177703732, divided by delta: |error| - delta / 2 beyond it. A
        skewed label (counts) so pulls with its error, not with the square, and the metric is the mean absolute error.
        focal: (1 - p)^gamma times the cross-entropy (Lin et al. 2017, https://arxiv.org/abs/1708.02002).
        """
        match self.loss:
            case "huber":
                return functional.smooth_l1_loss(outputs[:, 0], targets, reduction="none", beta=DELTA)
            case "mse":
                return 0.5 * (outputs[:, 0] - targets) ** 2
            case "cross-entropy" | "focal":
                losses = functional.cross_entropy(outputs, targets, reduction="none")
                if self.loss == "focal":
                    losses = (1.0 - torch.exp(-losses)).clamp_min(0.0) ** GAMMA * losses
                return losses if self.weights is None else losses * self.weights[targets]

    def nearness(self, outputs: Tensor, champion: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the (n,) divergence of the outputs (n, c) from the champion's (n, k), k <= c.

        T^2 KL(champion || outputs) at temperature T, Hinton et al. 2015, https://arxiv.org/abs/1503.02531; classes that
        the champion does not know have no part in its answer. For regression the task's loss to the champion's value.
        """
        if self.task is TaskKind.REGRESSION:
            return self.losses(outputs, champion[:, 0])
        more = outputs.shape[1] - champion.shape[1]
        known = functional.pad(champion, (0, more), value=NEVER) if more else champion
        wanted, answer = (functional.log_softmax(logits / temperature, dim=1) for logits in (known, outputs))
        return temperature**2 * (wanted.exp() * (wanted - answer)).sum(dim=1)


def logit_distance(outputs: Tensor, champion: Tensor) -> Tensor:
    """Return the (n,) mean squared difference of the logits that the champion has.

    DER, Buzzega et al. 2020, eq. 4, https://arxiv.org/abs/2004.07211.
    """
    return ((outputs[:, : champion.shape[1]] - champion) ** 2).mean(dim=1)


@dataclass(frozen=True, slots=True)
class Teacher:
    """What the champion answered to each training row, and how much being near to it counts."""

    outputs: Tensor  # (n, outputs)
    label: Tensor  # (n,) what the loss to the label counts
    near: Tensor  # (n,) what the distance from the champion counts
    logits: bool = False  # squared distance of logits (DER) in place of the divergence of probabilities
    temperature: float = 1.0

    def losses(self, criterion: Criterion, outputs: Tensor, targets: Tensor, rows: Tensor) -> Tensor:
        """Return the (n,) loss of the rows at the indices `rows`."""
        champion = self.outputs[rows]
        if self.logits:
            distance = logit_distance(outputs, champion)
        else:
            distance = criterion.nearness(outputs, champion, self.temperature)
        return self.label[rows] * criterion.losses(outputs, targets) + self.near[rows] * distance


def right(task: TaskKind, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return (n,) whether an answer is right; for regression, near its label."""
    if task is TaskKind.CLASSIFICATION:
        return outputs.argmax(dim=1) == targets
    return torch.abs(outputs[:, 0] - targets) <= RIGHT
