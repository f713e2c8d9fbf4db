"""The default: learn the new data while rehearsing, then go only as far from the champion as the budget lets.

Replay and distillation on the champion's right answers (DER, arXiv 2004.07211), a Fisher-weighted anchor (online EWC,
arXiv 1805.06370), an average of the weights, then the best theta(alpha) between champion and tuned weights (WiSE-FT,
arXiv 2109.01903). Each part can be switched off (`train.without`), to see what it is worth.
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import torch

from maintainer.domain.sample import TaskKind
from maintainer.families.family import Weights
from maintainer.train.exam import Examined
from maintainer.train.objective import Teacher, right
from maintainer.train.penalty import Penalty
from maintainer.train.recipe import Lesson, Trained
from maintainer.train.remember import MASS, without
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.kfac import held
from maintainer.train.strategies.start import Start, diagonal, finish, learn, memory_of, new_only, start
from maintainer.train.sweep import ALPHAS, choose, doubt_of, sweep

DISTILL = 0.5  # of a replayed sample's loss, the part that is nearness to the champion's right answer
PULL = 1.0  # what the penalty counts beside the loss, where no former sample may stand for the past
BACKUP = 0.1  # and of the replayed share where some do: it then only holds what those samples do not show


def frontier(situation: Situation, champion: Champion) -> Outcome:
    """Return the point of the frontier that is best on new data within the forgetting budget."""
    begin = start(situation, champion)
    off = situation.rules.without
    rehearsing = "replay" not in off and situation.parts.former.size > 0
    penalty, notes = (None, ()) if "penalty" in off else _penalty(begin, rehearsing)
    home = None if "penalty" in off else begin.home().clone()
    lesson = new_only(begin, penalty, home)
    if rehearsing:
        teacher = None if "distillation" in off else _teacher(begin)
        lesson = Lesson(begin.rows, begin.fresh, begin.exam.criterion, teacher, penalty, home)
    tuned = learn(begin, lesson, rehearsing)
    return finish(begin, tuned, notes) if "sweep" in off else _swept(begin, tuned, notes)


def _swept(begin: Start, tuned: Trained, notes: tuple[str, ...]) -> Outcome:
    situation, exam = begin.situation, begin.exam
    home = begin.home().clone()

    def between(alpha: float) -> Weights:
        return begin.weights | exam.flat.split(torch.lerp(home, tuned.values, alpha))

    found: dict[float, Examined] = {}

    def measure(alpha: float) -> tuple[float, float | None]:
        found[alpha] = exam.leave_outs(between(alpha), known=None if alpha else begin.known)
        return found[alpha].new, found[alpha].former

    def doubt(alpha: float) -> float:
        return doubt_of(situation.metric, found[0.0].without, found[alpha].without)

    counted = situation.task is TaskKind.CLASSIFICATION  # one wrong answer is a step; an error in numbers moves evenly
    points = sweep(measure, ALPHAS, situation.metric, situation.rules.forgetting_budget, doubt if counted else None)
    chosen = choose(points, situation.metric)
    weights = between(chosen.alpha)
    return Outcome(
        begin.encoder, weights, points, chosen, tuned.epochs, start=begin.weights, memory=begin.memory, notes=notes
    )


def _teacher(begin: Start) -> Teacher:
    """Return nearness to the champion's answer for the replayed samples that it has right, none for all others.

    Classes: DISTILL times the squared distance of the logits, beside the whole loss to the label. A number: DISTILL of
    the loss is to the champion's, for both are in the same unit.
    """
    task = begin.situation.task
    outputs = begin.answers()
    near = DISTILL * right(task, outputs, begin.rows.targets).float()
    near[: begin.fresh] = 0.0
    logits = task is TaskKind.CLASSIFICATION
    return Teacher(outputs, torch.ones_like(near) if logits else 1.0 - near, near, logits=logits)


def _penalty(begin: Start, rehearsing: bool) -> tuple[Penalty | None, tuple[str, ...]]:
    """Return the anchor: diagonal beside rehearsal, Kronecker-factored where nothing else stands for the past."""
    rules = begin.situation.rules
    strength = rules.strength(rules.replay.share * BACKUP if rehearsing else PULL)
    if begin.memory.kind == "kfac":
        return held(begin, strength)
    memory, notes = memory_of(begin, "fisher")
    if memory is None:
        return None, notes
    strength *= begin.unit()
    return diagonal(begin, without(memory.tensors, MASS, per_sample=True), strength), notes
