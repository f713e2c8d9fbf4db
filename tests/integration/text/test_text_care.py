"""Care of texts that are trained on: changed copies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maintainer.domain.policy import Data
from maintainer.families.table import Samples, join
from maintainer.train.care import care
from maintainer.train.care.cared import Cared
from maintainer.train.situation import Parts

from .conftest import CLASSIFICATION, first_data, policy, train


def samples(*texts: str, first: int = 0, label: str = "a") -> Samples:
    ids = np.array([str(first + i) for i in range(len(texts))], object)
    return Samples(len(texts), {}, {"body": np.array(texts, object)}, np.full(len(texts), label, object), ids)


def parts(new: Samples, former: Samples | None = None) -> Parts:
    return Parts(new, former or samples(), samples(), samples())


def texts(held: Samples) -> list[str]:
    return held.categories["body"].tolist()


# Changed copies


def enriched(given: Parts, seed: int = 0, *kinds: str) -> Cared:
    rules = Data.model_validate({"augment": kinds or ("word-dropout", "text-noise")})
    return care.enrich(rules, Cared(given), seed)


def test_each_kind_adds_one_copy_of_each_new_sample_under_its_label() -> None:
    many = [f"please turn number {i} of the many lights in this house off" for i in range(300)]
    new = join(samples(*many[:150]), samples(*many[150:], first=150, label="b"))
    given = replace(parts(new, samples("a former text", first=900)), judge_new=samples("a text that judges"))
    made = enriched(given).parts
    assert made.new.size == 900 and (made.new.labels == np.tile(new.labels, 3)).all()
    assert texts(made.new)[:300] == many and made.new.ids.tolist() == new.ids.tolist() * 3
    dropped, noisy = texts(made.new)[300:600], texts(made.new)[600:]
    assert all(set(text.split()) <= set(own.split()) for text, own in zip(dropped, many, strict=True))
    assert all(len(text.split()) == len(own.split()) for text, own in zip(noisy, many, strict=True))
    assert np.mean([a != b for a, b in zip(dropped, many, strict=True)]) > 0.5
    assert np.mean([a != b for a, b in zip(noisy, many, strict=True)]) > 0.5
    assert made.former is given.former and made.judge_new is given.judge_new and made.judge_former is given.judge_former


def test_copies_are_counted_and_so_are_those_in_which_nothing_could_change() -> None:
    cared = enriched(parts(samples(*["17"] * 40)))
    (said,) = cared.notes
    assert said.startswith(
        "80 changed copies were added (word-dropout, text-noise); 80 of them have the words of their"
    )
    long = enriched(parts(samples(*["as many words as nobody could ever say in one breath"] * 40)), 0, "word-dropout")
    same = sum(text == texts(long.parts.new)[0] for text in texts(long.parts.new)[40:])
    assert 0 < same < 40 and f"; {same} of them have" in long.notes[0]


def test_copies_are_the_same_under_a_seed() -> None:
    given = parts(samples(*[f"what is the weather like in town number {i}" for i in range(50)]))
    first, again, other = (texts(enriched(given, seed).parts.new) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("kind", ["word-dropout", "text-noise"])
def test_a_run_learns_from_changed_copies_and_says_so(kind: str, base: Path, tmp_path: Path) -> None:
    rules = policy(CLASSIFICATION, epochs=2)
    rules = rules.model_copy(update={"data": Data.model_validate({"augment": [kind]})})
    inputs = first_data(tmp_path / "in", CLASSIFICATION)
    made = train(tmp_path / "out", rules, inputs, base)
    plain = train(tmp_path / "plain", policy(CLASSIFICATION, epochs=2), inputs, base)
    assert f"300 changed copies were added ({kind}); " in made.result.reason
    assert (made.out / "model.safetensors").read_bytes() != (plain.out / "model.safetensors").read_bytes()
    again = train(tmp_path / "again", rules, inputs, base)
    assert (made.out / "model.safetensors").read_bytes() == (again.out / "model.safetensors").read_bytes()
