"""Changed copies of texts."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

import numpy as np
import pytest

from maintainer.train.care.wording import letters, mistyped, without_words, words

SENTENCE = "the quick brown fox jumps over the lazy dog while nobody near the old river is looking at it"
STRANGE = [
    "",
    " ",
    "\n\t",
    "no",
    "a b",
    "  led by spaces, and followed ",
    "打开客厅的灯",
    "請 turn on 灯!",
    "ここで音楽をかけて",
    "เปิดไฟในห้องนั่งเล่นที่นี่",
    "បើកភ្លើង",
    "음악을 틀어 줘",
    "شغّل الموسيقى می‌خواهم",
    "हिन्दी में संगीत चलाओ",
    "включи свет в комнате",
    "cafe\u0301 nai\u0308ve s\u0327a",
    "👩‍👩‍👧‍👦 👍🏽 🇩🇪",
    "0123456789 42 7",
    "ß ŉ ǰ İ ﬁ",
    "\u0301\u0301",
    "\U00010400\U00010401 \U0001d518\U0001d52b\U0001d526",
]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def column(*texts: str) -> np.ndarray:
    return np.array(texts, object)


def is_part_of(few: list[str], many: list[str]) -> bool:
    rest = iter(many)
    return all(word in rest for word in few)


def test_about_a_tenth_of_the_words_is_left_out_and_the_rest_is_in_its_order() -> None:
    made = without_words(column(*[SENTENCE] * 2000), rng())
    many = SENTENCE.split()
    assert all(is_part_of(text.split(), many) for text in made)
    assert 1 - np.mean([len(text.split()) / len(many) for text in made]) == pytest.approx(0.1, abs=0.01)


def test_never_more_than_half_of_a_text_is_left_out_and_a_word_alone_stays() -> None:
    for text in ("play", "play it", "not so good", "turn the lights off"):
        sizes = [len(made.split()) for made in without_words(column(*[text] * 3000), rng())]
        assert min(sizes) == -(-len(text.split()) // 2)
    assert set(without_words(column(*["play"] * 3000), rng())) == {"play"}


@pytest.mark.parametrize("change", [without_words, mistyped])
@pytest.mark.parametrize("text", STRANGE)
def test_a_text_of_any_script_stays_a_text_of_its_letters(change, text: str) -> None:
    own = Counter(unit.casefold() for letter in letters(text) for unit in (letter, letter.swapcase()))
    for made in change(column(*[text] * 300), rng()):
        made.encode()
        assert bool(made.strip()) == bool(text.strip())
        assert {letter.casefold() for letter in letters(made)} <= set(own)


@pytest.mark.parametrize("text", STRANGE)
def test_words_together_are_the_text_and_a_letter_keeps_its_marks(text: str) -> None:
    assert "".join(words(text)) == (text.rstrip() if text.strip() else "")
    assert "".join(letters(text)) == text
    assert not any(unicodedata.category(letter[0])[0] == "M" for letter in letters(text)[1:])


def test_scripts_without_spaces_lose_letters_one_by_one() -> None:
    sizes = [len(text) for text in without_words(column(*["打开客厅的灯和厨房的灯"] * 2000), rng())]
    assert 1 - np.mean(sizes) / 11 == pytest.approx(0.1, abs=0.01)


def test_about_one_letter_in_fifty_is_mistyped_and_every_kind_of_error_is_made() -> None:
    made = mistyped(column(*["turn"] * 20_000), rng())
    kinds = Counter(made)
    assert 1 - kinds["turn"] / 20_000 == pytest.approx(1 - 0.98**4, abs=0.01)
    assert kinds["utrn"] and kinds["trn"] and kinds["tuurn"] and kinds["Turn"]
    assert kinds["utrn"] == pytest.approx(kinds["Turn"], rel=0.35)


def test_errors_keep_every_word_and_every_number() -> None:
    text = "I set 17 alarms at 06:45, ok a"
    for made in mistyped(column(*[text] * 5000), rng()):
        assert re.findall(r"\d+", made) == ["17", "06", "45"]
        assert len(made.split()) == len(text.split())


@pytest.mark.parametrize("change", [without_words, mistyped])
def test_a_seed_makes_the_same_copies_and_another_one_others(change) -> None:
    held = column(*[SENTENCE, *STRANGE] * 20)
    first, again, other = change(held, rng(1)), change(held, rng(1)), change(held, rng(2))
    assert first.tolist() == again.tolist() != other.tolist()
    assert held.tolist() == [SENTENCE, *STRANGE] * 20
