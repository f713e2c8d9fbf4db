"""Doubt by dropout and diversity by k-means++ of a small network."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from maintainer.domain.sample import TaskKind
from maintainer.train.worth import doubt, embeddings, spread


class Rows:
    """Inputs that are rows of numbers."""

    lengths = None

    def __init__(self, values: Tensor) -> None:
        self.values = values

    @property
    def size(self) -> int:
        return self.values.shape[0]

    def take(self, rows: Tensor) -> Tensor:
        return self.values[rows]


class Wavering(nn.Module):
    """Two outputs: what dropout leaves of the input, and its opposite."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, rows: Tensor) -> Tensor:
        kept = self.dropout(rows)
        return torch.cat([kept, -kept], dim=1)


def test_doubt_is_the_information_of_the_label_about_the_weights() -> None:
    torch.manual_seed(0)
    inputs = Rows(torch.tensor([[0.0], [0.1], [50.0]]))
    found = doubt(Wavering(), inputs, 2, TaskKind.CLASSIFICATION)
    assert found[0] == pytest.approx(0.0, abs=1e-9)  # even, but so in each pass: not the weights' doubt
    assert found[0] < found[1] < found[2]
    torch.manual_seed(0)
    passes = 200
    kept = torch.rand(passes) < 0.5
    share = torch.where(kept, torch.sigmoid(torch.tensor(200.0)), torch.tensor(0.5)).mean()  # by hand: 2 x 50, twice
    entropy = -(share * share.log() + (1 - share) * (1 - share).log())
    assert found[2] == pytest.approx(float(entropy) - 0.5 * math.log(2), abs=0.1)


def test_doubt_of_a_number_is_the_variance_of_its_answers() -> None:
    torch.manual_seed(0)
    found = doubt(Wavering(), Rows(torch.tensor([[0.0], [1.0], [3.0]])), 8, TaskKind.REGRESSION)
    assert found[0] == 0.0
    assert found[2] > found[1] > 0.3


def test_the_same_seed_doubts_the_same() -> None:
    inputs = Rows(torch.randn(40, 1, generator=torch.Generator().manual_seed(1)))
    twice = []
    for _ in range(2):
        torch.manual_seed(3)
        twice.append(doubt(Wavering(), inputs, 7, TaskKind.CLASSIFICATION))
    np.testing.assert_array_equal(*twice)


def test_an_embedding_is_what_the_last_linear_layer_sees() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 2))
    values = torch.randn(11, 3)
    found = embeddings(module, Rows(values), 4)
    np.testing.assert_allclose(found, torch.relu(module[0](values)).detach().double().numpy())


def test_diverse_samples_come_from_every_cluster_and_not_from_where_labels_are() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0], [50.0, 50.0]])
    points = np.concatenate([centre + rng.normal(0, 0.1, (100, 2)) for centre in centres])
    order, worth = spread(points, np.zeros((0, 0)), 4, np.random.default_rng(1))
    assert sorted(order // 100) == [0, 1, 2, 3]
    known = centres[:2] + 0.05
    order, worth = spread(points, known, 2, np.random.default_rng(1))
    assert sorted(order // 100) == [2, 3]
    assert (worth[order] > worth.mean()).all()


def test_diverse_samples_are_the_same_under_a_seed_and_none_twice_even_among_equals() -> None:
    points = np.zeros((6, 2))
    first, second = (spread(points, points[:1], 9, np.random.default_rng(5))[0] for _ in range(2))
    assert first.tolist() == second.tolist()
    assert sorted(first) == list(range(6))
