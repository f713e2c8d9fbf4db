"""Which samples are worth a label, by what only the network itself can tell: doubt of its weights, and diversity."""
# torch and pyarrow annotate themselves only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from maintainer.domain.phase import PhaseSpec
from maintainer.domain.sample import TaskKind
from maintainer.errors import InputError
from maintainer.families.family import Family, Inputs
from maintainer.families.registry import family_in
from maintainer.families.table import Samples, read_samples
from maintainer.families.weights import MODEL, load_tensors

PASSES = 20  # with dropout
RATE = 0.1  # of dropout, where the policy has none

Floats = NDArray[np.float64]


def run(spec: PhaseSpec) -> None:
    """Write worth.parquet: `_key`, `_worth` and `_rank` of the samples, most first.

    `inputs` are the files "samples" and "known" (labelled ones), "by" (bald or diverse) and "n".

    Raises InputError where a file or the champion cannot be read.
    """
    torch.set_num_threads(spec.threads)
    torch.manual_seed(spec.policy.train.seed)
    champion = Path(spec.champion or "")
    family, path = family_in(champion), Path(spec.inputs["samples"])
    encoder = family.load(champion)
    samples = read_samples(path, spec.policy.task)
    module = family.build(encoder, load_tensors(champion / MODEL), spec.policy.train.dropout or RATE)
    inputs = family.inputs(encoder, samples)
    if spec.inputs["by"] == "bald":
        worth = doubt(module, inputs, family.at_once, spec.policy.task.of)
        order = np.argsort(-worth, kind="stable")
    else:
        known = _known(family, encoder, module, spec)
        points = embeddings(module, inputs, family.at_once)
        rng = np.random.default_rng([spec.policy.train.seed, samples.size])
        order, worth = spread(points, known, int(spec.inputs["n"]), rng)
    keys = pq.read_table(path, columns=["_key"])["_key"].to_numpy()
    columns = {"_key": keys[order], "_worth": worth[order], "_rank": np.arange(order.size)}
    pq.write_table(pa.table(columns), Path(spec.out) / "worth.parquet")


def _known(family: Family, encoder: object, module: nn.Module, spec: PhaseSpec) -> Floats:
    known: Samples = read_samples(Path(spec.inputs["known"]), spec.policy.task)
    if not known.size:
        return np.zeros((0, 0))
    return embeddings(module, family.inputs(encoder, known), family.at_once)


def doubt(module: nn.Module, inputs: Inputs, at_once: int, task: TaskKind) -> Floats:
    """Return (n,) what the label would tell of the weights: the mutual information of both, by dropout.

    BALD (Houlsby et al. 2011, eq. 2, https://arxiv.org/abs/1112.5745) with dropout as the posterior (Gal et al. 2017,
    https://arxiv.org/abs/1703.02910): the entropy of the mean answer less the mean entropy, in nats. Of a number, the
    variance of its answers, in squared label deviations: for noise of one size more of it is more information.
    """
    module.train()
    said = torch.stack([_outputs(module, inputs, at_once) for _ in range(PASSES)])  # (passes, n, outputs)
    if task is TaskKind.REGRESSION:
        return said[:, :, 0].var(dim=0, correction=0).numpy()
    shares = said.softmax(dim=2)
    return (_entropy(shares.mean(dim=0)) - _entropy(shares).mean(dim=0)).clamp_min(0.0).numpy()


def _entropy(shares: Tensor) -> Tensor:
    return -torch.xlogy(shares, shares).sum(dim=-1)


def _outputs(module: nn.Module, inputs: Inputs, at_once: int) -> Tensor:
    with torch.no_grad():
        return torch.cat([module(inputs.take(rows)).double() for rows in torch.arange(inputs.size).split(at_once)])


def embeddings(module: nn.Module, inputs: Inputs, at_once: int) -> Floats:
    """Return (n, d) what the last linear layer of a network sees of each sample.

    Raises InputError where the network has no linear layer.
    """
    module.eval()
    seen: list[Tensor] = []

    def note(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        del layer
        seen.append(given[0].detach())

    hooks = [layer.register_forward_pre_hook(note) for layer in module.modules() if isinstance(layer, nn.Linear)]
    found: list[Tensor] = []
    try:
        with torch.no_grad():
            for rows in torch.arange(inputs.size).split(at_once):
                seen.clear()
                module(inputs.take(rows))
                if not seen:
                    raise InputError("the champion's network has no linear layer: it gives no embedding to compare by")
                found.append(seen[-1].double().reshape(rows.numel(), -1))
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(found).numpy()


def spread(points: Floats, known: Floats, count: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], Floats]:
    """Return the order of `count` points that lie far from each other and from known ones, and (n,) squared distances.

    k-means++: a point is drawn with a probability proportional to its squared distance from what is chosen (Arthur &
    Vassilvitskii 2007, section 2.2, https://dl.acm.org/doi/10.5555/1283383.1283494); `known` (k, d) count as chosen.
    The distance told of a point is the one that it was drawn with, and of one that was not drawn what is left of it.
    """
    n = len(points)
    scale = np.maximum(points.std(axis=0), 1e-12)
    points, known = points / scale, (known / scale if known.size else known)
    near = np.full(n, np.inf)
    for centre in known:
        near = np.minimum(near, ((points - centre) ** 2).sum(axis=1))
    order, told = list[int](), np.zeros(n)
    free = np.ones(n, bool)
    for _ in range(min(count, n)):
        weights = np.where(free, near, 0.0) if np.isfinite(near).all() else free.astype(np.float64)
        weights = weights if weights.sum() > 0 else free.astype(np.float64)  # all that is left is known already
        place = int(rng.choice(n, p=weights / weights.sum()))
        order.append(place)
        told[place] = near[place] if np.isfinite(near[place]) else 0.0
        free[place] = False
        near = np.minimum(near, ((points - points[place]) ** 2).sum(axis=1))
    told[free] = np.where(np.isfinite(near), near, 0.0)[free]
    return np.array(order, np.int64), told
