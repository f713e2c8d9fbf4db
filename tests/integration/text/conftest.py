"""Tiny networks that read texts, made from configurations; and texts whose words say the label."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from maintainer.domain.phase import PhaseSpec, TrainResult
from maintainer.domain.policy import Policy
from maintainer.train import stage

CLASSIFICATION, REGRESSION = "text-classification", "text-regression"
GOOD, BAD, OLD, NEW = ("good", "fine", "nice"), ("bad", "awful", "poor"), ("film", "book"), ("train", "plane")
WORDS = (*GOOD, *BAD, *OLD, *NEW, "the", "was", "very", "so")


def make_base(path: Path, network: str = "BertModel", labels: tuple[str, ...] = (), **config: object) -> Path:
    """Write what save_pretrained writes of a network with random weights."""
    import transformers

    transformers.logging.disable_progress_bar()
    words = {word: place for place, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    kind: Any = getattr(transformers, network)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    if network.startswith("DistilBert"):
        sizes = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
    named = {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}
    made = kind.config_class(
        vocab_size=len(words),
        max_position_embeddings=32,
        pad_token_id=0,
        **sizes,
        **(named if labels else {}),
        **config,
    )
    torch.manual_seed(0)
    kind(made).save_pretrained(path)
    tokenizer.save(str(path / "tokenizer.json"))
    return path


def policy(kind: str, **train: object) -> Policy:
    task = {"kind": kind, "text": "body", "label": "y"}
    pace = {"epochs": 6, "optimizer": {"learning_rate": 3e-3}, "batch_size": 32, "precision": "fp32", "unfreeze": "all"}
    base = {"family": "huggingface"}
    return Policy.model_validate({"version": 1, "model": "m", "task": task, "base": base, "train": pace | train})


def world(kind: str, n: int, seed: int, subjects: tuple[str, ...] = OLD, odd: tuple[str | None, ...] = ()) -> pa.Table:
    """Texts that a good or a bad word makes UP or DOWN, or worth 130 or 70; the first of them are `odd`."""
    rng = np.random.default_rng(seed)
    up = rng.random(n) < 0.5
    texts: list[str | None] = []
    for good in up:
        words = ["the", rng.choice(subjects), "was", rng.choice(GOOD if good else BAD), *["very"] * rng.integers(0, 5)]
        texts.append(" ".join(rng.permutation(words)))
    texts[: len(odd)] = odd
    labels = pa.array(np.where(up, "UP", "DOWN")) if kind == CLASSIFICATION else pa.array(np.where(up, 130.0, 70.0))
    keys = {"_key": pa.array(np.arange(n), pa.uint64()), "_id": pa.array([str(i) for i in range(n)])}
    times = pa.array(np.datetime64("2026-01-01", "us") + np.arange(n))
    return pa.table({**keys, "_time": times, "body": pa.array(texts, pa.string()), "_label": labels})


def collect(home: Path, **parts: pa.Table) -> Path:
    home.mkdir(parents=True)
    for name, table in parts.items():
        pq.write_table(table, home / f"{name}.parquet")
    return home


@dataclass(frozen=True)
class Trained:
    """A finished training phase."""

    spec: PhaseSpec
    result: TrainResult
    out: Path


def train(
    out: Path,
    rules: Policy,
    inputs: Path,
    base: Path | None = None,
    champion: Path | None = None,
    keep: Path | None = None,
) -> Trained:
    out.mkdir(parents=True)
    spec = PhaseSpec(
        phase="train",
        run="r",
        version="v",
        policy=rules,
        classes=(),
        inputs={"collect": str(inputs)} | ({"base": str(base)} if base else {}),
        champion=str(champion) if champion else None,
        out=str(out),
        threads=1,
        keep=str(keep) if keep else None,
    )
    stage.run(spec)
    return Trained(spec, TrainResult.model_validate_json((out / "result.json").read_bytes()), out)


def first_data(home: Path, kind: str) -> Path:
    return collect(home, train=world(kind, 300, 1), validation=world(kind, 80, 2), current_holdout=world(kind, 80, 5))


def second_data(home: Path, kind: str) -> Path:
    """Labelled data about new subjects, with former data about the old ones."""
    return collect(
        home,
        train=world(kind, 200, 3, NEW),
        validation=world(kind, 80, 4, NEW),
        replay=world(kind, 150, 1),
        replay_validation=world(kind, 80, 2),
        current_holdout=world(kind, 80, 6, NEW),
        reference_holdout=world(kind, 80, 7),
    )


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("bases") / "tiny")


@pytest.fixture(scope="session", params=[CLASSIFICATION, REGRESSION])
def first(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, base: Path) -> tuple[str, Trained]:
    """A kind of task and its first champion, made of a tiny network."""
    home = tmp_path_factory.mktemp("first")
    made = train(home / "train", policy(request.param), first_data(home / "collect", request.param), base)
    assert made.result.challenger, made.result.reason
    return request.param, made


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Trained:
    """A first champion of the classification."""
    home = tmp_path_factory.mktemp("classifier")
    made = train(home / "train", policy(CLASSIFICATION), first_data(home / "collect", CLASSIFICATION), base)
    assert made.result.challenger, made.result.reason
    return made


@pytest.fixture
def edit_json() -> Callable[..., None]:
    def edit(path: Path, **changes: object) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return edit
