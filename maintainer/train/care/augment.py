"""Changed copies of samples, to train on beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.training import Augmentation
from maintainer.families.labels import spread
from maintainer.families.table import Samples, join
from maintainer.train.care.wording import Texts, mistyped, without_words

NOISE = 0.1  # robust deviations of a column that a number is moved by, as a standard deviation
ALPHA = 0.2  # of Beta(alpha, alpha), the part of either sample in a mixture


def augmented(samples: Samples, kinds: tuple[Augmentation, ...], seed: int) -> Samples:
    """Return the samples, and behind them one changed copy of all of them for each kind."""
    made = samples
    for place, kind in enumerate(kinds):
        rng = np.random.default_rng([seed, place])
        match kind:
            case "feature-noise":
                made = join(made, noisy(samples, rng))
            case "mixup":
                made = join(made, mixed(samples, rng))
            case "word-dropout":
                made = join(made, _reworded(samples, without_words, rng))
            case "text-noise":
                made = join(made, _reworded(samples, mistyped, rng))
            case _:
                assert_never(kind)
    return made


def unchanged(samples: Samples, made: Samples) -> int:
    """Return how many copies behind the samples have the very texts of theirs: in a short one little may change."""
    copies = range(samples.size, made.size, samples.size)
    return sum(
        int((made.categories[name][start : start + samples.size] == column).sum())
        for name, column in samples.categories.items()
        for start in copies
    )


def noisy(samples: Samples, rng: np.random.Generator) -> Samples:
    """Return the samples with their numbers moved a little; missing ones and those of a constant column stay."""
    moved: dict[str, NDArray[np.float64]] = {}
    for name, column in samples.numbers.items():
        _, scale, constant = spread(column)
        moved[name] = column + rng.normal(size=samples.size) * (0.0 if constant else NOISE * scale)
    return replace(samples, numbers=moved)


def _reworded(
    samples: Samples, how: Callable[[Texts, np.random.Generator], Texts], rng: np.random.Generator
) -> Samples:
    return replace(samples, categories={name: how(column, rng) for name, column in samples.categories.items()})


def mixed(samples: Samples, rng: np.random.Generator) -> Samples:
    """Return mixtures of each sample with another: lambda of the one, 1 - lambda of the other, lambda ~ Beta.

    mixup, Zhang et al. 2018, https://arxiv.org/abs/1710.09412. What cannot be mixed, as a category, a missing number or
    a class, is that of the one with probability lambda: cross-entropy is linear in the target, so its mean is that of
    the mixed target.
    """
    other, part = rng.permutation(samples.size), rng.beta(ALPHA, ALPHA, samples.size)

    def drawn(column: NDArray[Any]) -> NDArray[Any]:
        return np.where(rng.random(samples.size) < part, column, column[other])

    def mean(column: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", over="ignore"):
            mixture = part * column + (1.0 - part) * column[other]
        return np.where(np.isfinite(mixture), mixture, drawn(column))

    classes = samples.labels.dtype == object
    return replace(
        samples,
        numbers={name: mean(column) for name, column in samples.numbers.items()},
        categories={name: drawn(column) for name, column in samples.categories.items()},
        labels=drawn(samples.labels) if classes else mean(samples.labels),
    )
