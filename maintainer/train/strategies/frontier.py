"""The default: learn the new data while rehearsing, then go only as far from the champion as the budget lets.

Replay and distillation on the champion's right answers (DER, arXiv 2004.07211), a Fisher-weighted anchor (online EWC,
arXiv 1805.06370), then the best theta(alpha) between champion and tuned weights (WiSE-FT, arXiv 2109.01903).
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import torch

from maintainer.domain.sample import TaskKind
from maintainer.families.table import join
from maintainer.families.tabular_mlp import Weights
from maintainer.train.exam import rows_of
from maintainer.train.flat import Flat
from maintainer.train.importance import per_sample
from maintainer.train.objective import Rows, Teacher, right
from maintainer.train.recipe import Anchor, Lesson, train
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import Start, pace, start
from maintainer.train.sweep import ALPHAS, choose, sweep

DISTILL = 0.5  # of a replayed sample's loss, the part that is nearness to the champion's right answer
PULL = 1.0  # what the penalty counts beside new data, where no former sample may stand for the past
BACKUP = 0.1  # and where replay does: the penalty then only holds what the replayed samples do not show


def frontier(situation: Situation, champion: Champion) -> Outcome:
    """Return the point of the frontier that is best on new data within the forgetting budget."""
    begin = start(situation, champion)
    module = begin.module(situation.rules.dropout)
    lesson = _lesson(situation, begin)
    tuned = train(module, lesson, pace(situation.rules, situation.rules.replay.share), begin.exam.judge)
    flat = begin.exam.flat
    home = flat.join(begin.weights)

    def between(alpha: float) -> Weights:
        return flat.split(torch.lerp(home, tuned.values, alpha))

    points = sweep(
        lambda alpha: begin.exam.points(between(alpha)), ALPHAS, situation.metric, situation.rules.forgetting_budget
    )
    chosen = choose(points, situation.metric)
    return Outcome(begin.encoder, between(chosen.alpha), points, chosen, tuned.epochs, begin.importance)


def _lesson(situation: Situation, begin: Start) -> Lesson:
    parts, share = situation.parts, situation.rules.replay.share
    rows = rows_of(begin.encoder, join(parts.new, parts.former))
    module = begin.module(0.0).eval()
    with torch.no_grad():
        outputs = module(rows.codes, rows.numbers)
    teacher = Teacher(outputs, _trust(situation.task, outputs, rows, parts.new.size))
    flat = Flat(module)
    strength = share * (BACKUP if parts.former.size else PULL) * _unit(situation.task, outputs, rows)
    pull = flat.join(per_sample(begin.importance)) * strength
    anchor = Anchor(flat.values.clone(), pull)
    return Lesson(situation.task, rows, parts.new.size, teacher if parts.former.size else None, anchor)


def _trust(task: TaskKind, outputs: torch.Tensor, rows: Rows, fresh: int) -> torch.Tensor:
    """Return (n,) DISTILL for the replayed samples that the champion has right, 0 for all others."""
    weight = DISTILL * right(task, outputs, rows.targets).float()
    weight[:fresh] = 0.0
    return weight


def _unit(task: TaskKind, outputs: torch.Tensor, rows: Rows) -> float:
    """Return what a nat of the penalty is in the task's loss: 1, or the residual variance for regression."""
    if task is TaskKind.CLASSIFICATION:
        return 1.0
    return float((outputs[:, 0] - rows.targets).var(correction=0).clamp(1e-6, 1.0))
