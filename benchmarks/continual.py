"""Split-MNIST, domain-incremental: our strategies in the setting of a published table, with its figures beside them.

Hsu et al. 2018, https://arxiv.org/abs/1810.12488, Table 2 and the scripts of its repository (GT-RIPL): five tasks of
two digits each, one head of two units (first or second digit of the pair); a ReLU network 1024-400-400-2 on images
padded to 32 x 32; Adam, learning rate 1e-3, 4 epochs for each task, batches of 128; penalties of the strengths given
there. Their Fisher information squares the gradient of a batch of 128, ours that of each sample, which is larger by up
to 128: `ewc` and `online-ewc` are run with their strength divided by it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from benchmarks.harness import Outcome, arguments, show
from benchmarks.plain_mlp import PlainFamily, samples_of
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

BATCH, HELD_BACK, MEMORY = 128, 500, 1100  # samples; held back: they choose the epoch; memory: of all former tasks
CLASSES = ("first", "second")


@dataclass(frozen=True, slots=True)
class Method:
    """A strategy at a strength, with the published mean accuracy where there is one, in per cent."""

    strategy: str
    penalty: float | None = None
    published: float | None = None
    memory: int = 0


METHODS = (
    Method("finetune", None, 55.16),
    Method("l2-sp", 2 * 0.5, 66.00),
    Method("ewc", 2 * 100 / BATCH, 58.85),
    Method("online-ewc", 2 * 700 / BATCH, 57.33),
    Method("si", 3000, 64.76),
    Method("mas", 1e4, 68.57),
    Method("lwf", None, 71.02),
    Method("kfac"),
    Method("replay", None, 95.16, MEMORY),
    Method("der++", None, None, MEMORY),
    Method("a-gem", None, None, MEMORY),
    Method("frontier", None, None, MEMORY),
)


@dataclass(frozen=True, slots=True)
class Task:
    """One pair of digits."""

    train: Samples
    judge: Samples
    test: Samples


def load(folder: Path, quick: bool) -> tuple[torch.Tensor, list[Task]]:
    """Return all images (70000, 1024), padded and standardised, and the five tasks."""
    parts = [pq.read_table(folder / f"{name}.parquet") for name in ("train", "test")]
    pixels = [np.stack([np.frombuffer(b, np.uint8) for b in part["image"].to_pylist()]) for part in parts]
    images = torch.from_numpy(np.concatenate(pixels)).float().view(-1, 28, 28) / 255
    matrix = ((torch.nn.functional.pad(images, (2, 2, 2, 2)) - 0.1307) / 0.3081).flatten(1)
    digits = np.concatenate([part["label"].to_numpy() for part in parts])
    training = np.arange(len(digits)) < len(pixels[0])
    tasks: list[Task] = []
    for first in range(0, 10, 2):
        mine = (digits == first) | (digits == first + 1)
        train, test = np.flatnonzero(mine & training), np.flatnonzero(mine & ~training)
        train = np.random.default_rng(first).permutation(train)[: 3000 if quick else None]
        label = np.where(digits == first, *CLASSES)
        made = (samples_of(rows, label[rows]) for rows in (train[HELD_BACK:], train[:HELD_BACK], test))
        tasks.append(Task(*made))
    return matrix, tasks


def learn(method: Method, family: Any, tasks: Sequence[Task], seed: int) -> tuple[list[float], float]:
    """Return the accuracy on each task's test part after all tasks, and the seconds of training."""
    rules = Train.model_validate(
        {
            "strategy": method.strategy,
            "penalty": method.penalty,
            "epochs": 4,
            "batch_size": BATCH,
            "optimizer": {"name": "adam", "learning_rate": 1e-3, "weight_decay": 0.0},
            "early_stopping": {"patience": 4},
            "schedule": "constant",
            "average": method.strategy == "frontier",
            "clip": None,
            "dropout": 0.0,
            "seed": seed,
            "forgetting_budget": 0.02,
        }
    )
    began = time.process_time()
    champion: Champion | None = None
    for number, task in enumerate(tasks):
        former = [memory(tasks[:number], method.memory, part) for part in ("train", "judge")]
        parts = Parts(task.train, former[0], task.judge, former[1])
        base = Base()
        situation = Situation(family, base, TaskKind.CLASSIFICATION, rules, "accuracy", CLASSES, parts)
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
    matrix, tasks = load(path.parent, given.quick)
    family = PlainFamily(matrix, (400, 400))
    figures: dict[str, float] = {}
    published: dict[str, float] = {}
    for method in METHODS:
        runs = [learn(method, family, tasks, seed) for seed in range(1 if given.quick else 3)]
        accuracy = [100 * float(np.mean(found)) for found, _ in runs]
        figures[f"{method.strategy}: accuracy"] = float(np.mean(accuracy))
        figures[f"{method.strategy}: spread"] = float(np.std(accuracy))
        figures[f"{method.strategy}: seconds"] = float(np.mean([seconds for _, seconds in runs]))
        if method.published is not None:
            published[f"{method.strategy}: accuracy"] = method.published
    ratios = {name: value / figures[name] for name, value in published.items()}
    notes = ("an epoch is chosen on 500 samples held back from each task; importances on 1,000 samples",)
    show(Outcome("continual", figures, {"Hsu et al. 2018": published}, ratios, notes), given)


if __name__ == "__main__":
    main()
