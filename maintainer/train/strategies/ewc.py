"""Elastic weight consolidation: each weight is held as hard as it matters for former data.

Kirkpatrick et al. 2017, https://arxiv.org/abs/1612.00796. `ewc` adds the Fisher information of all updates up, each
with the weights of its own time as anchor: sum_k F_k (theta - theta_k)^2 is, but for a constant, the one quadratic with
precision sum_k F_k around the mean of the theta_k weighted by F_k, so nothing grows with the number of updates.
`online-ewc` discounts the former ones and holds to the last champion (Schwarz et al. 2018, arXiv 1805.06370, eq. 9).
"""

from __future__ import annotations

from maintainer.train.memory import Kind
from maintainer.train.penalty import Quadratic
from maintainer.train.remember import ANCHOR, MASS, without
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import finish, learn, memory_of, new_only, start

STRENGTH = 1.0  # a nat of divergence on former data counts as much as one of loss on new data


def ewc(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned under the penalties of all updates."""
    return _tuned(situation, champion, "ewc")


def online_ewc(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned under one penalty, discounted."""
    return _tuned(situation, champion, "fisher")


def _tuned(situation: Situation, champion: Champion, kind: Kind) -> Outcome:
    begin = start(situation, champion)
    memory, notes = memory_of(begin, kind)
    penalty = None
    if memory is not None:
        flat, strength = begin.exam.flat, situation.rules.strength(STRENGTH) * begin.unit()
        anchors = {name.removesuffix(ANCHOR): value for name, value in memory.tensors.items() if name.endswith(ANCHOR)}
        anchor = flat.join(begin.weights | anchors)
        pull = flat.join(without(memory.tensors, MASS, ANCHOR)) * strength
        penalty = Quadratic(anchor.clone(), pull)
    return finish(begin, learn(begin, new_only(begin, penalty), rehearsing=False), notes)
