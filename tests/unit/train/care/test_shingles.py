"""Near copies among texts."""

from __future__ import annotations

import numpy as np
import pytest

from maintainer.train.care.shingles import BANDS, NEIGHBOURS, Shingled, normal, shingled

WORDS = np.array([f"w{i}" for i in range(4000)], object)


def held(*texts: str) -> Shingled:
    return shingled(texts, np.zeros(len(texts), np.int64))


def copies(*texts: str) -> set[tuple[int, int]]:
    found = held(*texts)
    return {(one, other) for one, other in found.pairs.tolist() if found.alike(one, other)}


def sentence(size: int, seed: int = 0) -> list[str]:
    return np.random.default_rng(seed).permutation(WORDS)[:size].tolist()


def edits(words: list[str], place: int) -> dict[str, str]:
    """A text with one word of it another, with one more, and with one less."""
    before, word, after = words[:place], words[place : place + 1], words[place + 1 :]
    changed = {"another": ["new"], "more": [*word, "new"], "less": list[str]()}
    return {name: " ".join([*before, *put, *after]) for name, put in changed.items()}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Turn on the light!", "turn  on the light"),
        ("What's up?", "whats up"),
        ("what\u2019s up", "what's up"),
        ("hello,world", "Hello, World."),
        ("it was \u201cfine\u201d \u2014 really\u2026", "it was fine, really"),
        ("\uff28\uff45\uff4c\uff4c\uff4f 12", "hello 12"),
        ("打开客厅的灯。", "打开客厅的灯"),
        ("  ", ""),
    ],
)
def test_texts_of_the_same_words_are_copies_whatever_their_case_and_punctuation(one: str, other: str) -> None:
    assert copies(one, "something else", other) == {(0, 2)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("turn on the light", "turn off the light"),
        ("turn on the light in the living room please", "turn on the light in the dining room please"),
        ("will it rain in paris on monday", "will it rain in paris on monday morning"),
        ("is it good", "it is good"),
        ("set it to 3.5", "set it to 35"),
        ("set it to 3.5", "set it to 3 5"),
        ("wake me at 6:45", "wake me at 6:54"),
        ("take 1/2", "take 1 2"),
        ("it is -5 degrees", "it is 5 degrees"),
        ("I write C++", "I write C"),
        ("I write C#", "I write C"),
        ("pay 5%", "pay 5"),
        ("打开客厅的灯", "打开餐厅的灯"),
        ("เปิดไฟ", "ปิดไฟ"),
        ("हिन्दी", "हिन्दू"),
        (":)", ":("),
        ("👍", "👎"),
        ("", "?"),
    ],
)
def test_short_texts_that_share_most_words_are_no_copies(one: str, other: str) -> None:
    assert copies(one, other) == set()


@pytest.mark.parametrize("size", range(1, 20))
def test_no_text_of_fewer_than_twenty_words_is_a_copy_of_one_that_differs_in_a_word(size: int) -> None:
    words = sentence(size)
    for place in range(size):
        for other in edits(words, place).values():
            made = held(" ".join(words), other)
            assert not made.pairs.size and not made.alike(0, 1), other


@pytest.mark.parametrize("size", range(20, 60))
def test_a_word_counts_alike_at_every_place_and_less_in_a_longer_text(size: int) -> None:
    words = sentence(size)
    similar = {"another": (size - 1) / (size + 5), "more": size / (size + 5), "less": (size - 1) / (size + 4)}
    for place in (0, 1, size // 2, size - 2, size - 1):
        for name, other in edits(words, place).items():
            shorter = min(len(other.split()), size) < 20  # then one of the two is not looked at
            assert held(" ".join(words), other).alike(0, 1) is (similar[name] >= 0.8 and not shorter)


def test_what_is_repeated_in_a_text_counts_once() -> None:
    verse = " ".join(sentence(30))
    assert copies(" ".join(["la"] * 30), " ".join(["la"] * 60)) == {(0, 1)}
    assert held(f"{verse} {'la ' * 40}", f"{verse} {'lo ' * 40}").alike(0, 1) is False


def test_the_pairs_that_are_found_are_those_of_every_text_held_against_each_other() -> None:
    draw, texts = np.random.default_rng(5), list[str]()
    for number in range(150):
        words = sentence(int(draw.integers(5, 80)), number)
        texts.append(" ".join(words))
        for _ in range(2):
            for place in draw.integers(len(words), size=draw.integers(0, 3)):
                words[place] = str(draw.choice(WORDS))
            texts.append(" ".join(words))
    made = held(*texts)

    def similar(one: str, other: str) -> bool:
        a, b = (["", "", *text.split(), "", ""] for text in (one, other))
        if min(len(a), len(b)) < 24:
            return a == b
        mine, theirs = ({tuple(text[i : i + 3]) for i in range(len(text) - 2)} for text in (a, b))
        return len(mine & theirs) / len(mine | theirs) >= 0.8

    every = {(i, j) for j in range(len(texts)) for i in range(j) if similar(texts[i], texts[j])}
    found = {(i, j) for i, j in made.pairs.tolist() if made.alike(i, j)}
    assert found == every and 50 < len(every) < 450


def test_texts_of_different_groups_are_never_paired() -> None:
    text = " ".join(sentence(40))
    made = shingled([text, text, "ok", "OK", text], np.array([0, 1, 0, 1, 1]))
    assert made.pairs.tolist() == [[1, 4]]


@pytest.mark.parametrize("size", [5, 200])
def test_work_grows_as_the_texts_do_where_all_are_alike(size: int) -> None:
    many, words = 2000, sentence(size)
    texts = [" ".join(words if size < 20 else [*words[:-1], f"n{i}"]) for i in range(many)]
    made = held(*texts)
    assert len(made.pairs) <= (1 + NEIGHBOURS) * (1 + BANDS) * many
    last = {later: first for first, later in reversed(made.pairs.tolist())}
    assert len(last) == many - 1 and set(last.values()) == {0}
    assert all(made.alike(0, later) for later in range(1, many))


def test_what_is_behind_the_words_that_are_read_is_not_looked_at() -> None:
    read, one, other = (" ".join(sentence(size, seed)) for size, seed in ((256, 0), (200, 1), (200, 2)))
    assert copies(f"{read} {one}", f"{read} {other}") == {(0, 1)}
    assert copies(f"{read[:500]} {one}", f"{read[:500]} {other}") == set()
    assert len(normal("a" * 10_000_000)[0]) == 256 * 32


def test_no_text_and_one_text_have_no_copies() -> None:
    assert held().pairs.shape == (0, 2) and held("alone").pairs.shape == (0, 2)
