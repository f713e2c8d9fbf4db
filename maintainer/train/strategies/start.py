"""What the strategies share: the champion made ready for new data, and the pace of the policy."""

from __future__ import annotations

from dataclasses import dataclass

from maintainer.domain.policy import Train
from maintainer.families import encoder as encoders
from maintainer.families import tabular_mlp
from maintainer.families.encoder import Encoder
from maintainer.families.table import join
from maintainer.families.tabular_mlp import TabularMlp, Weights
from maintainer.train.exam import Exam
from maintainer.train.importance import MASS
from maintainer.train.recipe import Pace
from maintainer.train.situation import Champion, Situation


@dataclass(frozen=True, slots=True)
class Start:
    """The champion with codes for what is new in the data; it answers as before."""

    encoder: Encoder
    weights: Weights
    importance: Weights
    exam: Exam

    def module(self, dropout: float) -> TabularMlp:
        """Return a module that starts at the champion."""
        return tabular_mlp.build(self.encoder, self.weights, dropout)


def start(situation: Situation, champion: Champion) -> Start:
    """Return the champion grown to the new and the former samples."""
    before = champion.encoder
    after = encoders.grow(before, join(situation.parts.new, situation.parts.former))
    mass = {MASS: champion.importance[MASS]}
    importance = {name: value for name, value in champion.importance.items() if name != MASS}
    return Start(
        after,
        tabular_mlp.grow(before, after, champion.weights, fill=True),
        tabular_mlp.grow(before, after, importance, fill=False) | mass,
        Exam(situation, after),
    )


def pace(rules: Train, share: float) -> Pace:
    """Return the pace the policy asks for.

    `batch_size` rows make a batch, the replayed ones among them; an epoch is one pass over the new rows.
    """
    return Pace(
        epochs=rules.epochs,
        batch=rules.batch_size,
        share=share,
        learning_rate=rules.optimizer.learning_rate,
        weight_decay=rules.optimizer.weight_decay,
        patience=rules.early_stopping.patience,
        seed=rules.seed,
    )
