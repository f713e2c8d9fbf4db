"""Plain fine-tuning on new data: no rehearsal, no penalty, no budget; the gates judge it."""

from __future__ import annotations

from maintainer.train.exam import rows_of
from maintainer.train.recipe import Lesson, train
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import pace, start
from maintainer.train.sweep import sweep


def finetune(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned on new data alone, alpha 1, whatever it forgets."""
    begin = start(situation, champion)
    new = situation.parts.new
    module = begin.module(situation.rules.dropout)
    lesson = Lesson(situation.task, rows_of(begin.encoder, new), fresh=new.size)
    tuned = train(module, lesson, pace(situation.rules, share=0.0), begin.exam.judge_new)
    weights = begin.exam.flat.split(tuned.values)

    def measure(alpha: float) -> tuple[float, float | None]:
        return begin.exam.points(weights if alpha else begin.weights)

    points = sweep(measure, (0.0, 1.0), situation.metric, situation.rules.forgetting_budget)
    return Outcome(begin.encoder, weights, points, points[1], tuned.epochs, begin.importance)
