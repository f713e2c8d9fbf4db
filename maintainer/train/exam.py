"""Weights held against samples: the main metric and the loss."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import Any

import numpy as np
import torch
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

    def _measure(self, rows: Rows, known: int | None) -> tuple[float, float]:
        outputs = answers_of(self.module, rows, self.at_once)
        if self.task is TaskKind.CLASSIFICATION:
            outputs = outputs[:, :known]
            outputs = functional.pad(outputs, (0, self.encoder.outputs - outputs.shape[1]), value=NEVER)
        if not bool(torch.isfinite(outputs).all()):
            return float("nan"), float("inf")
        loss = float(self.criterion.losses(outputs, rows.targets).double().mean())
        if self.task is TaskKind.CLASSIFICATION:
            answers = outputs.double().softmax(dim=1).numpy()
        else:
            answers = outputs[:, 0].double().numpy() * self.encoder.target_scale
        labels = rows.targets.numpy()
        if self.task is TaskKind.REGRESSION:
            labels = labels.astype(np.float64) * self.encoder.target_scale  # the mean cancels in every error
        return measure(self.metric, labels, answers), loss
