"""Synaptic intelligence: each weight is held as hard as it helped to make the loss fall while it was trained.

Zenke, Poole & Ganguli 2017, eqs. 3-5, https://arxiv.org/abs/1703.04200: omega_i = -sum over steps of g_i dtheta_i, and
Omega_i = sum over updates of omega_i / (moved_i^2 + xi); loss + strength sum_i Omega_i (theta_i - champion_i)^2.
"""

from __future__ import annotations

from dataclasses import replace

from maintainer.train.remember import MASS, without
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import diagonal, finish, learn, new_only, start

STRENGTH = 1.0


def si(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned under the penalty, and the path of its weights for the next one."""
    begin = start(situation, champion)
    penalty, notes = None, ()
    if begin.memory.kind == "si":
        strength = 2.0 * situation.rules.strength(STRENGTH)
        penalty = diagonal(begin, without(begin.memory.tensors, MASS), strength)
    else:
        notes = ("the champion was not trained by si and carries no path: trained without a penalty",)
    lesson = replace(new_only(begin, penalty), tracked=True)
    return finish(begin, learn(begin, lesson, rehearsing=False), notes)
