"""Kronecker-factored curvature: how much each pair of weights of a layer matters together.

Ritter, Botev & Barber 2018 (online Laplace), https://arxiv.org/abs/1805.07810, with the factors of Martens & Grosse
2015, https://arxiv.org/abs/1503.05671: the Fisher information of a Linear is about G (x) A, with A = E[a a^T] of its
inputs (a one behind them for the bias) and G = E[g g^T] of the gradients at its outputs. Layers of another kind keep
their diagonal.
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from maintainer.domain.sample import TaskKind
from maintainer.families.family import Weights
from maintainer.train.flat import Flat
from maintainer.train.importance import collected, fisher, likelihoods, most_asked, residual_variance
from maintainer.train.memory import MASS
from maintainer.train.objective import Rows

INPUT, OUTPUT = "/inputs", "/outputs"  # behind a layer's name: its two factors


def factors(module: nn.Module, rows: Rows, task: TaskKind, generator: torch.Generator, at_once: int) -> Weights:
    """Return A and G of each Linear that learns, and the diagonal Fisher of all other weights."""
    variance = residual_variance(module, rows, at_once) if task is TaskKind.REGRESSION else 1.0
    found: Weights = {}
    for chunk in torch.arange(rows.size).split(at_once):
        inputs = rows.inputs.take(chunk)
        with torch.no_grad():
            outputs = module(inputs)
        for number, (loss, weight) in enumerate(likelihoods(task, outputs, variance, generator, most_asked(rows))):
            with collected(module, _Adder(found, weight, first=number == 0), len(chunk)):
                loss(module(inputs)).backward()
    for value in module.parameters():
        value.grad = None
    linear = {name.removesuffix(INPUT) for name in found if name.endswith(INPUT)}
    diagonal = fisher(module, rows, task, generator, at_once)
    rest = {name: value for name, value in diagonal.items() if name.rpartition(".")[0] not in linear}
    return {name: value / rows.size for name, value in found.items()} | rest


def grown(tensors: Weights, weights: Weights, grow: Callable[[Weights], Weights]) -> Weights:
    """Return the importances of a module that has grown: what is new in it matters nothing yet.

    `weights` are those before, and `grow` brings importances of each weight into the new shapes, with zero for what is
    new; of rows and columns with numbers it so tells where they have gone.
    """
    rows, columns = (grow({name: _numbered(value, dim) for name, value in weights.items()}) for dim in (0, -1))
    found = grow({name: tensors.get(name, torch.zeros_like(value)) for name, value in weights.items()})
    kept = {name: value for name, value in found.items() if name in tensors} | {MASS: tensors[MASS]}
    for name, value in tensors.items():
        if name.endswith(INPUT):
            kept[name] = _placed(value, columns[name.removesuffix(INPUT) + ".weight"].amax(dim=0))
        elif name.endswith(OUTPUT):
            kept[name] = _placed(value, rows[name.removesuffix(OUTPUT) + ".weight"].amax(dim=1))
    return kept


def _numbered(value: Tensor, dim: int) -> Tensor:
    """Return numbers from 1 along one dimension of the shape of a weight."""
    shape = [1] * value.dim()
    shape[dim] = value.shape[dim]
    return torch.arange(1.0, value.shape[dim] + 1).reshape(shape).expand_as(value)


def _placed(factor: Tensor, places: Tensor) -> Tensor:
    """Return a factor (k, k) whose row i is where `places` (n,) says i + 1; a last one more is that of the bias."""
    if factor.shape[0] > places.max():
        places = torch.cat([places, torch.tensor([float(factor.shape[0])])])
    into = torch.nonzero(places)[:, 0]
    whence = places[into].long() - 1
    made = torch.zeros(len(places), len(places), dtype=factor.dtype)
    made[into[:, None], into] = factor[whence[:, None], whence]
    return made


@dataclass(frozen=True, slots=True)
class _Adder:
    """Adds up the factors of each Linear; inputs only once for all questions."""

    found: Weights
    weight: Tensor
    first: bool

    def __call__(self, name: str, layer: nn.Module, given: Tensor, gradient: Tensor) -> None:
        if not isinstance(layer, nn.Linear) or not layer.weight.requires_grad:
            return
        gradient, given = gradient.float(), given.float()
        steps = 1 if gradient.dim() == 2 else gradient.shape[1]
        weight = self.weight if gradient.dim() == 2 else self.weight[:, None, :]
        inputs, slopes = given.flatten(0, -2), (gradient * weight.sqrt()).flatten(0, -2)
        if layer.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
            inputs = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
        self._add(name + OUTPUT, slopes.T @ slopes)
        if self.first:
            self._add(name + INPUT, inputs.T @ inputs / steps)

    def _add(self, name: str, value: Tensor) -> None:
        self.found[name] = self.found[name] + value if name in self.found else value


@dataclass(frozen=True, slots=True)
class Kronecker:
    """strength / 2 vec(D)^T (G (x) A) vec(D), D the distance from the anchor; its gradient in a layer is G D A."""

    flat: Flat
    anchor: Tensor  # (P,)
    tensors: Mapping[str, Tensor]  # factors and diagonals
    strength: float
    diagonal: Tensor = field(init=False)  # (P,), zero where factors take its place
    layers: tuple[tuple[str, bool], ...] = field(init=False)  # with their bias or without

    def __post_init__(self) -> None:
        zero = self.flat.split(torch.zeros_like(self.anchor))
        parts = {name: self.tensors.get(name, value) for name, value in zero.items()}
        object.__setattr__(self, "diagonal", self.flat.join(parts) * self.strength)
        names = [name.removesuffix(INPUT) for name in self.tensors if name.endswith(INPUT)]
        known = [(name, f"{name}.bias" in zero) for name in names if f"{name}.weight" in zero]
        object.__setattr__(self, "layers", tuple(known))

    def add_gradient(self, values: Tensor, grads: Tensor) -> None:
        """Add strength * G D A of each Linear, and the diagonal of all others."""
        grads.addcmul_(self.diagonal, values - self.anchor)
        distance, target = self.flat.split(values - self.anchor), self.flat.split(grads)
        for name, biased in self.layers:
            moved = distance[f"{name}.weight"]
            if biased:
                moved = torch.cat([moved, distance[f"{name}.bias"][:, None]], dim=1)
            pull = self.strength * (self.tensors[name + OUTPUT] @ moved @ self.tensors[name + INPUT])
            target[f"{name}.weight"].add_(pull[:, :-1] if biased else pull)
            if biased:
                target[f"{name}.bias"].add_(pull[:, -1])
