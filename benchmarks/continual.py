"""Split- and Permuted-MNIST, domain-incremental: our strategies beside published figures.

Split-MNIST: Hsu et al. 2018, https://arxiv.org/abs/1810.12488, Table 2 and the scripts of its repository (GT-
RIPL): five tasks of two digits each, one head of two units (first or second digit of the pair); a ReLU network
1024-400-400-2 on images padded to 32 x 32; Adam, learning rate 1e-3, 4 epochs for each task, batches of 128;
penalties of the strengths given there. Their Fisher information squares the gradient of a batch of 128, ours that
of each sample, which is larger by up to 128: `ewc` and `online-ewc` are run with their strength divided by it.

Permuted-MNIST: ten tasks, each all ten digits under another order of the pixels. The published setting (a network
of 1024-1000-1000-10 and millions of samples) takes a day here; this is a tenth of it: 1024-200-200-10, 2,500
samples of each task, Adam, 1e-3, 4 epochs. The figures beside it are of van de Ven & Tolias 2019,
https://arxiv.org/abs/1904.07734, Table 5, from memory: leads for the order of the methods, no target.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from benchmarks.harness import Outcome, arguments, show
from benchmarks.plain_mlp import PermutedFamily, PlainFamily, samples_of
from benchmarks.streams import find, skipped
from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.domain.training import Train
from maintainer.families.table import Samples, join
from maintainer.train.exam import answers_of, rows_of
from maintainer.train.flat import Flat
from maintainer.train.remember import kind_of, remember, remember_path
from maintainer.train.situation import Champion, Parts, Situation
from maintainer.train.situation import Outcome as Trained
from maintainer.train.strategies import strategy_of
from maintainer.train.strategies.scratch import bootstrap

BATCH, HELD_BACK = 128, 500  # samples; held back: they choose the epoch


@dataclass(frozen=True, slots=True)
class Method:
    """A strategy at a strength, with the published mean accuracy where there is one, in per cent."""

    strategy: str
    penalty: float | None = None
    published: float | None = None
    memory: bool = False


SPLIT = (
    Method("finetune", None, 55.16),
    Method("l2-sp", 2 * 0.5, 66.00),
    Method("ewc", 2 * 100 / BATCH, 58.85),
    Method("online-ewc", 2 * 700 / BATCH, 57.33),
    Method("si", 3000, 64.76),
    Method("mas", 1e4, 68.57),
    Method("lwf", None, 71.02),
    Method("kfac"),
    Method("replay", None, 95.16, True),
    Method("der++", None, None, True),
    Method("a-gem", None, None, True),
    Method("frontier", None, None, True),
)
PERMUTED = (
    Method("finetune", None, 78.51),
    Method("l2-sp", 2 * 0.02),
    Method("ewc", 100, 94.31),
    Method("online-ewc", 100, 94.42),
    Method("si", 10, 95.33),
    Method("lwf", None, 72.64),
    Method("kfac"),
    Method("replay", None, None, True),
    Method("der++", None, None, True),
    Method("frontier", None, None, True),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is learned and how fast."""

    family: Any
    tasks: Sequence[Task]
    classes: tuple[str, ...]
    epochs: int
    rate: float
    memory: int  # samples of all former tasks together


@dataclass(frozen=True, slots=True)
class Task:
    """One pair of digits."""

    train: Samples
    judge: Samples
    test: Samples


def images(folder: Path) -> tuple[torch.Tensor, Any, Any]:
    """Return all images (70000, 1024), padded and standardised, their digits, and which of them are for training."""
    parts = [pq.read_table(folder / f"{name}.parquet") for name in ("train", "test")]
    pixels = [np.stack([np.frombuffer(b, np.uint8) for b in part["image"].to_pylist()]) for part in parts]
    grey = torch.from_numpy(np.concatenate(pixels)).float().view(-1, 28, 28) / 255
    matrix = ((torch.nn.functional.pad(grey, (2, 2, 2, 2)) - 0.1307) / 0.3081).flatten(1)
    digits = np.concatenate([part["label"].to_numpy() for part in parts])
    return matrix, digits, np.arange(len(digits)) < len(pixels[0])


def split(folder: Path, quick: bool) -> Setting:
    """Return the five tasks of two digits."""
    matrix, digits, training = images(folder)
    tasks: list[Task] = []
    for first in range(0, 10, 2):
        mine = (digits == first) | (digits == first + 1)
        label = np.where(digits == first, "first", "second")
        tasks.append(_task(np.flatnonzero(mine & training), np.flatnonzero(mine & ~training), label, first, quick))
    return Setting(PlainFamily(matrix, (400, 400)), tasks, ("first", "second"), 4, 1e-3, 1100)


