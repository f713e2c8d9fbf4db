"""Kronecker-factored online Laplace: pairs of weights are held together, which no diagonal can.

Ritter, Botev & Barber 2018, https://arxiv.org/abs/1805.07810. The default where no former sample may be kept.
"""

from __future__ import annotations

from maintainer.train.kfac import Kronecker
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import Start, finish, learn, memory_of, new_only, start

STRENGTH = 1.0  # a nat of divergence on former data counts as much as one of loss on new data


def kfac(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned under the penalty."""
    begin = start(situation, champion)
    penalty, notes = held(begin, situation.rules.strength(STRENGTH))
    return finish(begin, learn(begin, new_only(begin, penalty), rehearsing=False), notes)


def held(begin: Start, strength: float) -> tuple[Kronecker | None, tuple[str, ...]]:
    """Return the penalty of the champion's factors, summed over its updates."""
    memory, notes = memory_of(begin, "kfac")
    if memory is None:
        return None, notes
    home = begin.home().clone()
    return Kronecker(begin.exam.flat, home, memory.tensors, strength * begin.unit()), notes
