"""A network that somebody has trained before as the first champion, without a labelled sample."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from maintainer.champion import Champion, load_session
from maintainer.domain.phase import ExportResult, GateResult
from maintainer.domain.policy import Policy
from maintainer.errors import InputError
from maintainer.export import stage as export_stage
from maintainer.families.huggingface import FAMILY
from maintainer.families.table import Samples
from maintainer.families.weights import MODEL, load_tensors
from maintainer.gate import stage as gate_stage
from maintainer.train.memory import NONE
from maintainer.train.memory import load as load_memory

from .conftest import CLASSIFICATION, REGRESSION, Trained, make_base, policy, second_data, train, world

BERT = "BertForSequenceClassification"
ROOT = Path(__file__).parents[3]
TEXTS = ["the film was good", "so bad", "", "a plane"]


def naming(*classes: str) -> Policy:
    made = policy(CLASSIFICATION)
    return made.model_copy(update={"task": made.task.model_copy(update={"classes": classes})})


def adopt(home: Path, rules: Policy, base: Path | None) -> Trained:
    inputs = home / "in"
    inputs.mkdir()
    return train(home / "train", rules, inputs, base)


def of_transformers(base: Path, texts: list[str]) -> torch.Tensor:
    """What transformers itself answers, one text at a time."""
    from tokenizers import Tokenizer
    from transformers import AutoModelForSequenceClassification

    tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    network = AutoModelForSequenceClassification.from_pretrained(base).eval()
    with torch.no_grad():
        return torch.cat([network(input_ids=torch.tensor([tokenizer.encode(text).ids])).logits for text in texts])


def of_ours(made: Trained, texts: list[str]) -> torch.Tensor:
    encoder = FAMILY.load(made.out)
    module = FAMILY.build(encoder, load_tensors(made.out / MODEL)).eval()
    with torch.no_grad():
        column = {encoder.column: np.array(texts, object)}
        return module(FAMILY.inputs(encoder, Samples(len(texts), {}, column, np.zeros(len(texts)))))


@pytest.mark.parametrize("network", [BERT, "DistilBertForSequenceClassification"])
def test_a_classifier_answers_as_it_did_in_the_order_of_the_policy(network: str, tmp_path: Path):
    base = make_base(tmp_path / "base", network, labels=("UP", "other", "DOWN"))
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    free, named = adopt(tmp_path / "a", naming(), base), adopt(tmp_path / "b", naming("DOWN", "UP", "other"), base)
    wanted = of_transformers(base, TEXTS)
    assert free.result.classes == ("UP", "other", "DOWN") and named.result.classes == ("DOWN", "UP", "other")
    assert torch.allclose(of_ours(free, TEXTS), wanted, atol=1e-6)
    assert torch.allclose(of_ours(named, TEXTS), wanted[:, [2, 0, 1]], atol=1e-6)
    assert free.result.challenger and free.result.strategy == "adopted"
    assert free.result.reason == "not judged: no labelled samples; base is taken as it is"
    assert not free.result.epochs and not free.result.frontier
    assert load_memory(free.out).kind == NONE


def test_a_network_that_answers_a_number_answers_the_same_number(tmp_path: Path):
    base = make_base(tmp_path / "base", BERT, labels=("value",))
    made = adopt(tmp_path, policy(REGRESSION), base)
    assert torch.allclose(of_ours(made, TEXTS), of_transformers(base, TEXTS), atol=1e-6)
    assert made.result.classes == ()


@pytest.mark.parametrize(("kind", "labels"), [(CLASSIFICATION, ("UP", "DOWN")), (REGRESSION, ("value",))])
def test_its_file_is_held_against_it_and_no_figure_of_quality_is_claimed(
    kind: str, labels: tuple[str, ...], tmp_path: Path
):
    made = adopt(tmp_path, policy(kind), make_base(tmp_path / "base", BERT, labels=labels))
    inputs = {**made.spec.inputs, "train": str(made.out), "export": str(tmp_path / "export")}
    for phase, stage in (("export", export_stage), ("gate", gate_stage)):
        (tmp_path / phase).mkdir()
        out = str(tmp_path / phase)
        stage.run(made.spec.model_copy(update={"phase": phase, "out": out, "inputs": inputs}))
    exported = ExportResult.model_validate_json((tmp_path / "export" / "result.json").read_bytes())
    judged = GateResult.model_validate_json((tmp_path / "gate" / "result.json").read_bytes())
    assert exported.parity < 1e-4 and exported.rows > 10
    assert judged.passed and not judged.challenger and not judged.moved
    said = {finding.gate: finding.sentence for finding in judged.findings}
    assert said["not worse than a constant answer"] == "not judged: no labelled samples"
    assert {"parity", "size", "latency at batch 1"} < set(said)
    answers = load_session(tmp_path / "export" / "model.onnx", 1).predict([{"body": text} for text in TEXTS])
    assert len(answers.answers) == len(TEXTS)


@pytest.mark.parametrize(
    ("network", "labels", "config", "rules", "said"),
    [
        ("BertModel", (), {}, naming(), "base is an encoder without a head"),
        (BERT, (), {}, naming(), r"base have no names \(id2label says LABEL_0, LABEL_1\)"),
        (BERT, ("a", "b"), {}, naming("a", "c"), "has the classes a, b, and task.classes says a, c"),
        (BERT, ("a", "b", "c"), {}, naming("a", "b"), "has the classes a, b, c, and task.classes says a, b"),
        (BERT, ("a", "a"), {}, naming(), "has two classes of one name"),
        (BERT, ("value",), {}, naming(), "answers a number, no class"),
        (BERT, ("a", "b"), {"problem_type": "regression"}, naming("a", "b"), "answers a number, no class"),
        (BERT, ("a", "b"), {"problem_type": "multi_label_classification"}, naming(), "several classes at once"),
        (BERT, ("a", "b"), {}, policy(REGRESSION), "has 2 outputs; wanted one, the number"),
    ],
)
def test_a_head_that_does_not_fit_is_refused_and_what_to_give_is_said(
    network: str, labels: tuple[str, ...], config: dict[str, Any], rules: Policy, said: str, tmp_path: Path
):
    base = make_base(tmp_path / "base", network, labels=labels, **config)
    with pytest.raises(InputError, match=f"there are no labelled samples, and .*{said}") as raised:
        adopt(tmp_path, rules, base)
    assert str(raised.value).endswith("give labelled samples to train one: maintainer bootstrap m --data FILE")
    assert not list((tmp_path / "train").iterdir())


def test_unnamed_classes_that_the_policy_names_so_are_taken(tmp_path: Path):
    made = adopt(tmp_path, naming("LABEL_1", "LABEL_0"), make_base(tmp_path / "base", BERT))
    assert made.result.classes == ("LABEL_1", "LABEL_0")


def test_without_a_directory_and_without_labels_both_are_asked_for(tmp_path: Path):
    with pytest.raises(InputError, match="starts from no network that somebody has trained before; give labelled"):
        adopt(tmp_path, naming(), None)


@pytest.mark.parametrize(
    ("rules", "former"), [({"strategy": "frontier"}, True), ({"strategy": "ewc"}, True), ({"strategy": "kfac"}, False),
     ({"strategy": "frontier", "unfreeze": "lora"}, False), ({"strategy": "si"}, True)],
)  # fmt: skip
def test_what_was_adopted_is_tuned_like_any_champion(rules: dict[str, str], former: bool, tmp_path: Path):
    base = make_base(tmp_path / "base", BERT, labels=("UP", "DOWN"))
    (tmp_path / "first").mkdir()
    first = adopt(tmp_path / "first", policy(CLASSIFICATION), base)
    inputs = second_data(tmp_path / "in", CLASSIFICATION)
    if not former:
        for name in ("replay", "replay_validation", "reference_holdout"):
            (inputs / f"{name}.parquet").unlink()
    made = train(tmp_path / "out", policy(CLASSIFICATION, **rules), inputs, champion=first.out)
    assert made.result.challenger, made.result.reason
    assert made.result.frontier[-1].new > made.result.frontier[0].new
    assert ("carries no importances" in made.result.reason) is (not former)


# From the command line


POLICY = """\
version: 1
model: m
task: {kind: text-classification, id: id, time: at, text: body, label: y, classes: [UP, DOWN]}
base: {family: huggingface}
checks: {every: 30d, window: {last: 20d, min_samples: 50}, drift: {columns: all}}
triggers: [{name: accuracy-dropped, metric: quality.accuracy, drop: 0.03}]
train: {strategy: finetune, epochs: 6, batch_size: 32, optimizer: {learning_rate: 0.003}, unfreeze: all}
gates: [{kind: parity}, {kind: superior, metric: accuracy}]
"""


@dataclass(frozen=True)
class Home:
    """A state directory, and the command that works on it in its own process."""

    path: Path

    def asked(self, *words: str, status: int = 0) -> Any:
        state, policies = str(self.path / "state"), str(self.path / "policies")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MAINTAINER_")}
        done = subprocess.run(
            [sys.executable, "-m", "maintainer", *words, "--json"],
            capture_output=True, text=True, timeout=240, check=False, cwd=self.path,
            env={**kept, "MAINTAINER_STATE": state, "MAINTAINER_POLICIES": policies, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == status, f"{words} left with {done.returncode}: {done.stdout} {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "m.yaml").write_text(POLICY)
    return Home(tmp_path)


def lines(path: Path, count: int, days: float, labelled: bool) -> Path:
    """Write samples of the last days as JSON lines."""
    table = world(CLASSIFICATION, count, 11)
    now = datetime.now(UTC)
    with path.open("w") as file:
        for row, text, label in zip(range(count), *(table[n].to_pylist() for n in ("body", "_label")), strict=True):
            at = (now - timedelta(days=days * (1 - row / count))).isoformat()
            sample = {"id": str(row), "at": at, "body": f"{text} {row}"}
            file.write(json.dumps(sample | ({"y": label} if labelled else {})) + "\n")
    return path


@pytest.mark.slow
def test_a_model_begins_as_a_network_of_somebody_else_and_learns_when_labels_come(home: Home, tmp_path: Path):
    plain = make_base(tmp_path / "plain")
    refused = home.asked("bootstrap", "m", "--from", str(plain), status=1)
    assert "is an encoder without a head; give labelled samples" in refused["why"] and refused["verdict"] == "failed"
    begun = home.asked("bootstrap", "m", "--from", str(make_base(tmp_path / "fit", BERT, labels=("DOWN", "UP"))))
    assert begun["verdict"] == "promoted"
    version = home.asked("status", "m")["champion"]
    assert "not judged: no labelled samples" in Path(begun["report"]).read_text()
    champion = Champion("m", state=home.path / "state")
    wanted = of_transformers(tmp_path / "fit", TEXTS).softmax(1).numpy()
    said = champion.predict([{"body": text} for text in TEXTS])
    np.testing.assert_allclose(said.probabilities, wanted[:, [1, 0]], atol=1e-4)
    home.asked("ingest", "m", str(lines(tmp_path / "unlabelled.jsonl", 200, 18, labelled=False)))
    seen = home.asked("check", "m")
    assert not [name for name in seen["values"] if name.startswith("drift.")] and seen["notes"][0].endswith("next run")
    home.asked("ingest", "m", str(lines(tmp_path / "labelled.jsonl", 600, 18, labelled=True)))
    tuned = home.asked("train", "m")
    assert tuned["verdict"] == "promoted", tuned["why"]
    manifest = json.loads((home.path / "state/models/m/champion/manifest.json").read_text())
    assert manifest["parent"] == version and manifest["block_seconds"] is not None
    assert manifest["metrics"]["accuracy"] > 0.9
