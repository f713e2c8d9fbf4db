"""Care of texts that are trained on: copies and near copies among them, and changed copies of them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maintainer.domain.policy import Data
from maintainer.families.table import Samples, join
from maintainer.train.care import care
from maintainer.train.care.cared import Cared
from maintainer.train.care.copies import without_copies
from maintainer.train.situation import Parts

from .conftest import CLASSIFICATION, REGRESSION, collect, policy, train, world


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
    parts = {"train": world(CLASSIFICATION, 300, 1), "validation": world(CLASSIFICATION, 80, 2)}
    inputs = collect(tmp_path / "in", **parts)
    made = train(tmp_path / "out", rules, inputs, base)
    plain = train(tmp_path / "plain", policy(CLASSIFICATION, epochs=2), inputs, base)
    assert f"300 changed copies were added ({kind}); " in made.result.reason
    assert (made.out / "model.safetensors").read_bytes() != (plain.out / "model.safetensors").read_bytes()
    again = train(tmp_path / "again", rules, inputs, base)
    assert (made.out / "model.safetensors").read_bytes() == (again.out / "model.safetensors").read_bytes()


# Copies


LONG = (
    "we write to tell you that the order which you placed in our shop on monday has left the house today and will be "
    "with you by the end of the week unless snow falls"
)


def found(cared: Cared) -> dict[str, tuple[str, str, str]]:
    return {row.sample: (row.finding, row.action, row.why) for row in cared.rows}


def near(new: Samples, former: Samples | None = None, judging: Samples | None = None) -> Cared:
    return without_copies(parts(new, former), judging or samples(), classes=True, texts=True)


def test_near_copies_of_texts_are_left_out_and_the_first_stays() -> None:
    other = LONG.replace("monday", "friday")
    cared = near(samples("Turn on the light", LONG, "turn on the light", "TURN ON THE LIGHT!", "play jazz", other))
    assert found(cared) == {
        "2": ("copy", "dropped", "nearly equal to 0"),
        "3": ("copy", "dropped", "nearly equal to 0"),
        "5": ("copy", "dropped", "nearly equal to 1"),
    }
    assert texts(cared.parts.new) == ["Turn on the light", LONG, "play jazz"]


def test_a_near_copy_of_what_judges_is_left_out_of_new_and_of_former_texts() -> None:
    judging = samples("what a fine day", LONG, first=50)
    new = samples("What a fine day.", "play jazz", "play rock", "play some rock", LONG + " tonight", "play")
    former = samples("stop", "WHAT A FINE DAY", "go on", "play it", "once more", first=20)
    cared = near(new, former, judging)
    assert found(cared) == {
        "0": ("leak", "dropped", "nearly equal to 50, which judges"),
        "4": ("leak", "dropped", "nearly equal to 51, which judges"),
        "21": ("leak", "dropped", "nearly equal to 50, which judges"),
    }
    assert [row.part for row in cared.rows] == ["new", "new", "former"]
    assert (cared.parts.new.size, cared.parts.former.size) == (4, 4)


def test_near_texts_of_other_labels_stay_and_equal_ones_of_other_labels_are_listed() -> None:
    new = join(samples("Play jazz", "stop", "louder", "go"), samples("play jazz", "stop", first=4, label="b"))
    cared = near(new)
    assert {name: row[:2] for name, row in found(cared).items()} == {
        "1": ("conflict", "kept"),
        "5": ("conflict", "kept"),
    }
    assert cared.parts.new.size == 6


def test_a_text_that_equals_one_of_another_label_is_no_copy_of_a_near_one() -> None:
    cared = near(join(samples("STOP", "stop", "go"), samples("stop", first=3, label="b")))
    assert {name: row[:2] for name, row in found(cared).items()} == {
        "1": ("conflict", "kept"),
        "3": ("conflict", "kept"),
    }
    assert cared.parts.new.size == 4


def test_a_text_stays_where_the_one_that_it_is_near_was_left_out() -> None:
    second = LONG.replace("monday", "friday")
    third = second.replace("unless snow falls", "unless hail falls")
    cared = near(samples(LONG, second, third, "play jazz"))
    assert found(cared) == {"1": ("copy", "dropped", "nearly equal to 0")}


def test_each_text_that_judges_is_looked_at_though_another_one_that_judges_is_near_it() -> None:
    second = LONG.replace("monday", "friday")
    third = second.replace("unless snow falls", "unless hail falls")
    cared = near(samples(third, "play jazz"), judging=samples(LONG, second, first=50))
    assert found(cared) == {"0": ("leak", "dropped", "nearly equal to 51, which judges")}


def test_a_copy_is_found_among_many_near_texts_of_another_label() -> None:
    others = join(samples("ok", label="b"), samples("OK", first=1))
    others = join(others, samples("Ok", "oK", "ok!", "OK!", "ok.", first=2, label="b"))
    new = join(join(others, samples("ok?", first=7)), samples(*(f"text {i}" for i in range(20)), first=8))
    assert found(near(new))["7"] == ("copy", "dropped", "nearly equal to 1")


def test_where_most_texts_are_near_each_other_none_is_left_out() -> None:
    cared = near(samples(*["ok", "OK", "ok!", "Ok.", "OK!!"] * 20))
    assert cared.parts.new.size == 100 and not cared.rows
    assert cared.notes == ("99 of 100 samples are alike: that is the nature of these columns, all were kept",)


def test_near_texts_are_copies_where_their_numbers_are_near_too() -> None:
    spread = np.random.default_rng(0).normal(size=60)
    held = replace(samples(*[f"the {i}th of many words" for i in range(60)]), labels=spread)
    again = replace(held.take(np.array([3, 4])), ids=np.array(["same", "other"], object))
    again = replace(again, labels=again.labels + np.array([1e-5, 0.5]))
    shouted = np.array([text.upper() for text in texts(again)], object)
    new = join(held, replace(again, categories={"body": shouted}))
    empty = replace(samples(), labels=np.zeros(0))
    cared = without_copies(Parts(new, empty, empty, empty), empty, classes=False, texts=True)
    assert found(cared) == {"same": ("copy", "dropped", "nearly equal to 3")}


@pytest.mark.parametrize("kind", [CLASSIFICATION, REGRESSION])
def test_a_run_lists_every_text_that_it_left_out_as_a_copy(kind: str, base: Path, tmp_path: Path) -> None:
    new = world(kind, 60, 1)
    lines = [f"{text} number {i}" for i, text in enumerate(new["body"].to_pylist())]
    lines[5], lines[9] = lines[4].upper() + "!", "The judge's own: text"
    labels = new["_label"].to_pylist()
    labels[5] = labels[4]
    judging = world(kind, 30, 2)
    theirs = ["the judges own text", *judging["body"].to_pylist()[1:]]
    judged = [labels[9], *judging["_label"].to_pylist()[1:]]
    inputs = collect(
        tmp_path / "in",
        train=new.set_column(3, "body", [lines]).set_column(4, "_label", [labels]),
        validation=world(kind, 40, 3),
        current_holdout=judging.set_column(3, "body", [theirs]).set_column(4, "_label", [judged]),
    )
    rules = policy(kind, epochs=1).model_copy(update={"data": Data(deduplicate=True)})
    made = train(tmp_path / "out", rules, inputs, base)
    with (made.out / "care.csv").open(newline="") as file:
        rows = [(row["sample"], row["part"], row["finding"], row["why"]) for row in csv.DictReader(file)]
    assert rows == [
        ("9", "new", "leak", "nearly equal to 0, which judges"),
        ("5", "new", "copy", "nearly equal to 4"),
    ]
