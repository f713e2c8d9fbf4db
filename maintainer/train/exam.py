"""Weights held against samples: the main metric and the loss."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from maintainer.domain.metrics import measure
from maintainer.domain.sample import TaskKind
from maintainer.families.encoder import Encoder, encode
from maintainer.families.table import Samples
from maintainer.families.tabular_mlp import Weights, build
from maintainer.train.flat import Flat
from maintainer.train.objective import Rows, task_loss
from maintainer.train.recipe import Judged
from maintainer.train.situation import Situation


def rows_of(encoder: Encoder, samples: Samples) -> Rows:
    """Return samples as tensors."""
    coded = encode(encoder, samples)
    return Rows(torch.from_numpy(coded.codes), torch.from_numpy(coded.numbers), torch.from_numpy(coded.targets))


class Exam:
    """A module of its own to hold any weights against the validation parts."""

    def __init__(self, situation: Situation, encoder: Encoder) -> None:
        self.task, self.metric, self.encoder = situation.task, situation.metric, encoder
        self.share = situation.rules.replay.share
        self.new = rows_of(encoder, situation.parts.judge_new)
        former = situation.parts.judge_former
        self.former = rows_of(encoder, former) if former.size else None
        self.module = build(encoder).eval()
        self.flat = Flat(self.module)

    def judge(self, values: Tensor) -> Judged:
        """Return how weights (P,) do; the loss weighs former data by the replay share, as a batch does."""
        self.flat.values.copy_(values)
        new, loss = self._measure(self.new)
        if self.former is None:
            return Judged(loss, new, None)
        former, former_loss = self._measure(self.former)
        return Judged((1 - self.share) * loss + self.share * former_loss, new, former)

    def judge_new(self, values: Tensor) -> Judged:
        """Return how weights (P,) do, by the loss on new data alone."""
        self.flat.values.copy_(values)
        new, loss = self._measure(self.new)
        return Judged(loss, new, None)

    def points(self, weights: Weights) -> tuple[float, float | None]:
        """Return the main metric of named weights on new and on former data."""
        judged = self.judge(self.flat.join(weights))
        return judged.new, judged.former

    def _measure(self, rows: Rows) -> tuple[float, float]:
        with torch.no_grad():
            outputs = self.module(rows.codes, rows.numbers)
            loss = float(task_loss(self.task, outputs, rows.targets).double().mean())
        if not bool(torch.isfinite(outputs).all()):
            return float("nan"), float("inf")
        if self.task is TaskKind.CLASSIFICATION:
            answers = outputs.double().softmax(dim=1).numpy()
        else:
            answers = outputs[:, 0].double().numpy() * self.encoder.target_scale
        labels = rows.targets.numpy()
        if self.task is TaskKind.REGRESSION:
            labels = labels.astype(np.float64) * self.encoder.target_scale  # the mean cancels in every error
        return measure(self.metric, labels, answers), loss
