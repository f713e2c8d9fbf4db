"""The loop: batches, warm-up, clipping, an average of the weights, and the epoch that is kept."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maintainer.domain.phase import EpochRecord
from maintainer.domain.sample import TaskKind
from maintainer.families.encoder import UNKNOWN
from maintainer.families.tabular_mlp import TabularMlp
from maintainer.train.flat import Flat
from maintainer.train.objective import Rows, Teacher, distillation, task_loss
from maintainer.train.replay import epoch, parts, passes

CLIP_NORM = 1.0  # largest gradient of a step
WARM_UP = 0.1  # share of all steps in which the learning rate rises
LAST_RATE = 0.05  # share of the learning rate at the last step (cosine, Loshchilov & Hutter 2017, arXiv 1608.03983)
HALF_LIFE = 0.5  # epochs after which a weight counts half in the average: the same at any number of rows
FORGET = 0.02  # share of category codes that training replaces by the unknown one, so that it means "some category"
CALM = 2  # epochs after the switch to new data that stopping waits out: the stability gap (arXiv 2205.13452)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learned: `fresh` new rows, then former ones, as one table."""

    task: TaskKind
    rows: Rows
    fresh: int
    teacher: Teacher | None = None
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where the weights are held, and how hard, both (P,).

    The penalty is strength / 2 * sum_i F_i (theta_i - anchor_i)^2 (Kirkpatrick et al. 2017, eq. 3,
    https://arxiv.org/abs/1612.00796). With F the mean Fisher per sample this is, to second order, the mean divergence
    KL(champion || challenger) on former data in nats: a loss of those samples like any other, so its strength is their
    share of a batch, whatever the data, the width or the number of classes.
    """

    values: Tensor
    pull: Tensor  # strength * F


@dataclass(frozen=True, slots=True)
class Pace:
    """How long and how fast."""

    epochs: int
    batch: int
    share: float
    learning_rate: float
    weight_decay: float
    patience: int
    seed: int


@dataclass(frozen=True, slots=True)
class Judged:
    """Weights held against the validation parts; a lower loss is better."""

    loss: float
    new: float
    former: float | None


@dataclass(frozen=True, slots=True)
class Trained:
    """The averaged weights (P,) of the best epoch, and all epochs."""

    values: Tensor
    epochs: tuple[EpochRecord, ...]


def train(module: TabularMlp, lesson: Lesson, pace: Pace, judge: Callable[[Tensor], Judged]) -> Trained:
    """Return the weights of the epoch with the lowest judged loss; ends when `patience` epochs brought none."""
    flat, batches = Flat(module), _Batches(lesson, pace)
    stepper = _Stepper(module, flat, lesson, pace, batches.per_epoch)
    best, lowest, records = flat.values.clone(), math.inf, list[EpochRecord]()
    since = 0
    for number in range(1, pace.epochs + 1):
        loss = stepper.run(batches.epoch())
        judged = judge(stepper.average)
        records.append(EpochRecord(epoch=number, loss=loss, new=judged.new, former=judged.former))
        since += 1
        if judged.loss < lowest and number >= min(CALM, pace.epochs):
            best, lowest, since = stepper.average.clone(), judged.loss, 0
        if since >= max(pace.patience, CALM) or not math.isfinite(loss):
            break
    return Trained(best, tuple(records))


class _Batches:
    """The row numbers of each batch, as tensors."""

    def __init__(self, lesson: Lesson, pace: Pace) -> None:
        former = lesson.rows.size - lesson.fresh
        self.fresh = lesson.fresh
        self.new, replayed = parts(pace.batch, pace.share, former)
        self.rng, other = (np.random.default_rng(s) for s in np.random.SeedSequence(pace.seed).spawn(2))
        self.rehearsal = passes(former, replayed, other) if replayed else None
        self.per_epoch = math.ceil(lesson.fresh / self.new)

    def epoch(self) -> Iterator[Tensor]:
        """Yield the batches of one pass over the new rows."""
        return (torch.from_numpy(rows) for rows in epoch(self.fresh, self.new, self.rehearsal, self.rng))


class _Stepper:
    """Optimiser, schedule and average of the weights.

    The average is an exponential one (Polyak & Juditsky 1992) that starts as a plain mean, so that the first steps
    weigh no more than others.
    """

    def __init__(self, module: TabularMlp, flat: Flat, lesson: Lesson, pace: Pace, per_epoch: int) -> None:
        self.module, self.flat, self.lesson, self.pace = module, flat, lesson, pace
        self.average = flat.values.clone()
        self.home = lesson.anchor.values if lesson.anchor else torch.zeros_like(flat.values)
        self.steps, self.done = per_epoch * pace.epochs, 0
        self.keep = 0.5 ** (1.0 / (HALF_LIFE * per_epoch))
        weights = torch.nn.Parameter(flat.values)
        weights.grad = flat.grads
        self.optimizer = torch.optim.AdamW([weights], lr=pace.learning_rate, weight_decay=0.0, fused=True)
        self.generator = torch.Generator().manual_seed(pace.seed)

    def run(self, batches: Iterator[Tensor]) -> float:
        """Take one step for each batch; return the mean loss."""
        self.module.train()
        total, count = torch.zeros(()), 0
        for rows in batches:
            total += self._step(rows)
            count += 1
        return float(total) / max(count, 1)

    def _step(self, rows: Tensor) -> Tensor:
        self.flat.grads.zero_()
        loss = self._loss(rows)
        loss.backward()
        if anchor := self.lesson.anchor:
            self.flat.grads.addcmul_(anchor.pull, self.flat.values - anchor.values)
        self.flat.grads.mul_((CLIP_NORM / (self.flat.grads.norm() + 1e-12)).clamp_max(1.0))
        rate = self._rate()
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.step()
        self.flat.values.lerp_(self.home, rate * self.pace.weight_decay)  # decoupled decay, towards the champion
        self.done += 1
        self.average.lerp_(self.flat.values, max(1.0 - self.keep, 1.0 / (self.done + 1)))
        return loss.detach()

    def _loss(self, rows: Tensor) -> Tensor:
        batch = self.lesson.rows.take(rows)
        hidden = torch.rand(batch.codes.shape, generator=self.generator) < FORGET
        outputs = self.module(batch.codes.masked_fill(hidden, UNKNOWN), batch.numbers)
        loss = task_loss(self.lesson.task, outputs, batch.targets)
        if self.lesson.teacher is not None:
            teacher = self.lesson.teacher.take(rows)
            loss = torch.lerp(loss, distillation(self.lesson.task, outputs, teacher.outputs), teacher.weight)
        return loss.mean()

    def _rate(self) -> float:
        warm = max(1, round(WARM_UP * self.steps))
        if self.done < warm:
            return self.pace.learning_rate * (self.done + 1) / warm
        way = (self.done - warm) / max(1, self.steps - warm)
        return self.pace.learning_rate * (LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * way)))
