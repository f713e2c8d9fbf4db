"""Former samples whose labels no longer hold: they teach what new labels contradict.

It takes three things. New samples that are like a former one agree on another label; former samples that are like it do
not, so that it is no mere mistake of its own; and the relation of input to label has changed: the champion errs
significantly more on new samples than on former ones or, where it has learned the new relation already, much of the
memory is contradicted. A drift of the inputs alone, a rare class or a batch with some wrong labels has not all three.
"""
# torch annotates itself only in part, scipy not at all.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import fisher_exact
from torch import Tensor

from maintainer.train.features import nearest

VOTERS, AGREED = 15, 13  # of 15 tosses of a fair coin 13 or more agree once in 270 times
WORSE = 0.01  # chance at most that errors grew by chance alone
NEAR = 0.1  # share of the new samples that lie farther from each other than new ones that may speak for a former one
WITNESSES = 5000  # samples of either that may speak for others: to ask all takes its time
MUCH = 0.1  # share of the memory whose contradiction is a change of the relation, however well the champion does
MOST = 0.5  # of the memory that may be left out: new labels may be the wrong ones


@dataclass(frozen=True, slots=True)
class Known:
    """n labelled samples as the champion sees them."""

    features: Tensor  # (n, d), rows of length 1
    labels: Tensor  # (n,) class indices


def grew_worse(former: NDArray[np.bool_], new: NDArray[np.bool_]) -> bool:
    """Return whether there are significantly more wrong answers among the new (m,) than among the former (n,).

    Fisher's exact test, one-sided; arrays say which answers are right.
    """
    if not former.size or not new.size:
        return False
    table = [[int((~new).sum()), int(new.sum())], [int((~former).sum()), int(former.sum())]]
    return float(fisher_exact(table, alternative="greater").pvalue) <= WORSE


def contradicted(former: Known, new: Known, seed: int) -> NDArray[np.int64]:
    """Return the rows of the former samples whose labels the new ones contradict, the surest ones first."""
    if len(new.labels) <= VOTERS or len(former.labels) <= VOTERS:
        return np.zeros(0, np.int64)
    new = _some(new)
    likeness, voters = nearest(former.features, new.features, VOTERS)
    other, votes = _others(new.labels[voters], former.labels)
    close = likeness[:, -1] >= _usual(new.features)
    doubted = torch.nonzero((votes >= AGREED) & close)[:, 0]
    doubted = doubted[~_shared(former, doubted, other[doubted], seed)]
    return doubted[torch.argsort(votes[doubted], descending=True, stable=True)].numpy()


def _others(labels: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """Return the label (n,) other than its own that most of the (n, k) voters have, and how many have it."""
    foreign = labels.masked_fill(labels == own[:, None], -1)
    counts = torch.stack([(foreign == label).sum(dim=1) for label in range(int(labels.max()) + 1)], dim=1)
    best = counts.max(dim=1)
    return best.indices, best.values


def _usual(features: Tensor) -> Tensor:
    """Return the likeness to its last voter that all but the NEAR most remote new samples reach."""
    return torch.quantile(nearest(features, features, VOTERS + 1)[0][:, -1], NEAR)  # the nearest one is itself


def _some(known: Known) -> Known:
    """Return at most WITNESSES samples, spread evenly over all."""
    rows = torch.linspace(0, len(known.labels) - 1, min(len(known.labels), WITNESSES)).long()
    return Known(known.features[rows], known.labels[rows])


def _shared(former: Known, rows: Tensor, other: Tensor, seed: int) -> Tensor:
    """Return for each of the rows (m,) whether most former samples like it already had the other label (m,)."""
    order = np.random.default_rng(seed).permutation(len(former.labels))[:WITNESSES]
    witnesses = torch.from_numpy(order)
    places = nearest(former.features[rows], former.features[witnesses], VOTERS + 1)[1]
    found = witnesses[places]
    itself = found == rows[:, None]
    same = ((former.labels[found] == other[:, None]) & ~itself).sum(dim=1)
    return same > VOTERS // 2
