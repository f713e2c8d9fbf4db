"""The ways to make a challenger, each a function behind `situation.Strategy`."""

from __future__ import annotations

from typing import assert_never

from maintainer.domain.training import StrategyName
from maintainer.train.situation import Strategy
from maintainer.train.strategies.a_gem import a_gem
from maintainer.train.strategies.der import der_plus_plus
from maintainer.train.strategies.ewc import ewc, online_ewc
from maintainer.train.strategies.finetune import finetune
from maintainer.train.strategies.frontier import frontier
from maintainer.train.strategies.kfac import kfac
from maintainer.train.strategies.l2_sp import l2_sp
from maintainer.train.strategies.lwf import lwf
from maintainer.train.strategies.mas import mas
from maintainer.train.strategies.replay import replay
from maintainer.train.strategies.scratch import scratch
from maintainer.train.strategies.si import si


def strategy_of(name: StrategyName) -> Strategy:
    """Return the strategy a policy names."""
    match name:
        case "frontier":
            return frontier
        case "finetune":
            return finetune
        case "scratch":
            return scratch
        case "l2-sp":
            return l2_sp
        case "ewc":
            return ewc
        case "online-ewc":
            return online_ewc
        case "kfac":
            return kfac
        case "si":
            return si
        case "mas":
            return mas
        case "lwf":
            return lwf
        case "replay":
            return replay
        case "der++":
            return der_plus_plus
        case "a-gem":
            return a_gem
        case _:
            assert_never(name)
