"""A family of the benchmarks: a plain multilayer perceptron on vectors, as the papers that are replicated use it.

Samples name rows of a matrix that is held once: a thousand pixels are no columns of a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.families.family import Encoder, Weights
from maintainer.families.table import Samples


class PlainEncoder(Encoder):
    """Nothing is coded."""

    family: str = "plain"


@dataclass(frozen=True, slots=True)
class Vectors:
    """n rows of numbers."""

    values: Tensor  # (n, d)

    @property
    def size(self) -> int:
        return len(self.values)

    @property
    def lengths(self) -> None:
        return None

    def take(self, rows: Tensor) -> Vectors:
        return Vectors(self.values[rows])

    def disturbed(self, generator: torch.Generator) -> Vectors:
        del generator
        return self


class Mlp(nn.Module):
    """Hidden layers with ReLU."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths[:-1]))
        self.head = nn.Linear(widths[-2], widths[-1])

    def forward(self, inputs: Vectors) -> Tensor:
        hidden = inputs.values
        for layer in self.layers:
            hidden = layer(hidden).relu()
        return self.head(hidden)


class PlainFamily:
    """See maintainer.families.family.Family."""

    name, at_once = "plain", 4096
    learning_rate, gradual = 1e-3, False
    pretrained = True  # the first task is learned at the pace of the others

    def __init__(self, matrix: Tensor, hidden: tuple[int, ...]) -> None:
        self.matrix, self.hidden = matrix, hidden  # (rows, d)

    def fit(self, task: TaskKind, samples: Samples, classes: tuple[str, ...], base: Base) -> PlainEncoder:
        del samples, base
        return PlainEncoder(task=task, classes=classes)

    def grow(self, encoder: PlainEncoder, samples: Samples, classes: tuple[str, ...]) -> PlainEncoder:
        del samples, classes
        return encoder

    def grow_weights(self, before: Any, after: Any, weights: Weights, fill: bool) -> Weights:
        del before, after, fill
        return dict(weights)

    def prime(self, module: Mlp, inputs: Vectors, targets: Tensor, task: TaskKind, known: int = 0) -> bool:
        del module, inputs, targets, task, known
        return False

    def inputs(self, encoder: PlainEncoder, samples: Samples) -> Vectors:
        del encoder
        return Vectors(self.matrix[torch.from_numpy(samples.numbers["row"].astype(np.int64))])

    def build(self, encoder: PlainEncoder, weights: Weights | None = None, dropout: float = 0.0) -> Mlp:
        del dropout
        module = Mlp((self.matrix.shape[1], *self.hidden, encoder.outputs))
        if weights is not None:
            module.load_state_dict(weights)
        return module


class PermutedFamily(PlainFamily):
    """The same on rows whose columns come in one of several orders: row r of order k is named k * rows + r."""

    def __init__(self, matrix: Tensor, hidden: tuple[int, ...], orders: Sequence[Tensor]) -> None:
        super().__init__(matrix, hidden)
        self.orders = torch.stack(list(orders))  # (k, d)

    def inputs(self, encoder: PlainEncoder, samples: Samples) -> Vectors:
        del encoder
        place = torch.from_numpy(samples.numbers["row"].astype(np.int64))
        number, row = place // len(self.matrix), place % len(self.matrix)
        values = torch.empty(len(place), self.matrix.shape[1])
        for order in number.unique():
            mine = number == order
            values[mine] = self.matrix[row[mine]][:, self.orders[order]]
        return Vectors(values)


def samples_of(rows: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> Samples:
    """Return samples that name rows of the matrix."""
    return Samples(len(rows), {"row": rows.astype(np.float64)}, {}, labels.astype(object))
