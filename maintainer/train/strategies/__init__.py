"""The ways to make a challenger, each a function behind `situation.Strategy`."""

from __future__ import annotations

from typing import Literal, assert_never

from maintainer.train.situation import Strategy
from maintainer.train.strategies.finetune import finetune
from maintainer.train.strategies.frontier import frontier
from maintainer.train.strategies.scratch import scratch


def strategy_of(name: Literal["frontier", "finetune", "scratch"]) -> Strategy:
    """Return the strategy a policy names."""
    match name:
        case "frontier":
            return frontier
        case "finetune":
            return finetune
        case "scratch":
            return scratch
        case _:
            assert_never(name)
