"""Which former samples a training rehearses, where that depends on what the champion makes of them."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maintainer.train.features import nearest

NEIGHBOURS = 5  # of each newest sample that are rehearsed
Rows = NDArray[np.int64]


def herd(features: Tensor, n: int) -> Rows:
    """Return n rows of (m, d) features whose running mean stays nearest to the mean of all; none comes twice.

    iCaRL, Rebuffi et al. 2017, algorithm 4, https://arxiv.org/abs/1611.07725: the k-th is the row x that minimises
    |mean - (x + sum of those before) / k|. Of equals the first.
    """
    features = features.double()
    mean, total = features.mean(dim=0), torch.zeros(features.shape[1], dtype=torch.float64)
    squares = (features**2).sum(dim=1)
    free = torch.zeros(len(features), dtype=torch.float64)
    chosen: list[int] = []
    for k in range(1, min(n, len(features)) + 1):
        wanted = k * mean - total
        best = int((squares - 2.0 * (features @ wanted) + free).argmin())
        chosen.append(best)
        free[best] = torch.inf
        total += features[best]
    return np.array(chosen, np.int64)


def herded(features: Tensor, labels: NDArray[np.object_] | None, n: int) -> Rows:
    """Return n rows, as many of each class as can be; without labels all rows are of one class."""
    if labels is None:
        return np.sort(herd(features, n))
    classes, places = np.unique(labels.astype(str), return_inverse=True)
    members = {str(name): np.flatnonzero(places == place) for place, name in enumerate(classes)}
    shares = quotas({name: len(rows) for name, rows in members.items()}, n)
    found = [rows[herd(features[torch.from_numpy(rows)], shares[name])] for name, rows in members.items()]
    return np.sort(np.concatenate([np.zeros(0, np.int64), *found]))


def quotas(counts: Mapping[str, int], n: int) -> dict[str, int]:
    """Return how many of each class n samples are: alike, but that small classes leave their rest to the others."""
    shares: dict[str, int] = {}
    for place, (name, count) in enumerate(sorted(counts.items(), key=lambda item: (item[1], item[0]))):
        shares[name] = min(count, n // (len(counts) - place))
        n -= shares[name]
    return shares


def like_new(memory: Tensor, newest: Tensor, n: int, seed: int) -> Rows:
    """Return n rows of a memory (m, d), half drawn uniformly, half by their likeness to the newest samples (q, d).

    Each newest sample has a vote for its nearest former one, then for its second nearest, and so on up to NEIGHBOURS;
    a row comes as often as it is voted for, so that a batch meets the past that resembles the present. After IWMS,
    Csaba et al. 2023, https://arxiv.org/abs/2312.00923; the uniform half keeps what the present does not resemble.
    """
    half = min(len(memory), n // 2)
    anywhere = np.random.default_rng(seed).permutation(len(memory))[: min(len(memory), n - half)]
    if not half or not len(newest):
        return np.sort(anywhere)
    votes = nearest(newest, memory, NEIGHBOURS)[1].T.flatten().numpy()
    return np.concatenate([np.sort(anywhere), np.sort(np.resize(votes, half))])
