"""The loop: batches, warm-up, clipping, an average of the weights, and the epoch that is kept."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from maintainer.domain.phase import EpochRecord
from maintainer.train.checkpoint import Checkpoint, Memo, Progress
from maintainer.train.flat import Flat
from maintainer.train.objective import Criterion, Rows, Teacher
from maintainer.train.penalty import Penalty
from maintainer.train.replay import epoch, parts, passes
from maintainer.train.schedule import decay, factor, optimizer_of
from maintainer.train.trail import Trail

CLIP_NORM = 1.0  # largest gradient of a step
HALF_LIFE = 0.5  # epochs after which a weight counts half in the average: the same at any number of rows
CALM = 2  # epochs after the switch to new data that stopping waits out: the stability gap (arXiv 2205.13452)
AT_ONCE = 4096  # tokens of long samples whose gradients are taken together


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learned: `fresh` new rows, then former ones, as one table."""

    rows: Rows
    fresh: int
    criterion: Criterion
    teacher: Teacher | None = None
    penalty: Penalty | None = None
    home: Tensor | None = None  # (P,) where weight decay leads; zero when absent
    projected: bool = False  # former rows only bound the gradient (A-GEM)
    tracked: bool = False  # keep the path integral of each weight (SI)


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
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    schedule: Literal["cosine", "constant"] = "cosine"
    average: bool = True
    clip: float | None = CLIP_NORM
    accumulate: int = 1  # batches that make one step
    scales: Tensor | None = field(default=None, compare=False)  # (P,) factor of each weight's learning rate
    wakes: Tensor | None = field(default=None, compare=False)  # (P,) share of the steps before a weight learns


@dataclass(frozen=True, slots=True)
class Judged:
    """Weights held against the validation parts; a lower loss is better."""

    loss: float
    new: float
    former: float | None


@dataclass(frozen=True, slots=True)
class Trained:
    """The weights (P,) of the best epoch, all epochs, and each weight's part (P,) in what the loss fell by."""

    values: Tensor
    epochs: tuple[EpochRecord, ...]
    path: Tensor | None = None


