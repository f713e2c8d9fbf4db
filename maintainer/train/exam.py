"""Weights held against samples: the main metric and the loss."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from maintainer.domain.metrics import measure
from maintainer.domain.sample import TaskKind
from maintainer.families.family import Family, Weights
from maintainer.families.labels import targets_of
from maintainer.families.table import Samples
from maintainer.train.flat import Flat
from maintainer.train.objective import NEVER, Criterion, Rows
from maintainer.train.recipe import Judged
from maintainer.train.situation import Situation

GROUPS = 20  # stretches of the former samples that tell how sure a metric on them is


def rows_of(family: Family, encoder: Any, samples: Samples) -> Rows:
    """Return samples as tensors."""
    return Rows(family.inputs(encoder, samples), torch.from_numpy(targets_of(encoder, samples)))


def answers_of(module: nn.Module, rows: Rows, at_once: int) -> Tensor:
    """Return the (n, outputs) of a module that is not learning, in the order of the rows."""
    module.eval()
    lengths = rows.inputs.lengths
    order = torch.arange(rows.size) if lengths is None else torch.argsort(lengths, stable=True)
    with torch.no_grad():
        found = [module(rows.inputs.take(chunk)).float() for chunk in order.split(at_once)]
    outputs = torch.cat(found)
    back = torch.empty_like(order)
    back[order] = torch.arange(rows.size)
    return outputs[back]


@dataclass(frozen=True, slots=True)
class Examined:
    """The main metric of weights."""

    new: float
    former: float | None
    without: tuple[float, ...]  # on former data, without one stretch of it at a time


class Exam:
    """A module of its own to hold any weights against the validation parts."""

    def __init__(self, situation: Situation, encoder: Any, criterion: Criterion, weights: Weights | None) -> None:
        self.task, self.metric = situation.task, situation.metric
        self.encoder = encoder.model_copy(update={"classes": situation.classes or encoder.classes})  # of the labels
        self.criterion, self.at_once = criterion, situation.family.at_once
        self.share = situation.rules.replay.share
        self.new = rows_of(situation.family, self.encoder, situation.parts.judge_new)
        former = situation.parts.judge_former
        self.former = rows_of(situation.family, self.encoder, former) if former.size else None
        self.module = situation.family.build(encoder, weights, 0.0).eval()
        self.flat = Flat(self.module)

    def judge(self, values: Tensor) -> Judged:
        """Return how weights (P,) do; the loss weighs former data by the replay share, as a batch does."""
        return self._judge(values, known=None)

    def judge_new(self, values: Tensor) -> Judged:
        """Return how weights (P,) do, by the loss on new data alone."""
        self.flat.values.copy_(values)
        new, loss = self._measure(self.new, None)
        return Judged(loss, new, None)

    def points(self, weights: Weights, known: int | None = None) -> tuple[float, float | None]:
        """Return the main metric of named weights on new and on former data; they answer the first `known` classes."""
        judged = self._judge(self.flat.join(weights), known)
        return judged.new, judged.former

    def _judge(self, values: Tensor, known: int | None) -> Judged:
        self.flat.values.copy_(values)
        new, loss = self._measure(self.new, known)
        if self.former is None:
            return Judged(loss, new, None)
        former, former_loss = self._measure(self.former, known)
        return Judged((1 - self.share) * loss + self.share * former_loss, new, former)

    def leave_outs(self, weights: Weights, known: int | None = None) -> Examined:
        """Return what `points` does, and the metric on former data without each of GROUPS stretches of it."""
        self.flat.values.copy_(self.flat.join(weights))
        new, _ = self._measure(self.new, known)
        if self.former is None:
            return Examined(new, None, ())
        outputs, n = self._outputs(self.former, known), self.former.size
        stretches = np.array_split(np.arange(n), min(GROUPS, n)) if n > 1 else []
        rest = tuple(self._metric(self.former, outputs, np.setdiff1d(np.arange(n), part)) for part in stretches)
        return Examined(new, self._metric(self.former, outputs, np.arange(n)), rest)

    def _measure(self, rows: Rows, known: int | None) -> tuple[float, float]:
        outputs = self._outputs(rows, known)
        if not bool(torch.isfinite(outputs).all()):
            return float("nan"), float("inf")
        loss = float(self.criterion.losses(outputs, rows.targets).double().mean())
        return self._metric(rows, outputs, np.arange(rows.size)), loss

    def _outputs(self, rows: Rows, known: int | None) -> Tensor:
        outputs = answers_of(self.module, rows, self.at_once)
        if self.task is TaskKind.REGRESSION:
            return outputs
        outputs = outputs[:, :known]
        return functional.pad(outputs, (0, self.encoder.outputs - outputs.shape[1]), value=NEVER)

    def _metric(self, rows: Rows, outputs: Tensor, chosen: NDArray[np.int64]) -> float:
        """Return the main metric on some of the rows; NaN where an output is no finite number."""
        outputs, labels = outputs[torch.from_numpy(chosen)].double(), rows.targets.numpy()[chosen]
        if not bool(torch.isfinite(outputs).all()):
            return float("nan")
        if self.task is TaskKind.CLASSIFICATION:
            return measure(self.metric, labels, outputs.softmax(dim=1).numpy())
        scale = self.encoder.target_scale  # the mean cancels in every error
        return measure(self.metric, labels.astype(np.float64) * scale, outputs[:, 0].numpy() * scale)
