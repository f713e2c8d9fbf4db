"""Memory aware synapses: each weight is held as hard as the answers depend on it; needs no labels.

Aljundi et al. 2018, https://arxiv.org/abs/1711.09601: loss + strength sum_i Omega_i (theta_i - champion_i)^2.
"""

from __future__ import annotations

from maintainer.train.remember import MASS, without
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import diagonal, finish, learn, memory_of, new_only, start

STRENGTH = 1.0


def mas(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned under the penalty."""
    begin = start(situation, champion)
    memory, notes = memory_of(begin, "mas")
    strength = 2.0 * situation.rules.strength(STRENGTH)
    penalty = None if memory is None else diagonal(begin, without(memory.tensors, MASS), strength)
    return finish(begin, learn(begin, new_only(begin, penalty), rehearsing=False), notes)
