"""Former samples chosen by what the champion makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from maintainer.train.choosing import NEIGHBOURS, herd, herded, like_new, quotas


def unit(rows: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(rows / np.linalg.norm(rows, axis=1, keepdims=True)).float()


def points(n: int, seed: int = 0, d: int = 6) -> torch.Tensor:
    return unit(np.random.default_rng(seed).normal(size=(n, d)))


def herded_by_the_book(features: NDArray[np.float64], n: int) -> list[int]:
    """Algorithm 4 of iCaRL as it is written."""
    mean, chosen = features.mean(axis=0), []
    for k in range(1, n + 1):
        before = features[chosen].sum(axis=0)
        distances = np.linalg.norm(mean - (features + before) / k, axis=1)
        distances[chosen] = np.inf
        chosen.append(int(distances.argmin()))
    return chosen


def test_herding_takes_what_the_published_algorithm_takes():
    features = points(200)
    assert herd(features, 40).tolist() == herded_by_the_book(features.double().numpy(), 40)


def test_the_mean_of_a_herd_is_nearer_to_that_of_all_than_the_mean_of_a_draw():
    features = points(500, d=3) + torch.tensor([1.0, 0.0, 0.0])
    mean = features.mean(dim=0)
    away = float((features[torch.from_numpy(herd(features, 20))].mean(dim=0) - mean).norm())
    rng = np.random.default_rng(1)
    drawn = [features[torch.from_numpy(rng.permutation(500)[:20])].mean(dim=0) for _ in range(50)]
    assert away < min(float((found - mean).norm()) for found in drawn)


def test_duplicates_and_rows_of_zeros_are_herded_once_each():
    assert sorted(herd(points(1).expand(7, -1), 7)) == list(range(7))
    assert sorted(herd(torch.zeros(4, 3), 9)) == list(range(4))


@pytest.mark.parametrize(
    ("counts", "n", "wanted"),
    [
        ({"a": 100, "b": 100}, 20, {"a": 10, "b": 10}),
        ({"a": 100, "b": 3}, 20, {"a": 17, "b": 3}),
        ({"a": 100, "b": 3, "c": 5}, 9, {"a": 3, "b": 3, "c": 3}),
        ({"a": 2, "b": 3}, 20, {"a": 2, "b": 3}),
        ({"a": 50}, 20, {"a": 20}),
        ({}, 20, {}),
        ({"a": 5, "b": 5, "c": 5}, 2, {"a": 0, "b": 1, "c": 1}),
    ],
)
def test_classes_get_as_many_places_as_can_be(counts: dict[str, int], n: int, wanted: dict[str, int]):
    assert quotas(counts, n) == wanted


def test_each_class_is_herded_by_itself():
    features = points(300)
    labels = np.array((["a"] * 200 + ["b"] * 100), object)
    rows = herded(features, labels, 30)
    assert rows.tolist() == [*sorted(herd(features[:200], 15)), *sorted(herd(features[200:], 15) + 200)]
    assert (herded(features, labels, 30) == rows).all()


def test_memory_of_one_class_and_numbers_as_labels_are_herded_as_one():
    features = points(60)
    alone = herded(features, np.array(["a"] * 60, object), 12)
    assert alone.tolist() == herded(features, None, 12).tolist() == sorted(herd(features, 12))


def test_half_of_the_memory_is_what_the_newest_samples_resemble():
    memory, newest = points(400, 1), points(30, 2)
    rows = like_new(memory, newest, 300, seed=0)
    assert len(rows) == 300
    likeness = newest.numpy() @ memory.numpy().T
    ranks = np.argsort(-likeness, axis=1, kind="stable")[:, :NEIGHBOURS]
    votes = np.bincount(ranks.flatten(), minlength=400)  # 150 votes: as many as half of the memory
    assert np.bincount(rows[150:], minlength=400).tolist() == votes.tolist()
    assert len(set(rows[:150].tolist())) == 150


def test_the_same_seed_gives_the_same_memory_and_another_one_another():
    memory, newest = points(400, 1), points(30, 2)
    first = like_new(memory, newest, 200, seed=0)
    assert (first == like_new(memory, newest, 200, seed=0)).all()
    assert (first != like_new(memory, newest, 200, seed=1)).any()


@pytest.mark.parametrize(("memory", "newest", "n", "wanted"), [(3, 2, 100, 6), (50, 0, 20, 10), (1, 9, 1, 1)])
def test_small_memories_and_no_newest_samples_have_an_answer(memory: int, newest: int, n: int, wanted: int):
    rows = like_new(points(memory), points(newest) if newest else torch.zeros(0, 6), n, seed=0)
    assert len(rows) == wanted and set(rows.tolist()) <= set(range(memory))
