"""Parts of a step of training, held against what they stand for."""

from __future__ import annotations

import pytest
import torch

from maintainer.train.penalty import BLOCK, Quadratic
from maintainer.train.schedule import decay
from maintainer.train.trail import Trail


def drawn(size: int, count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(size, generator=generator) for _ in range(count)]


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK, 2 * BLOCK + 7])
def test_the_gradient_of_a_penalty_is_that_of_its_formula(size: int):
    values, anchor, pull, before = drawn(size, 4)
    grads = before.clone()
    Quadratic(anchor, pull.abs()).add_gradient(values, grads)
    moving = values.clone().requires_grad_()
    (0.5 * (pull.abs() * (moving - anchor) ** 2)).sum().backward()
    assert moving.grad is not None
    torch.testing.assert_close(grads, before + moving.grad)


def test_a_trail_is_the_sum_of_what_each_step_should_have_brought():
    first, second, third, slope, steeper = drawn(9, 5)
    trail, values = Trail(first), first.clone()
    for grads, after in ((slope, second), (steeper, third)):
        trail.begin(grads, values)
        values.copy_(after)
        trail.end(values)
    torch.testing.assert_close(trail.total, -slope * (second - first) - steeper * (third - second))


def test_weights_decay_home_or_to_zero():
    values, home = drawn(9, 2)
    alone, drawn_home = values.clone(), values.clone()
    decay(alone, None, 0.25)
    decay(drawn_home, home, 0.25)
    torch.testing.assert_close(alone, 0.75 * values)
    torch.testing.assert_close(drawn_home, 0.75 * values + 0.25 * home)
