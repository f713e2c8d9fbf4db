"""New weights from new and former data: how the first champion is made, and a reference for all others."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import replace
from math import ceil

import torch

from maintainer.domain.phase import FrontierPoint
from maintainer.families import encoder as encoders
from maintainer.families.encoder import Encoder
from maintainer.families.table import join
from maintainer.families.tabular_mlp import Weights, build
from maintainer.train.exam import Exam, rows_of
from maintainer.train.recipe import Lesson, Pace, Trained, train
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import pace
from maintainer.train.sweep import sweep

EPOCHS, STEPS = 40, 2500  # at least, unless stopped early: there is no champion to start from
PATIENCE = 8  # it stops after this part of its epochs without a gain


def scratch(situation: Situation, champion: Champion) -> Outcome:
    """Return a challenger with an encoder and weights of its own; the gates judge what it lost."""
    encoder, weights, exam, tuned = _make(situation)
    before = Exam(situation, champion.encoder)

    def measure(alpha: float) -> tuple[float, float | None]:
        return exam.points(weights) if alpha else before.points(champion.weights)

    points = sweep(measure, (0.0, 1.0), situation.metric, situation.rules.forgetting_budget)
    return Outcome(encoder, weights, points, points[1], tuned.epochs, None)


def bootstrap(situation: Situation) -> Outcome:
    """Return the first champion-to-be."""
    encoder, weights, exam, tuned = _make(situation)
    new, former = exam.points(weights)
    point = FrontierPoint(alpha=1.0, new=new, former=former, inside_budget=True)
    return Outcome(encoder, weights, (point,), point, tuned.epochs, None)


def _make(situation: Situation) -> tuple[Encoder, Weights, Exam, Trained]:
    parts, rules = situation.parts, situation.rules
    samples = join(parts.new, parts.former)
    encoder = encoders.fit(situation.task, samples, situation.classes)
    exam = Exam(situation, encoder)
    torch.manual_seed(rules.seed)
    module = build(encoder, dropout=rules.dropout)
    lesson = Lesson(situation.task, rows_of(encoder, samples), fresh=parts.new.size)
    tuned = train(module, lesson, _longer(pace(rules, rules.replay.share), parts.new.size), exam.judge)
    return encoder, exam.flat.split(tuned.values), exam, tuned


def _longer(wanted: Pace, new: int) -> Pace:
    epochs = max(wanted.epochs, EPOCHS, ceil(STEPS * wanted.batch / new))
    return replace(wanted, epochs=epochs, patience=max(wanted.patience, ceil(epochs / PATIENCE)))
