"""Directories and texts that no run can use, or that it must take as they come: each with its own clear words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from maintainer.errors import InputError
from maintainer.families.pretrained import look

from .conftest import CLASSIFICATION, Trained, collect, first_data, make_base, policy, second_data, train, world

LONG = "good " * 20_000
ALPHABETS = (
    "Отличный фильм",
    "素晴らしい映画",
    "فيلم رائع",
    "סרט נהדר",
    "चलचित्र",
    "\N{GRINNING FACE}" * 500,
    "a\u0301\u200d\ufeff",
)


@pytest.fixture
def copy(base: Path, tmp_path: Path) -> Path:
    shutil.copytree(base, tmp_path / "base")
    return tmp_path / "base"


def test_a_good_directory_is_taken(copy: Path):
    found = look(copy)
    assert not found.classifier and found.pad == 0
    assert [found.longest(wanted) for wanted in (None, 8, 31)] == [30, 8, 30]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_file_that_is_not_there_is_named(name: str, copy: Path):
    (copy / name).unlink()
    with pytest.raises(InputError, match=f"base has no {name}"):
        look(copy)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="nowhere is no directory"):
        look(tmp_path / "nowhere")


def test_pickled_weights_are_refused_and_never_read(copy: Path):
    (copy / "model.safetensors").unlink()
    torch.save({"x": torch.zeros(1)}, copy / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"weights as pytorch_model.bin, which is never read: a pickle runs code"):
        look(copy)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_of_a_directory_is_never_run(file: str, copy: Path, tmp_path: Path, edit_json: Callable[..., None]):
    ran = tmp_path / "ran"
    (copy / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Own: pass\n")
    if not (copy / file).exists():
        (copy / file).write_text("{}")
    edit_json(copy / file, auto_map={"AutoModel": "modeling_own.Own", "AutoConfig": "modeling_own.Own"})
    with pytest.raises(InputError, match=rf"{file} wants code of its own to be run \(auto_map\), which is never done"):
        look(copy)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "GPT2LMHeadModel"),
        ({"model_type": "vit", "architectures": ["ViTForImageClassification"]}, "ViTForImageClassification"),
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, "T5ForConditionalGeneration"),
        ({"model_type": "bart", "architectures": ["BartModel"], "is_encoder_decoder": True}, "BartModel"),
        ({"architectures": ["BertForTokenClassification"]}, "BertForTokenClassification"),
        ({"model_type": "homemade", "architectures": ["Homemade"]}, "Homemade"),
        ({"model_type": None, "architectures": None}, "unnamed"),
    ],
)
def test_another_architecture_is_refused_by_its_name(
    changes: dict[str, object], name: str, copy: Path, edit_json: Callable[..., None]
):
    edit_json(copy / "config.json", **changes)
    with pytest.raises(InputError, match=f"is of architecture '{name}'"):
        look(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_a_configuration_that_is_none_is_refused(text: str, copy: Path):
    (copy / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json (cannot be read as JSON|holds list, wanted a JSON object)"):
        look(copy)


def test_a_tokenizer_that_is_none_is_refused(copy: Path):
    (copy / "tokenizer.json").write_text(json.dumps({"model": "none"}))
    with pytest.raises(InputError, match=r"tokenizer\.json cannot be read as a tokenizer"):
        look(copy)


def test_a_tokenizer_with_more_words_than_the_network_is_refused(copy: Path, edit_json: Callable[..., None]):
    edit_json(copy / "config.json", vocab_size=5)
    with pytest.raises(InputError, match=r"has tokens up to number 17, but config\.json has a vocab_size of 5"):
        look(copy)


def test_weights_of_another_network_are_refused(copy: Path, tmp_path: Path, edit_json: Callable[..., None]):
    edit_json(copy / "config.json", num_hidden_layers=3)
    with pytest.raises(InputError, match=r"lack \d+ that its config.json asks for, such as encoder.layer.2"):
        train(tmp_path / "out", policy(CLASSIFICATION), first_data(tmp_path / "in", CLASSIFICATION), copy)


def test_half_a_file_of_weights_is_refused(copy: Path, tmp_path: Path):
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(InputError, match="cannot be loaded"):
        train(tmp_path / "out", policy(CLASSIFICATION), first_data(tmp_path / "in", CLASSIFICATION), copy)


def test_without_a_directory_a_bootstrap_says_what_to_do(tmp_path: Path):
    with pytest.raises(InputError, match=r"wanted base.path, or `bootstrap --from DIR`"):
        train(tmp_path / "out", policy(CLASSIFICATION), first_data(tmp_path / "in", CLASSIFICATION))


def test_long_empty_and_foreign_texts_are_learned_from_like_any_other(base: Path, tmp_path: Path):
    odd = (LONG, "a" * 100_000, "", " ", None, *ALPHABETS)
    inputs = collect(
        tmp_path / "in", train=world(CLASSIFICATION, 300, 1, odd=odd), validation=world(CLASSIFICATION, 80, 2, odd=odd)
    )
    made = train(tmp_path / "out", policy(CLASSIFICATION), inputs, base)
    assert made.result.challenger and made.result.frontier[-1].new > 0.8


def test_labels_of_one_class_are_nothing_to_learn(base: Path, tmp_path: Path):
    table = world(CLASSIFICATION, 100, 1)
    table = table.set_column(table.column_names.index("_label"), "_label", pa.array(["UP"] * 100))
    made = train(tmp_path / "out", policy(CLASSIFICATION), collect(tmp_path / "in", train=table), base)
    assert not made.result.challenger and "there is nothing to tell apart" in made.result.reason


def test_ten_samples_are_too_few(base: Path, tmp_path: Path):
    inputs = collect(tmp_path / "in", train=world(CLASSIFICATION, 10, 1))
    made = train(tmp_path / "out", policy(CLASSIFICATION), inputs, base)
    assert not made.result.challenger and "at least 20 are needed" in made.result.reason


def test_a_champion_of_another_column_is_refused(classifier: Trained, tmp_path: Path):
    rules = policy(CLASSIFICATION)
    other = rules.model_copy(update={"task": rules.task.model_copy(update={"text": "title"})})
    inputs = second_data(tmp_path / "in", CLASSIFICATION)
    with pytest.raises(InputError, match="put them back, or bootstrap a model of another name"):
        train(tmp_path / "out", other, inputs, champion=classifier.out)


def test_a_champion_whose_tokenizer_is_gone_is_refused(classifier: Trained, tmp_path: Path):
    shutil.copytree(classifier.out, tmp_path / "champion")
    (tmp_path / "champion" / "tokenizer.json").unlink()
    inputs = second_data(tmp_path / "in", CLASSIFICATION)
    with pytest.raises(InputError, match="the encoder of champion cannot be read"):
        train(tmp_path / "out", policy(CLASSIFICATION), inputs, champion=tmp_path / "champion")


def test_a_classifier_whose_head_was_saved_in_half_precision_is_read(tmp_path: Path):
    make_base(tmp_path / "base", "BertForSequenceClassification", labels=("UP", "DOWN"), dtype="float16")
    made = train(
        tmp_path / "out",
        policy(CLASSIFICATION, epochs=1),
        first_data(tmp_path / "in", CLASSIFICATION),
        tmp_path / "base",
    )
    assert made.result.challenger
