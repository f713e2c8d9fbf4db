"""What is skipped is what would have come out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from maintainer.domain.sample import TaskKind
from maintainer.families import prefix
from maintainer.families.huggingface import FAMILY, HuggingFaceFamily
from maintainer.families.network import TextModel
from maintainer.families.table import read_samples
from maintainer.families.text import Texts

from .conftest import CLASSIFICATION, collect, make_base, policy, world

NETWORKS = ["BertModel", "DistilBertModel", "RobertaForSequenceClassification"]


def pair(tmp_path: Path, network: str, unfreeze: str = "top") -> tuple[TextModel, TextModel, Texts]:
    """The same network with and without a prefix, and texts of several lengths."""
    base = policy(CLASSIFICATION).base.model_copy(update={"path": str(make_base(tmp_path / "base", network))})
    file = collect(tmp_path / "in", train=world(CLASSIFICATION, 60, 1)) / "train.parquet"
    samples = read_samples(file, policy(CLASSIFICATION).task)
    encoder = FAMILY.fit(TaskKind.CLASSIFICATION, samples, ("DOWN", "UP"), base)
    weights = FAMILY.build(encoder, None).state_dict()
    part = HuggingFaceFamily(unfreeze).build(encoder, weights)
    return part, FAMILY.build(encoder, weights), FAMILY.inputs(encoder, samples)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("unfreeze", ["top", "head"])
@pytest.mark.parametrize("kept", [True, False])
def test_answers_and_gradients_above_the_prefix_are_those_of_the_whole_network(
    network: str, unfreeze: str, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if not kept:
        monkeypatch.setattr(prefix, "LARGEST", 0)
    part, whole, texts = pair(tmp_path, network, unfreeze)
    assert part.prefix is not None and part.prefix.depth == (1 if unfreeze == "top" else 2)
    rows = torch.tensor([5, 0, 17, 5])
    answers = [module.eval()(texts.take(rows)) for module in (part, whole)]
    torch.testing.assert_close(answers[0], answers[1], rtol=1e-4, atol=1e-6)
    for answer in answers:
        answer.square().sum().backward()
    others = dict(whole.named_parameters())
    for name, value in part.named_parameters():
        if value.grad is not None:
            torch.testing.assert_close(value.grad, others[name].grad, rtol=1e-3, atol=1e-6)
    assert (texts.states.values is not None) == kept
    assert part.state_dict().keys() == whole.state_dict().keys()


def test_states_are_those_of_the_weights_that_are_asked(tmp_path: Path):
    part, whole, texts = pair(tmp_path, "BertModel")
    part.eval()(texts)
    other, before = pair(tmp_path / "other", "BertModel")[0], texts.states.values
    with torch.no_grad():
        other.network.embeddings.word_embeddings.weight.mul_(2.0)
        whole.network.embeddings.word_embeddings.weight.mul_(2.0)
    torch.testing.assert_close(other.eval()(texts), whole.eval()(texts), rtol=1e-4, atol=1e-6)
    assert texts.states.values is not before


def test_what_holds_still_has_no_dropout_and_the_rest_has(tmp_path: Path):
    base = policy(CLASSIFICATION).base.model_copy(update={"path": str(make_base(tmp_path / "base"))})
    file = collect(tmp_path / "in", train=world(CLASSIFICATION, 30, 1)) / "train.parquet"
    samples = read_samples(file, policy(CLASSIFICATION).task)
    family = HuggingFaceFamily("top")
    encoder = family.fit(TaskKind.CLASSIFICATION, samples, ("DOWN", "UP"), base)
    module = family.build(encoder, None, 0.5).train()
    assert module.prefix is not None
    texts = family.inputs(encoder, samples)
    assert torch.equal(module.prefix.states(texts), module.prefix.states(family.inputs(encoder, samples)))
    assert [layer.training for layer in module.network.encoder.layer] == [False, True]
