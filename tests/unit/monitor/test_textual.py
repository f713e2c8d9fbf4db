"""The words of texts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from maintainer.monitor.textual import WORDS, scores, words_of

LEVEL = 0.02


def texts(rng: np.random.Generator, n: int, words: list[str]) -> list[str]:
    """Return texts that keep to a few words each, as texts do."""
    return [" ".join(rng.choice(rng.choice(words, 6), 20)) for _ in range(n)]


def test_the_vocabularys_score_is_scipys_and_the_new_share_counts_words() -> None:
    found = {s.kind: s for s in scores("t", ["a a b", "B c"], ["a, d d", "c"], LEVEL)}
    assert found["vocabulary"].score == pytest.approx(jensenshannon([2, 2, 1, 0], [1, 0, 1, 2]))
    assert found["unseen"].score == pytest.approx(2 / 4)


def test_texts_of_the_same_words_seldom_pass_their_floors_and_a_new_subject_does() -> None:
    rng = np.random.default_rng(0)
    known = [f"w{n}" for n in range(300)]
    passed = [s.drifted for _ in range(60) for s in scores("t", texts(rng, 80, known), texts(rng, 60, known), LEVEL)]
    assert len(passed) == 120
    assert np.mean(passed) <= LEVEL + 2.6 * np.sqrt(LEVEL * (1.0 - LEVEL) / 120)
    moved = scores("t", texts(rng, 80, known), texts(rng, 60, [*known[150:], *(f"n{n}" for n in range(60))]), LEVEL)
    assert [s.drifted for s in moved] == [True, True]


def test_the_same_texts_give_the_same_scores_and_floors() -> None:
    rng = np.random.default_rng(1)
    sides = texts(rng, 50, ["a", "b", "c"]), texts(rng, 50, ["b", "c", "d"])
    assert scores("t", *sides, LEVEL) == scores("t", *sides, LEVEL)


def test_empty_texts_and_none_say_nothing() -> None:
    assert scores("t", ["", " ..."], ["", ""], LEVEL) == ()
    assert scores("t", ["a"], ["", "!"], LEVEL) == ()
    assert scores("t", [], [], LEVEL) == ()
    assert [s.score for s in scores("t", ["a", ""], ["a"], LEVEL)] == [0.0, 0.0]


def test_of_an_endless_text_only_the_first_words_are_looked_at() -> None:
    assert words_of("Word " * 10**6) == ["word"] * WORDS
