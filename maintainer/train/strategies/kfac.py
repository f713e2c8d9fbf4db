"""Kronecker-factored online Laplace: pairs of weights are held together, which no diagonal can.

Ritter, Botev & Barber 2018, https://arxiv.org/abs/1805.07810. The default where no former sample may be kept.
"""

from __future__ import annotations

from maintainer.train.kfac import Kronecker
from maintainer.train.penalty import Penalty
from maintainer.train.remember import MASS, without
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import Start, diagonal, finish, learn, memory_of, new_only, start

STRENGTH = 1.0  # a nat of divergence on former data counts as much as one of loss on new data


def kfac(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned under the penalty."""
    begin = start(situation, champion)
    penalty, notes = held(begin, situation.rules.strength(STRENGTH))
    return finish(begin, learn(begin, new_only(begin, penalty), rehearsing=False), notes)


def held(begin: Start, strength: float) -> tuple[Penalty | None, tuple[str, ...]]:
    """Return the penalty of the champion's factors, summed over its updates.

    Where it carries a diagonal and no former sample is left to measure factors on, that holds it: as after the day on
    which samples may be kept no longer.
    """
    home = begin.home().clone()
    if begin.memory.kind == "fisher" and not begin.situation.parts.former.size:
        note = (
            "the champion carries importances 'fisher', and no former sample is left to measure 'kfac' on: they hold it"
        )
        found = without(begin.memory.tensors, MASS, per_sample=True)
        return diagonal(begin, found, strength * begin.unit()), (note,)
    memory, notes = memory_of(begin, "kfac")
    if memory is None:
        return None, notes
    return Kronecker(begin.exam.flat, home, memory.tensors, strength * begin.unit()), notes