def permuted(folder: Path, quick: bool) -> Setting:
    """Return ten tasks, each with another order of the pixels."""
    del quick  # always small
    matrix, digits, training = images(folder)
    size, width = matrix.shape
    orders = [torch.from_numpy(np.random.default_rng(k).permutation(width)) for k in range(10)]
    label = np.tile(digits.astype(str), len(orders))
    tasks: list[Task] = []
    for number in range(len(orders)):
        train, test = np.flatnonzero(training), np.flatnonzero(~training)
        tasks.append(_task(train + number * size, test + number * size, label, number, True))
    return Setting(PermutedFamily(matrix, (200, 200), orders), tasks, tuple("0123456789"), 4, 1e-3, 1000)


def _task(train: Any, test: Any, label: Any, seed: int, quick: bool) -> Task:
    train = np.random.default_rng(seed).permutation(train)[: 3000 if quick else None]
    return Task(*(samples_of(rows, label[rows]) for rows in (train[HELD_BACK:], train[:HELD_BACK], test)))


def learn(method: Method, setting: Setting, seed: int) -> tuple[list[float], float]:
    """Return the accuracy on each task's test part after all tasks, and the seconds of training."""
    rules = Train.model_validate(
        {
            "strategy": method.strategy,
            "penalty": method.penalty,
            "epochs": setting.epochs,
            "batch_size": BATCH,
            "optimizer": {"name": "adam", "learning_rate": setting.rate, "weight_decay": 0.0},
            "early_stopping": {"patience": setting.epochs},
            "schedule": "constant",
            "average": method.strategy == "frontier",
            "clip": None,
            "dropout": 0.0,
            "seed": seed,
            "forgetting_budget": 0.02,
        }
    )
    family, tasks, size = setting.family, setting.tasks, setting.memory if method.memory else 0
    began = time.process_time()
    champion: Champion | None = None
    for number, task in enumerate(tasks):
        former = [memory(tasks[:number], size, part) for part in ("train", "judge")]
        parts = Parts(task.train, former[0], task.judge, former[1])
        base = Base()
        situation = Situation(family, base, TaskKind.CLASSIFICATION, rules, "accuracy", setting.classes, parts)
        tune = strategy_of(rules.strategy)
        made = bootstrap(situation) if champion is None else tune(situation, champion)
        champion = Champion(made.encoder, made.weights, carried(situation, made))
    assert champion is not None
    seconds = time.process_time() - began
    module = family.build(champion.encoder, champion.weights, 0.0)
    found: list[float] = []
    for task in tasks:
        rows = rows_of(family, champion.encoder, task.test)
        right = answers_of(module, rows, family.at_once).argmax(dim=1) == rows.targets
        found.append(float(right.float().mean()))
    return found, seconds


def memory(former: Sequence[Task], size: int, part: str) -> Samples:
    """Return an equal share of each former task."""
    empty = samples_of(np.zeros(0), np.zeros(0, object))
    for task in former:
        samples: Samples = getattr(task, part)
        empty = join(empty, samples.take(np.arange(min(samples.size, size // len(former)))))
    return empty


def carried(situation: Situation, made: Trained) -> Any:
    """Return what the next task will know of the weights, measured on this one, as the papers do."""
    kind = kind_of(situation.rules.strategy)
    if kind == "si" and made.path is not None:
        return remember_path(made, Flat(situation.family.build(made.encoder, made.weights, 0.0)).split(made.path))
    return remember(kind, situation, made.encoder, made.weights, situation.parts.new, made.memory)


def main() -> None:
    given = arguments(__doc__ or "")
    path = find(given, "mnist", "train.parquet")
    if path is None:
        print(skipped("continual", "mnist/train.parquet and mnist/test.parquet"))
        return
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    published: dict[str, dict[str, float]] = {}
    suites = (
        ("split", split, SPLIT, "Hsu et al. 2018"),
        ("permuted", permuted, PERMUTED, "van de Ven & Tolias 2019, remembered"),
    )
    for name, load, methods, source in suites:
        setting = load(path.parent, given.quick)
        for method in methods:
            figures |= measured(f"{name} {method.strategy}", method, setting, seeds=1 if given.quick else 3)
            if method.published is not None:
                published.setdefault(source, {})[f"{name} {method.strategy}: accuracy"] = method.published
    ratios = {name: value / figures[name] for peer in published.values() for name, value in peer.items()}
    notes = ("an epoch is chosen on 500 samples held back from each task; importances on 1,000 samples",)
    show(Outcome("continual", figures, published, ratios, notes), given)


def measured(name: str, method: Method, setting: Setting, seeds: int) -> dict[str, float]:
    """Return the mean accuracy over the tasks after the last, in per cent, and the processor seconds."""
    runs = [learn(method, setting, seed) for seed in range(seeds)]
    accuracy = [100 * float(np.mean(found)) for found, _ in runs]
    print(f"{name}: {np.mean(accuracy):.2f}", file=sys.stderr, flush=True)
    return {
        f"{name}: accuracy": float(np.mean(accuracy)),
        f"{name}: spread": float(np.std(accuracy)),
        f"{name}: seconds": float(np.mean([seconds for _, seconds in runs])),
    }


if __name__ == "__main__":
    main()
