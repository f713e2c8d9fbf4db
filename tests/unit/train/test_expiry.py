"""Former labels that no longer hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maintainer.train.expiry import Known, contradicted, grew_worse


def known(n: int, seed: int, turned: bool = False, noise: float = 0.0, moved: float = 0.0) -> Known:
    """Samples around a circle, right of the middle 1, left 0; `turned`, the upper half has the other label."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n) if not moved else rng.normal(moved, 0.05, n)
    labels = np.cos(angle) > 0
    labels ^= (np.sin(angle) > 0) & turned
    labels ^= rng.random(n) < noise
    features = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Known(torch.from_numpy(features).float(), torch.from_numpy(labels.astype(np.int64)))


def test_what_new_labels_contradict_is_found_and_nothing_else():
    former, new = known(2000, 0), known(800, 1, turned=True)
    rows = contradicted(former, new, seed=0)
    upper = (former.features[:, 1] > 0).numpy()
    assert upper[rows].mean() > 0.98
    assert len(rows) > 0.9 * upper.sum()
    assert (rows == contradicted(former, new, seed=0)).all()


def test_wrong_labels_in_a_batch_expire_nothing():
    assert len(contradicted(known(2000, 0), known(800, 1, noise=0.3), seed=0)) <= 20


def test_wrong_labels_in_the_memory_are_no_drift():
    assert len(contradicted(known(2000, 0, noise=0.1), known(800, 1), seed=0)) <= 20


def test_new_samples_elsewhere_say_nothing_of_the_former():
    former, new = known(2000, 0), known(800, 1, turned=True, moved=2.2)
    rows = contradicted(former, new, seed=0)
    angle = torch.atan2(former.features[:, 1], former.features[:, 0]).numpy()[rows]
    assert len(rows) and np.abs(angle - 2.2).max() < 0.2


def test_few_samples_one_class_and_duplicates_have_an_answer():
    assert contradicted(known(10, 0), known(800, 1), seed=0).size == 0
    assert contradicted(known(800, 0), known(10, 1), seed=0).size == 0
    same = Known(torch.ones(50, 2) / 2**0.5, torch.zeros(50, dtype=torch.int64))
    assert contradicted(same, same, seed=0).size == 0
    other = Known(same.features, torch.ones(50, dtype=torch.int64))
    assert len(contradicted(same, other, seed=0)) == 50


@pytest.mark.parametrize(
    ("former", "new", "wanted"),
    [
        ((90, 100), (70, 100), True),
        ((90, 100), (88, 100), False),
        ((9, 10), (7, 10), False),
        ((70, 100), (90, 100), False),
    ],
)
def test_errors_grow_only_beyond_chance(former: tuple[int, int], new: tuple[int, int], wanted: bool):
    before, now = (np.arange(n) < right for right, n in (former, new))
    assert grew_worse(before, now) is wanted
    assert not grew_worse(before[:0], now)
