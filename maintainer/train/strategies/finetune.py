"""Plain fine-tuning on new data: no rehearsal, no penalty, no budget; the gates judge it."""

from __future__ import annotations

from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies.start import finish, learn, new_only, start


def finetune(situation: Situation, champion: Champion) -> Outcome:
    """Return the champion tuned on new data alone."""
    begin = start(situation, champion)
    return finish(begin, learn(begin, new_only(begin), rehearsing=False))
