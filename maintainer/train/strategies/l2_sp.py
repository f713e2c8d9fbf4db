"""Fine-tuning on new data while every weight is held near the champion's, all alike.

Li, Grandvalet & Davoine 2018, https://arxiv.org/abs/1802.01483: loss + strength / 2 ||theta - champion||^2.
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import torch

from maintainer.train.penalty import Quadratic
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import finish, learn, new_only, start

STRENGTH = 0.1


def l2_sp(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned on new data and held to where it was."""
    begin = start(situation, champion)
    home = begin.home().clone()
    penalty = Quadratic(home, torch.full_like(home, situation.rules.strength(STRENGTH)))
    return finish(begin, learn(begin, new_only(begin, penalty), rehearsing=False))
