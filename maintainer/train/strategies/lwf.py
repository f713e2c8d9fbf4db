"""Learning without forgetting: on new samples, stay near what the champion answers to them.

Li & Hoiem 2016, https://arxiv.org/abs/1606.09282: loss + strength T^2 KL(champion || challenger) at temperature T = 2.
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import replace

import torch

from maintainer.train.objective import Teacher
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import finish, learn, new_only, start

STRENGTH, TEMPERATURE = 1.0, 2.0


def lwf(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned on new data alone, taught by its own former answers."""
    begin = start(situation, champion)
    outputs = begin.answers()[: begin.fresh]
    ones = torch.ones(begin.fresh)
    near = ones * situation.rules.strength(STRENGTH)
    teacher = Teacher(outputs, ones, near, temperature=TEMPERATURE)
    return finish(begin, learn(begin, replace(new_only(begin), teacher=teacher), rehearsing=False))
