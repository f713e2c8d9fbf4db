"""New weights from new and former data: how the first champion is made, and a reference for all others."""

# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import torch

from maintainer.domain.phase import FrontierPoint
from maintainer.families.family import Weights
from maintainer.families.table import join
from maintainer.train.exam import Exam, rows_of
from maintainer.train.recipe import Lesson, Pace, Trained, train
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import checkpoint_of, criterion_of, pace, tempo, watching
from maintainer.train.sweep import sweep

EPOCHS, STEPS = 40, 2500  # at least, unless stopped early: there is no champion to start from
PATIENCE = 8  # it stops after this part of its epochs without a gain


def scratch(situation: Situation, champion: Champion) -> Outcome:
    """Return a challenger with an encoder and weights of its own; the gates judge what it lost."""
    made = _make(situation)
    before = Exam(situation, champion.encoder, made.exam.criterion, champion.weights)  # it may know fewer classes

    def measure(alpha: float) -> tuple[float, float | None]:
        return made.exam.points(made.weights) if alpha else before.points(champion.weights)

    points = sweep(measure, (0.0, 1.0), situation.metric, situation.rules.forgetting_budget)
    return _outcome(made, points, points[1])


def bootstrap(situation: Situation) -> Outcome:
    """Return the first champion-to-be."""
    made = _make(situation)
    new, former = made.exam.points(made.weights)
    point = FrontierPoint(alpha=1.0, new=new, former=former, inside_budget=True)
    return _outcome(made, (point,), point)


@dataclass(frozen=True, slots=True)
class _Made:
    encoder: Any
    start: Weights
    weights: Weights
    exam: Exam
    tuned: Trained


def _outcome(made: _Made, points: tuple[FrontierPoint, ...], chosen: FrontierPoint) -> Outcome:
    epochs, path = made.tuned.epochs, made.tuned.path
    return Outcome(made.encoder, made.weights, points, chosen, epochs, start=made.start, memory=None, path=path)


def _make(situation: Situation) -> _Made:
    parts, rules, family = situation.parts, situation.rules, situation.family
    samples = join(parts.new, parts.former)
    encoder = family.fit(situation.task, samples, situation.classes, situation.base)
    torch.manual_seed(rules.seed)
    module = family.build(encoder, None, rules.dropout)
    rows = rows_of(family, encoder, samples)
    family.prime(module, rows.inputs, rows.targets, situation.task)
    begin = {name: value.detach().clone() for name, value in module.state_dict().items()}
    exam = Exam(situation, encoder, criterion_of(situation, encoder), begin)
    lesson = Lesson(rows, parts.new.size, exam.criterion, tracked=rules.strategy == "si")
    wanted = pace(rules, rules.replay.share, parts.new.size, family)
    longer = tempo(family, module, _longer(wanted, parts.new.size, family.pretrained))
    tuned = train(module, lesson, longer, watching(situation, exam.judge), checkpoint_of(situation, "scratch"))
    return _Made(encoder, begin, begin | exam.flat.split(tuned.values), exam, tuned)


def _longer(wanted: Pace, new: int, pretrained: bool) -> Pace:
    if pretrained:
        return wanted
    epochs = max(wanted.epochs, EPOCHS, ceil(STEPS * wanted.batch / new))
    return replace(wanted, epochs=epochs, patience=max(wanted.patience, ceil(epochs / PATIENCE)))
