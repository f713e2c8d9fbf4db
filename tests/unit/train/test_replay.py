"""Choosing and mixing rehearsal."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from maintainer.train.replay import epoch, parts, passes


@pytest.mark.parametrize(
    ("batch", "share", "former", "wanted"),
    [
        (128, 0.5, 900, (64, 64)),
        (128, 0.0, 900, (128, 0)),
        (128, 0.5, 0, (128, 0)),
        (2, 0.99, 5, (1, 1)),
        (128, 0.5, 3, (125, 3)),
        (1, 0.9, 5, (1, 0)),
    ],
)
def test_a_batch_has_its_share_of_replay_once_each_and_at_least_one_new_row(batch, share, former, wanted):
    assert parts(batch, share, former) == wanted


def test_no_former_row_comes_again_before_all_others_came():
    drawn = np.concatenate(list(islice(passes(10, 4, np.random.default_rng(0)), 25)))
    assert np.bincount(drawn, minlength=10).tolist() == [10] * 10
    for start in range(0, 100, 10):
        assert sorted(drawn[start : start + 10]) == list(range(10))


def test_a_batch_may_take_more_rows_than_there_are():
    assert len(next(passes(3, 8, np.random.default_rng(0)))) == 8


def test_an_epoch_sees_each_new_row_once_with_former_rows_behind():
    rehearsal = passes(50, 6, np.random.default_rng(1))
    batches = list(epoch(20, 8, rehearsal, np.random.default_rng(0)))
    fresh = np.concatenate([rows[rows < 20] for rows in batches])
    assert sorted(fresh) == list(range(20))
    assert [(int((rows < 20).sum()), int((rows >= 20).sum())) for rows in batches] == [(8, 6), (8, 6), (4, 3)]
    assert max(int(rows.max()) for rows in batches) < 70


def test_the_same_generator_gives_the_same_batches():
    first, second = (list(epoch(30, 7, None, np.random.default_rng(4))) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