def train(
    module: nn.Module,
    lesson: Lesson,
    pace: Pace,
    judge: Callable[[Tensor], Judged],
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Return the weights of the epoch with the lowest judged loss; ends when `patience` epochs brought none.

    An epoch whose loss is no finite number ends it too; without any epoch before it, no epoch is returned.

    With a checkpoint, a training that was killed at any step goes on from its last one, and ends in the same bits.
    """
    flat, batches = Flat(module), _Batches(lesson, pace)
    stepper = _Stepper(module, flat, lesson, pace, batches.per_epoch)
    memo = Memo(best=flat.values.clone(), lowest=math.inf, since=0, records=())
    if checkpoint is not None and (found := checkpoint.load()) is not None:
        memo = stepper.resume(found)
    while len(memo.records) < pace.epochs and not _over(memo, pace):
        stepper.run(batches, memo, checkpoint)
        judged = judge(stepper.answer)
        if not (math.isfinite(stepper.mean_loss()) and math.isfinite(judged.loss)):
            break
        memo = _after(memo, stepper, judged, pace)
        if checkpoint is not None:
            checkpoint.save(stepper.progress(memo))
    return Trained(memo.best, memo.records, stepper.trail.total if stepper.trail else None)


def _over(memo: Memo, pace: Pace) -> bool:
    return memo.since >= max(pace.patience, CALM)


def _after(memo: Memo, stepper: _Stepper, judged: Judged, pace: Pace) -> Memo:
    number = len(memo.records) + 1
    record = EpochRecord(epoch=number, loss=stepper.mean_loss(), new=judged.new, former=judged.former)
    if judged.loss < memo.lowest and number >= min(CALM, pace.epochs):
        return Memo(stepper.answer.clone(), judged.loss, 0, (*memo.records, record))
    return Memo(memo.best, memo.lowest, memo.since + 1, (*memo.records, record))


class _Batches:
    """The row numbers of each batch, as tensors."""

    def __init__(self, lesson: Lesson, pace: Pace) -> None:
        former = lesson.rows.size - lesson.fresh
        self.fresh = lesson.fresh
        self.new, replayed = parts(pace.batch, pace.share, former)
        self.rng, other = (np.random.default_rng(s) for s in np.random.SeedSequence(pace.seed).spawn(2))
        self.rehearsal = passes(former, replayed, other) if replayed else None
        lengths = lesson.rows.inputs.lengths
        self.lengths = None if lengths is None else lengths.numpy()
        self.per_epoch = math.ceil(lesson.fresh / self.new)
        self.epochs_drawn = 0

    def epoch(self, number: int) -> Iterator[Tensor]:
        """Yield the batches of pass `number` over the new rows, drawing those before it where that was not done."""
        while self.epochs_drawn < number - 1:
            for _ in self._draw():
                pass
        return self._draw()

    def _draw(self) -> Iterator[Tensor]:
        self.epochs_drawn += 1
        rows = epoch(self.fresh, self.new, self.rehearsal, self.rng, self.lengths)
        return (torch.from_numpy(chosen) for chosen in rows)


class _Stepper:
    """Optimiser, schedule and average of the weights.

    The average is an exponential one (Polyak & Juditsky 1992) that starts as a plain mean, so that the first steps
    weigh no more than others.
    """

    def __init__(self, module: nn.Module, flat: Flat, lesson: Lesson, pace: Pace, per_epoch: int) -> None:
        self.module, self.flat, self.lesson, self.pace = module, flat, lesson, pace
        self.per_epoch = per_epoch
        self.average = flat.values.clone()
        self.trail = Trail(flat.values) if lesson.tracked else None
        self.steps, self.done = per_epoch * pace.epochs, 0
        self.keep = 0.5 ** (1.0 / (HALF_LIFE * per_epoch))
        self.total = torch.zeros((), dtype=torch.float64)  # of the losses of this epoch's batches
        weights = nn.Parameter(flat.values)
        weights.grad = flat.grads
        self.optimizer = optimizer_of(weights, pace.optimizer, pace.learning_rate)
        self.generator = torch.Generator().manual_seed(pace.seed)

    @property
    def answer(self) -> Tensor:
        """Return the weights (P,) that are judged and kept."""
        return self.average if self.pace.average else self.flat.values

    def mean_loss(self) -> float:
        """Return the mean loss of the epoch that has just ended."""
        return float(self.total) / self.per_epoch

    def run(self, batches: _Batches, memo: Memo, checkpoint: Checkpoint | None) -> None:
        """Take the steps of the next epoch that have not been taken."""
        self.module.train()
        number = len(memo.records) + 1
        begun = self.done - (number - 1) * self.per_epoch
        if begun == 0:
            self.total = torch.zeros((), dtype=torch.float64)
        for rows in islice(batches.epoch(number), begun, None):
            self.total += self._step(rows)
            if checkpoint is not None and checkpoint.due():
                checkpoint.save(self.progress(memo))

    def progress(self, memo: Memo) -> Progress:
        """Return all that the rest of the training depends on."""
        state = self.optimizer.state_dict()["state"].get(0, {})
        tensors = {f"optimizer.{name}": torch.as_tensor(value) for name, value in state.items() if value is not None}
        tensors |= {"values": self.flat.values, "average": self.average, "best": memo.best, "total": self.total}
        tensors |= {"generator": self.generator.get_state(), "dropout": torch.get_rng_state()}
        tensors |= {"grads": self.flat.grads} | ({} if self.trail is None else {"path": self.trail.total})
        return Progress(self.done, memo, tensors)

    def resume(self, found: Progress) -> Memo:
        """Go back to where a former process was."""
        self.done, tensors = found.done, found.tensors
        self.flat.values.copy_(tensors["values"])
        self.flat.grads.copy_(tensors["grads"])
        self.average, self.total = tensors["average"], tensors["total"]
        if self.trail is not None:
            self.trail.total.copy_(tensors["path"])
        self.generator.set_state(tensors["generator"])
        torch.set_rng_state(tensors["dropout"])
        state = {name.partition(".")[2]: value for name, value in tensors.items() if name.startswith("optimizer.")}
        whole = self.optimizer.state_dict()
        self.optimizer.load_state_dict({**whole, "state": {0: state} if state else {}})
        return found.memo

    def _step(self, rows: Tensor) -> Tensor:
        if self.done % self.pace.accumulate == 0:
            self.flat.grads.zero_()
        loss = self._gradient(rows)
        self.done += 1
        if self.done % self.pace.accumulate == 0 or self.done % self.per_epoch == 0:
            self._move()
        return loss

    def _gradient(self, rows: Tensor) -> Tensor:
        """Add the gradient of one batch; return its loss."""
        if self.lesson.projected:
            return self._projected(rows)
        return self._learned(rows, 1.0 / self.pace.accumulate)

    def _learned(self, rows: Tensor, part: float = 1.0) -> Tensor:
        """Add `part` times the gradient of some rows' mean loss; return that loss.

        Of long samples a few at a time are looked at: the gradient is the same, and needs less memory.
        """
        lengths, total = self.lesson.rows.inputs.lengths, torch.zeros(())
        few = len(rows) if lengths is None else max(1, AT_ONCE // int(lengths[rows].max()))
        for piece in rows.split(max(few, 1)):
            loss = self._loss(piece) * (len(piece) / len(rows))
            (loss * part).backward()
            total = total + loss.detach()
        return total

    def _projected(self, rows: Tensor) -> Tensor:
        """Leave of the new rows' gradient what does not raise the loss of the former rows.

        A-GEM, Chaudhry et al. 2019, eq. 11, https://arxiv.org/abs/1812.00420: g - (g . r) / (r . r) r where g . r < 0.
        """
        former = rows[rows >= self.lesson.fresh]
        reference = torch.zeros_like(self.flat.grads)
        if former.numel():
            self._learned(former)
            reference.copy_(self.flat.grads)
            self.flat.grads.zero_()
        loss = self._learned(rows[rows < self.lesson.fresh])
        product, size = self.flat.grads @ reference, reference @ reference
        if product < 0 and size > 0:
            self.flat.grads.sub_(reference * (product / size))
        return loss

    def _move(self) -> None:
        grads, values = self.flat.grads, self.flat.values
        if self.trail is not None:
            self.trail.begin(grads, values)
        if self.lesson.penalty is not None:
            self.lesson.penalty.add_gradient(values, grads)
        if self.pace.clip is not None:
            shorter = self.pace.clip / (grads.norm() + 1e-12)
            if not shorter >= 1.0:  # not a number: whatever comes of it is seen at the end of the epoch
                grads.mul_(shorter)
        rate = self.pace.learning_rate * factor(self.pace.schedule, self.done - 1, self.steps)
        self.optimizer.param_groups[0]["lr"] = rate
        scales = self._scales()
        start = values.clone() if scales is not None else None
        self.optimizer.step()
        decay(values, self.lesson.home, rate * self.pace.weight_decay)
        if scales is not None and start is not None:
            values.copy_(torch.lerp(start, values, scales))
        self.average.lerp_(values, max(1.0 - self.keep, 1.0 / (self.done + 1)))
        if self.trail is not None:
            self.trail.end(values)

    def _scales(self) -> Tensor | None:
        """Return (P,) the factor of each weight's step: zero before it wakes."""
        scales, wakes = self.pace.scales, self.pace.wakes
        if scales is None or wakes is None:
            return scales
        return scales * (wakes * self.steps < self.done)

    def _loss(self, rows: Tensor) -> Tensor:
        batch = self.lesson.rows.take(rows)
        outputs = self.module(batch.inputs.disturbed(self.generator))
        if self.lesson.teacher is None:
            return self.lesson.criterion.losses(outputs, batch.targets).mean()
        return self.lesson.teacher.losses(self.lesson.criterion, outputs, batch.targets, rows).mean()
