"""Averaged gradient episodic memory: a step on new data must not raise the loss on former samples.

Chaudhry et al. 2019, https://arxiv.org/abs/1812.00420; the projection is in `recipe.train`.
"""

from __future__ import annotations

from maintainer.train.recipe import Lesson
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import finish, learn, start


def a_gem(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned on new data, with gradients projected by former samples."""
    begin = start(situation, champion)
    lesson = Lesson(begin.rows, begin.fresh, begin.exam.criterion, projected=True)
    return finish(begin, learn(begin, lesson, rehearsing=True))
