"""What a new version will carry about its weights, by the kind its strategy needs next time."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from maintainer.domain.training import StrategyName
from maintainer.families.family import Weights
from maintainer.families.table import Samples
from maintainer.train import importance, kfac
from maintainer.train.exam import rows_of
from maintainer.train.memory import MASS, Kind, Memory, carry
from maintainer.train.situation import Outcome, Situation

WITNESSES, SEQUENCES = 1000, 250  # most samples that an importance is measured on; of sequences
AT_ONCE, TOKENS = 64, 4096  # of long samples, and of their tokens, whose gradients are held at a time
ANCHOR = "/anchor"  # behind a weight's name: where the penalties of all updates together pull it
DAMPING = 0.1  # xi of synaptic intelligence, as in https://arxiv.org/abs/1810.12488


def kind_of(strategy: StrategyName) -> Kind:
    """Return what a strategy wants to know about the champion's weights; most ask for the Fisher information."""
    match strategy:
        case "ewc" | "mas" | "si" | "kfac":
            return strategy
        case _:
            return "fisher"


def remember(
    kind: Kind, situation: Situation, encoder: Any, weights: Weights, samples: Samples, old: Memory | None
) -> Memory:
    """Return importances measured on some of the samples, carried on from `old` where that is of the same kind."""
    family = situation.family
    rng = np.random.default_rng(situation.rules.seed)
    most = SEQUENCES if encoder.sequential else WITNESSES
    chosen = np.sort(rng.permutation(samples.size)[:most])
    rows = rows_of(family, encoder, samples.take(chosen))
    module = family.build(encoder, weights, 0.0)
    generator = torch.Generator().manual_seed(situation.rules.seed)
    lengths = rows.inputs.lengths
    at_once = family.at_once if lengths is None else max(1, min(AT_ONCE, TOKENS // int(lengths.max())))
    former = old.tensors if old is not None and old.kind == kind else None
    match kind:
        case "mas":
            return Memory(kind, carry(former, importance.sensitivity(module, rows, at_once), discount=1.0))
        case "kfac":
            return Memory(kind, carry(former, kfac.factors(module, rows, situation.task, generator, at_once)))
        case "ewc":
            found = importance.fisher(module, rows, situation.task, generator, at_once)
            return Memory(kind, _anchored(former, found, weights))
        case "fisher" | "si":
            found = importance.fisher(module, rows, situation.task, generator, at_once)
            return Memory("fisher", carry(former if kind == "fisher" else None, found))


def remember_path(outcome: Outcome, path: Weights) -> Memory:
    """Return the importances of synaptic intelligence: those there were, and what this training adds."""
    old = outcome.memory.tensors if outcome.memory is not None and outcome.memory.kind == "si" else None
    added: Weights = {}
    for name, value in path.items():
        moved = outcome.weights[name] - outcome.start[name]
        added[name] = value.clamp_min(0.0) / (moved**2 + DAMPING)
    return Memory("si", carry(old, added, discount=1.0))


def _anchored(old: Weights | None, new: Weights, weights: Weights) -> Weights:
    """Return the sum of precisions and the mean of the anchors, each weighted by its precision."""
    at = {name: weights.get(name, torch.zeros_like(value)) for name, value in new.items()}  # an addition is merged: 0
    if old is None:
        return {**new, **{name + ANCHOR: at[name] for name in new}, MASS: torch.tensor(1.0)}
    kept: Weights = {MASS: old[MASS] + 1.0}
    for name, value in new.items():
        former = old.get(name, torch.zeros_like(value))
        total = former + value
        both = former * old.get(name + ANCHOR, at[name]) + value * at[name]
        kept[name] = total
        kept[name + ANCHOR] = torch.where(total > 0, both / total.clamp_min(1e-30), at[name])
    return kept


def without(tensors: Weights, *names: str, per_sample: bool = False) -> dict[str, Tensor]:
    """Return the importances alone, divided by their mass where a mean is wanted."""
    mass = tensors[MASS] if per_sample else 1.0
    return {name: value / mass for name, value in tensors.items() if not name.endswith(tuple(names))}
