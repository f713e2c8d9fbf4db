"""Training networks that read texts, with real torch and transformers on tiny ones."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from maintainer.domain.sample import TaskKind
from maintainer.domain.training import Train
from maintainer.families.huggingface import FAMILY, HuggingFaceFamily
from maintainer.families.network import depths
from maintainer.families.table import Samples, read_samples
from maintainer.families.tabular_mlp import FAMILY as TABULAR
from maintainer.families.weights import MODEL, load_tensors
from maintainer.train import checkpoint, importance
from maintainer.train.exam import answers_of, rows_of
from maintainer.train.memory import FILE as IMPORTANCE
from maintainer.train.memory import load as load_memory
from maintainer.train.objective import Rows
from maintainer.train.recipe import Pace
from maintainer.train.situation import Champion, Parts, Situation
from maintainer.train.strategies.start import pace, start, tempo

from .conftest import (
    CLASSIFICATION,
    NEW,
    REGRESSION,
    Trained,
    collect,
    first_data,
    make_base,
    policy,
    second_data,
    world,
)
from .conftest import train as run

MODES = ["all", "top", "gradual", "head", "lora"]
LORA = pytest.mark.skipif(importlib.util.find_spec("peft") is None, reason="peft is an extra")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_first_model_learns_which_words_are_good(first: tuple[str, Trained]):
    kind, made = first
    assert made.result.frontier[-1].new > 0.95 if kind == CLASSIFICATION else made.result.frontier[-1].new < 10.0
    assert {path.name for path in made.out.iterdir()} == {
        "config.json", "encoder.json", "importance.safetensors", "model.safetensors", "result.json", "tokenizer.json",
    }  # fmt: skip


def test_a_champion_is_tuned_to_new_texts_without_losing_the_former(first: tuple[str, Trained], tmp_path: Path):
    kind, made = first
    budget = 0.05 if kind == CLASSIFICATION else 1.0
    tuned = run(
        tmp_path / "out",
        policy(kind, forgetting_budget=budget),
        second_data(tmp_path / "in", kind),
        champion=made.out,
    )
    assert len(tuned.result.frontier) == 11 and tuned.result.frontier[0].former is not None
    assert tuned.result.challenger or "no challenger" in tuned.result.reason


@pytest.mark.parametrize("mode", [*MODES[:4], pytest.param("lora", marks=LORA)])
def test_only_what_the_policy_unfreezes_moves(mode: str, classifier: Trained, tmp_path: Path):
    rules = policy(CLASSIFICATION, unfreeze=mode, strategy="finetune", epochs=2)
    tuned = run(tmp_path / "out", rules, second_data(tmp_path / "in", CLASSIFICATION), champion=classifier.out)
    before, after = load_tensors(classifier.out / MODEL), load_tensors(tuned.out / MODEL)
    assert before.keys() == after.keys()  # additions to layers are merged
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    module = FAMILY.build(FAMILY.load(classifier.out), before)
    known = depths(module)
    assert {name for name in known if known[name] == 0} <= moved
    lower = {name for name in moved if known[name] > 0}
    match mode:
        case "head":
            assert not lower
        case "top":
            assert {known[name] for name in lower} == {1}
        case "lora":
            assert lower and all(name.endswith(".weight") and "LayerNorm" not in name for name in lower)
        case _:
            assert {known[name] for name in lower} == {1, 2, 3}


@LORA
def test_merged_additions_answer_as_they_did_beside_the_layers(classifier: Trained):
    family = HuggingFaceFamily("lora")
    encoder = family.load(classifier.out)
    weights = family.grow_weights(encoder, encoder, load_tensors(classifier.out / MODEL), fill=True)
    generator = torch.Generator().manual_seed(0)
    added = {n: torch.randn(v.shape, generator=generator) * 0.1 for n, v in weights.items() if "lora_B" in n}
    assert len(added) == 2 * 6
    beside = family.build(encoder, weights | added).eval()
    merged = FAMILY.build(encoder, family.settled(encoder, weights | added)).eval()
    texts = family.inputs(encoder, read_samples(Path(classifier.spec.inputs["collect"]) / "validation.parquet", task()))
    with torch.no_grad():
        torch.testing.assert_close(beside(texts), merged(texts), rtol=1e-4, atol=1e-5)
        assert not torch.allclose(
            beside(texts), FAMILY.build(encoder, load_tensors(classifier.out / MODEL)).eval()(texts)
        )


def task():
    return policy(CLASSIFICATION).task


def test_gradual_layers_wake_from_the_head_down_in_ever_smaller_steps(classifier: Trained):
    family = HuggingFaceFamily("gradual")
    module = family.build(family.load(classifier.out), load_tensors(classifier.out / MODEL))
    pace = tempo(family, module, Pace(2, 8, 0.0, 1.0, 0.0, 2, 0))
    sizes = [value.numel() for value in module.parameters()]
    known = [depths(module)[name] for name, _ in module.named_parameters()]
    assert pace.scales is not None and pace.wakes is not None
    factors = {far: float(part[0]) for far, part in zip(known, pace.scales.split(sizes), strict=True)}
    wakes = {far: float(part[0]) for far, part in zip(known, pace.wakes.split(sizes), strict=True)}
    assert factors == pytest.approx({0: 1.0, 1: 0.8, 2: 0.64, 3: 0.512})
    assert wakes == pytest.approx({0: 0.0, 1: 1 / 6, 2: 1 / 3, 3: 0.5})


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_same_run_twice_gives_the_same_weights_to_the_bit(precision: str, classifier: Trained, tmp_path: Path):
    rules = policy(CLASSIFICATION, unfreeze="top", precision=precision, epochs=2, forgetting_budget=9.0, strategy="ewc")
    inputs = second_data(tmp_path / "in", CLASSIFICATION)
    for name in ("a", "b"):
        torch.rand(7)
        run(tmp_path / name, rules, inputs, champion=classifier.out)
    for file in (MODEL, IMPORTANCE, "encoder.json", "config.json", "tokenizer.json"):
        assert digest(tmp_path / "a" / file) == digest(tmp_path / "b" / file)


@pytest.mark.parametrize("mode", ["gradual", "top"])
def test_a_killed_training_ends_in_the_same_bits(
    mode: str, classifier: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    rules = policy(CLASSIFICATION, unfreeze=mode, epochs=3, strategy="finetune")
    inputs = second_data(tmp_path / "in", CLASSIFICATION)
    run(tmp_path / "whole", rules, inputs, champion=classifier.out)
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    (tmp_path / "keep").mkdir()
    save, saved = checkpoint.Checkpoint.save, []

    def killed(self: checkpoint.Checkpoint, progress: checkpoint.Progress) -> None:
        save(self, progress)
        saved.append(progress.done)
        if len(saved) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.Checkpoint, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", rules, inputs, champion=classifier.out, keep=tmp_path / "keep")
    run(tmp_path / "resumed", rules, inputs, champion=classifier.out, keep=tmp_path / "keep")
    assert digest(tmp_path / "whole" / MODEL) == digest(tmp_path / "resumed" / MODEL)


@pytest.mark.parametrize("strategy", ["frontier", "ewc", "si", "mas", "kfac", "lwf", "der++", "a-gem", "scratch"])
def test_every_strategy_works_on_a_network_that_reads_texts(
    strategy: str, classifier: Trained, base: Path, tmp_path: Path
):
    rules = policy(CLASSIFICATION, strategy=strategy, epochs=1, unfreeze="top", forgetting_budget=9.0)
    made = run(tmp_path / "out", rules, second_data(tmp_path / "in", CLASSIFICATION), base, champion=classifier.out)
    assert np.isfinite([record.loss for record in made.result.epochs]).all()
    if made.result.challenger:
        again = run(tmp_path / "again", rules, Path(made.spec.inputs["collect"]), base, champion=made.out)
        assert again.result.epochs


@pytest.mark.parametrize(("kind", "network"), [(CLASSIFICATION, "BertModel"), (REGRESSION, "DistilBertModel")])
def test_the_fisher_by_hooks_is_that_of_a_loop_over_samples(kind: str, network: str, tmp_path: Path):
    made = run(
        tmp_path / "out",
        policy(kind, epochs=1),
        first_data(tmp_path / "in", kind),
        make_base(tmp_path / "base", network),
    )
    encoder = FAMILY.load(made.out)
    module = FAMILY.build(encoder, load_tensors(made.out / MODEL)).eval()
    samples = read_samples(tmp_path / "in" / "validation.parquet", policy(kind).task).take(np.arange(12))
    rows = rows_of(FAMILY, encoder, samples)
    of = TaskKind(kind)
    found = importance.fisher(module, rows, of, torch.Generator().manual_seed(0), 5)
    wanted = looped(module, rows, of)
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=2e-3, atol=1e-8 + 1e-4 * float(value.max()), msg=name)


def looped(module: torch.nn.Module, rows: Rows, of: TaskKind) -> dict[str, torch.Tensor]:
    """The definition: one sample and one class at a time, by autograd."""
    total = {name: torch.zeros_like(value) for name, value in module.named_parameters()}
    variance = importance.residual_variance(module, rows, 12) if of is TaskKind.REGRESSION else 1.0
    for place in range(rows.size):
        output = module(rows.inputs.take(torch.tensor([place])))[0]
        terms = list(zip(output.log_softmax(0), output.softmax(0).detach(), strict=True))
        for term, weight in [(output[0], 1.0 / variance)] if of is TaskKind.REGRESSION else terms:
            module.zero_grad()
            term.backward(retain_graph=True)
            for name, value in module.named_parameters():
                if value.grad is not None:
                    total[name] += weight * value.grad**2 / rows.size
    return total


def test_a_new_class_grows_the_head_and_the_former_rows_are_where_they_were(classifier: Trained, tmp_path: Path):
    new = world(CLASSIFICATION, 200, 3, NEW)
    labels = ["ODD" if "so" in text.split() or i % 5 == 0 else label for i, (text, label) in enumerate(
        zip(new["body"].to_pylist(), new["_label"].to_pylist(), strict=True)
    )]  # fmt: skip
    new = new.set_column(new.column_names.index("_label"), "_label", [labels])
    inputs = collect(tmp_path / "in", train=new, validation=new, replay=world(CLASSIFICATION, 100, 1))
    made = run(tmp_path / "out", policy(CLASSIFICATION, strategy="finetune"), inputs, champion=classifier.out)
    assert made.result.classes == ("DOWN", "UP", "ODD")
    assert load_tensors(made.out / MODEL)["head.weight"].shape[0] == 3
    encoder = FAMILY.load(classifier.out)
    grown = FAMILY.grow(encoder, read_samples(inputs / "train.parquet", task()), ("DOWN", "UP", "ODD"))
    weights = load_tensors(classifier.out / MODEL)
    more = FAMILY.grow_weights(encoder, grown, weights, fill=True)
    assert torch.equal(more["head.weight"][:2], weights["head.weight"])


def test_a_new_class_begins_where_a_linear_model_would_end_and_former_outputs_answer_as_before(
    classifier: Trained, tmp_path: Path
):
    table, former = world(CLASSIFICATION, 200, 3), world(CLASSIFICATION, 60, 1)
    half = [*table["body"].to_pylist()[:100], *(f"where is {i} {i}" for i in range(100))]
    labels = [*table["_label"].to_pylist()[:100], *["ODD"] * 100]
    for name, values in (("body", half), ("_label", labels)):
        table = table.set_column(table.column_names.index(name), name, [values])
    inputs = collect(tmp_path / "in", train=table, replay=former)
    new, past = (read_samples(inputs / f"{name}.parquet", task()) for name in ("train", "replay"))
    encoder, weights = FAMILY.load(classifier.out), load_tensors(classifier.out / MODEL)
    parts, base = Parts(new, past, new, past), policy(CLASSIFICATION).base
    classes = ("DOWN", "UP", "ODD")
    asked = Situation(FAMILY, base, TaskKind.CLASSIFICATION, Train(), "accuracy", classes, parts)
    begin = start(asked, Champion(encoder, weights, load_memory(classifier.out)))
    assert not begin.unprimed
    assert torch.equal(begin.weights["head.weight"][:2], weights["head.weight"])
    answers = answers_of(begin.module(0.0), begin.rows, 64)
    right = answers.argmax(1) == begin.rows.targets
    assert right[100:200].float().mean() > 0.9 and right[200:].float().mean() > 0.9
    before = answers_of(FAMILY.build(encoder, weights), rows_of(FAMILY, encoder, past), 64)
    torch.testing.assert_close(answers[200:, :2], before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("network", ["BertForSequenceClassification", "DistilBertForSequenceClassification"])
def test_a_classifier_keeps_the_rows_of_the_labels_it_knows(network: str, tmp_path: Path):
    found = make_base(tmp_path / "base", network, labels=("UP", "other", "DOWN"))
    inputs = first_data(tmp_path / "in", CLASSIFICATION)
    samples = read_samples(inputs / "train.parquet", task())
    base = policy(CLASSIFICATION).base.model_copy(update={"path": str(found)})
    encoder = FAMILY.fit(TaskKind.CLASSIFICATION, samples, ("DOWN", "UP"), base)
    module = FAMILY.build(encoder, None)
    head = module.get_submodule(encoder.head)
    saved = load_tensors(found / MODEL)["classifier.weight"]
    assert torch.equal(head.weight.detach(), saved[[2, 0]])
    made = run(tmp_path / "out", policy(CLASSIFICATION, epochs=2), inputs, found)
    config = json.loads((made.out / "config.json").read_text())
    assert made.result.challenger and config["id2label"] == {"0": "DOWN", "1": "UP"}
    grown = FAMILY.grow(FAMILY.load(made.out), samples, ("DOWN", "UP", "ODD"))
    more = FAMILY.grow_weights(FAMILY.load(made.out), grown, load_tensors(made.out / MODEL), fill=True)
    assert FAMILY.build(grown, more).get_submodule(encoder.head).out_features == 3


def test_what_comes_behind_the_longest_text_is_not_seen(base: Path, tmp_path: Path):
    rules = policy(CLASSIFICATION, epochs=1)
    short = rules.model_copy(update={"base": rules.base.model_copy(update={"longest": 8})})
    made = run(tmp_path / "out", short, first_data(tmp_path / "in", CLASSIFICATION), base)
    encoder = FAMILY.load(made.out)
    texts = np.array(["good film", "good film was very very so", "good film was very very so bad poor awful"], object)
    inputs = FAMILY.inputs(encoder, Samples(3, {}, {"body": texts}, np.array(["UP"] * 3, object)))
    assert encoder.longest == 8 and inputs.lengths.tolist() == [4, 8, 8]
    seen = inputs.padded()[0]
    assert seen[1].tolist() == seen[2].tolist()


def test_a_network_that_was_trained_before_is_tuned_in_fewer_passes():
    rules = Train()
    passes = [pace(rules, 0.5, fresh, family).epochs for fresh in (320, 100_000) for family in (FAMILY, TABULAR)]
    assert passes == [20, 80, 5, 5]
    assert pace(Train(epochs=7), 0.5, 320, FAMILY).epochs == 7
