"""A champion that reads texts: exported, held against torch, judged by the gates and asked by an application."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from maintainer.champion import load_session
from maintainer.domain.phase import ExportResult, GateResult, PhaseSpec
from maintainer.errors import InputError
from maintainer.export import stage as export_stage
from maintainer.export.parity import HOSTILE_TEXTS
from maintainer.families.huggingface import FAMILY
from maintainer.families.table import Samples
from maintainer.families.weights import MODEL, load_tensors
from maintainer.gate import stage as gate_stage

from .conftest import CLASSIFICATION, REGRESSION, Trained, first_data, make_base, policy, train


def exported(made: Trained, out: Path) -> PhaseSpec:
    out.mkdir()
    inputs = {**made.spec.inputs, "train": str(made.out)}
    spec = made.spec.model_copy(update={"phase": "export", "out": str(out), "inputs": inputs})
    export_stage.run(spec)
    return spec


def of_torch(made: Trained, texts: list[str]) -> torch.Tensor:
    encoder = FAMILY.load(made.out)
    module = FAMILY.build(encoder, load_tensors(made.out / MODEL)).eval()
    column = {encoder.column: np.array(texts, object)}
    with torch.no_grad():
        return module(FAMILY.inputs(encoder, Samples(len(texts), {}, column, np.zeros(len(texts)))))


def test_the_file_answers_as_the_network_does(first: tuple[str, Trained], tmp_path: Path):
    kind, made = first
    exported(made, tmp_path / "export")
    result = ExportResult.model_validate_json((tmp_path / "export" / "result.json").read_bytes())
    assert result.parity < 1e-4 and result.rows == 80 + len(HOSTILE_TEXTS) + 1
    model = load_session(tmp_path / "export" / "model.onnx", 1)
    texts = ["the film was good", *HOSTILE_TEXTS, "bad"]
    said, wanted = model.predict([{"body": text, "other": 1} for text in texts]), of_torch(made, texts)
    if kind == CLASSIFICATION:
        np.testing.assert_allclose(said.probabilities, wanted.softmax(1).numpy(), atol=1e-5)
        assert said.answers[0] == "UP" and said.answers[-1] == "DOWN"
    else:
        encoder = FAMILY.load(made.out)
        np.testing.assert_allclose(said.answers, wanted[:, 0] * encoder.target_scale + encoder.target_mean, rtol=1e-4)
    assert len(model.predict({"body": []})) == 0


def test_a_missing_text_is_answered_like_an_empty_one(classifier: Trained, tmp_path: Path):
    exported(classifier, tmp_path / "export")
    model = load_session(tmp_path / "export" / "model.onnx", 1)
    said = model.predict({"body": [None, "", float("nan")]}).probabilities
    assert said is not None and np.array_equal(said[0], said[1]) and np.array_equal(said[0], said[2])
    with pytest.raises(InputError, match="row 0, column 'body'"):
        model.predict({"body": [["a", "list"]]})


def test_an_answer_does_not_depend_on_what_is_asked_beside_it(classifier: Trained, tmp_path: Path):
    exported(classifier, tmp_path / "export")
    model = load_session(tmp_path / "export" / "model.onnx", 1)
    texts = ["the film was good", "very " * 40 + "bad", "a", "the book was so so nice"]
    alone = [model.predict({"body": [text]}).probabilities for text in texts]
    together = model.predict({"body": texts * 50}).probabilities
    assert together is not None
    np.testing.assert_allclose(
        together, np.tile(np.concatenate([x for x in alone if x is not None]), (50, 1)), atol=1e-5
    )


def test_the_gates_judge_a_champion_that_reads_texts(first: tuple[str, Trained], tmp_path: Path):
    kind, made = first
    spec = exported(made, tmp_path / "export")
    (tmp_path / "gate").mkdir()
    inputs = {**spec.inputs, "export": str(tmp_path / "export")}
    gate_stage.run(spec.model_copy(update={"phase": "gate", "out": str(tmp_path / "gate"), "inputs": inputs}))
    judged = GateResult.model_validate_json((tmp_path / "gate" / "result.json").read_bytes())
    assert judged.passed, [finding.sentence for finding in judged.findings]
    main = judged.challenger["current"]["accuracy" if kind == CLASSIFICATION else "mae"]
    assert main > 0.95 if kind == CLASSIFICATION else main < 10.0


def test_nothing_lies_in_the_file_that_nobody_reads(classifier: Trained, tmp_path: Path):
    import onnx

    exported(classifier, tmp_path / "export")
    graph = onnx.load(tmp_path / "export" / "model.onnx").graph
    assert {constant.name for constant in graph.initializer} <= {name for node in graph.node for name in node.input}


def test_the_file_says_what_it_reads_and_carries_its_tokenizer(classifier: Trained, tmp_path: Path):
    import onnx

    exported(classifier, tmp_path / "export")
    told = {p.key: p.value for p in onnx.load(tmp_path / "export" / "model.onnx").metadata_props}
    assert json.loads(told["maintainer.schema"]) == [{"name": "body", "kind": "text"}]
    assert told["maintainer.tokenizer"] == (classifier.out / "tokenizer.json").read_text(encoding="utf-8")
    assert told["maintainer.longest"] == "30"


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        (CLASSIFICATION, "BertForSequenceClassification"),
        (REGRESSION, "RobertaForSequenceClassification"),
        (CLASSIFICATION, "ElectraModel"),
        (CLASSIFICATION, "ModernBertModel"),
        (CLASSIFICATION, "MPNetModel"),
        (REGRESSION, "BertForMaskedLM"),
    ],
)
def test_other_encoders_of_text_are_trained_and_exported_too(kind: str, network: str, tmp_path: Path):
    base = make_base(tmp_path / "base", network)
    rules = policy(kind, epochs=1, unfreeze="top")
    made = train(tmp_path / "train", rules, first_data(tmp_path / "in", kind), base)
    exported(made, tmp_path / "export")
    result = ExportResult.model_validate_json((tmp_path / "export" / "result.json").read_bytes())
    assert result.parity < 1e-4


def test_the_pooled_states_are_those_of_the_network_and_cost_the_answers_nothing(classifier: Trained, tmp_path: Path):
    exported(classifier, tmp_path / "export")
    model = load_session(tmp_path / "export" / "model.onnx", 1)
    texts = ["the film was good", *HOSTILE_TEXTS, "bad"]
    words, (found, none) = model.states([{"body": texts}, {"body": []}])
    encoder = FAMILY.load(classifier.out)
    module = FAMILY.build(encoder, load_tensors(classifier.out / MODEL)).eval()
    rows = FAMILY.inputs(
        encoder, Samples(len(texts), {}, {encoder.column: np.array(texts, object)}, np.zeros(len(texts)))
    )
    with torch.no_grad():
        wanted = module.pooled(*rows.padded()).numpy()
    assert words == "pooled states" and len(none) == 0
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert model.predict([{"body": "the film was good"}]).answers[0] == "UP"  # asked for alone, as ever


def test_a_head_of_its_own_has_no_state_and_its_answers_stand_in(tmp_path: Path):
    base = make_base(tmp_path / "base", "BertForSequenceClassification", labels=("DOWN", "UP"))
    made = train(tmp_path / "train", policy(CLASSIFICATION), first_data(tmp_path / "collect", CLASSIFICATION), base)
    exported(made, tmp_path / "export")
    model = load_session(tmp_path / "export" / "model.onnx", 1)
    words, (found,) = model.states([{"body": ["good", "bad", ""]}])
    assert words == "answers"
    np.testing.assert_allclose(found, model.predict({"body": ["good", "bad", ""]}).probabilities)
