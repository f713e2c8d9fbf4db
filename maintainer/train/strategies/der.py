"""Dark experience replay ++: rehearse labels and stay near the champion's logits on former samples.

Buzzega et al. 2020, eq. 6, https://arxiv.org/abs/2004.07211: loss on new + alpha MSE of logits + beta loss on former
samples; one draw of former samples serves both terms.
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import torch

from maintainer.train.objective import Teacher
from maintainer.train.recipe import Lesson
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import finish, learn, start

ALPHA, BETA = 0.5, 1.0


def der_plus_plus(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned on new data, former labels and its own former logits."""
    begin = start(situation, champion)
    former = (torch.arange(begin.rows.size) >= begin.fresh).float()
    label = torch.where(former > 0, BETA, 1.0)
    teacher = Teacher(begin.answers(), label, former * situation.rules.strength(ALPHA), logits=True)
    lesson = Lesson(begin.rows, begin.fresh, begin.exam.criterion, teacher)
    return finish(begin, learn(begin, lesson, rehearsing=True))
