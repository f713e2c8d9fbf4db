"""Texts with a few words left out, or with errors as fingers make them."""

from __future__ import annotations

import re
import unicodedata

import numpy as np
from numpy.typing import NDArray

LEFT_OUT = 0.1  # of the words of a text; Wei & Zou find no more than this safe for texts of any number
MOST = 0.5  # largest share of the words of one text that is left out
TYPOS = 0.02  # of the letters of a text: about one word in ten
JOINERS = "\u200c\u200d"  # what joins two letters, or keeps them apart, belongs to the one before
ONE_BY_ONE = re.compile(  # letters of scripts that put no space between words
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff]"
)

Texts = NDArray[np.object_]  # (n,) of str


def without_words(texts: Texts, rng: np.random.Generator) -> Texts:
    """Return the texts, each word left out with probability LEFT_OUT, at most half of a text, so never all of it.

    Word dropout, Iyyer et al. 2015, https://aclanthology.org/P15-1162; random deletion of Wei & Zou 2019,
    https://arxiv.org/abs/1901.11196. A copy keeps its label, though the word that is gone may be a "not".
    """
    return np.array([_without_words(text, rng) for text in texts.tolist()], object)


def mistyped(texts: Texts, rng: np.random.Generator) -> Texts:
    """Return the texts with an error at each letter with probability TYPOS, the four kinds alike often.

    Two neighbours change places, as in the noise of Belinkov & Bisk 2018, https://arxiv.org/abs/1711.02173, who put it
    into every word; or a letter is left out or doubled, or its case is another. Digits stay as they are, for another
    number is another meaning; no letter goes to another word, and no word loses its last one.
    """
    return np.array([_mistyped(text, rng) for text in texts.tolist()], object)


def words(text: str) -> list[str]:
    """Return a text in pieces of one word each, with the white space before it.

    In scripts without spaces between words each letter is one.

    >>> words("turn  it on"), words("开灯 now")
    (['turn', '  it', ' on'], ['开', '灯', ' now'])
    """
    if not ONE_BY_ONE.search(text):
        return re.findall(r"\s*\S+", text)
    found = list[str]()
    for letter in letters(text):
        before = found[-1] if found else ""
        if not found or (letter.isspace() and not before.isspace()) or _ends(before, letter):
            found.append(letter)
        else:
            found[-1] += letter
    return found if not found or found[-1].strip() else found[:-1]


def letters(text: str) -> list[str]:
    """Return a text in pieces of one letter each, with the marks that belong to it.

    >>> letters("né") == ["n", "é"]
    True
    """
    if text.isascii():
        return list(text)
    found = list[str]()
    for sign in text:
        if found and (sign in JOINERS or unicodedata.category(sign)[0] == "M"):
            found[-1] += sign
        else:
            found.append(sign)
    return found


def _ends(before: str, letter: str) -> bool:
    """Return whether a word ends with `before`: there it, or here a letter, stands for a word of its own."""
    if before.isspace() or letter.isspace():
        return False
    return any(ONE_BY_ONE.match(piece) for piece in (before.lstrip(), letter))


def _without_words(text: str, rng: np.random.Generator) -> str:
    pieces = words(text)
    draws = rng.random(len(pieces))
    most = min(int((draws < LEFT_OUT).sum()), int(MOST * len(pieces)))
    if not most:
        return text
    gone = set(np.argsort(draws, kind="stable")[:most].tolist())
    kept = "".join(piece for place, piece in enumerate(pieces) if place not in gone)
    return kept.lstrip() if 0 in gone else kept


def _mistyped(text: str, rng: np.random.Generator) -> str:
    signs = letters(text)
    hit, kinds = rng.random(len(signs)) < TYPOS, rng.integers(4, size=len(signs))
    for place in np.flatnonzero(hit).tolist()[::-1]:
        if signs[place][:1].isalpha():
            _mistype(signs, place, int(kinds[place]))
    return "".join(signs)


def _mistype(signs: list[str], place: int, kind: int) -> None:
    """Change a letter in place, where the word has what the kind of error needs."""
    sign = signs[place]
    after = signs[place + 1 : place + 2]
    follows = bool(after) and after[0][:1].isalpha()
    if kind == 0 and follows:
        signs[place], signs[place + 1] = after[0], sign
    elif kind == 1 and (follows or (place > 0 and signs[place - 1][:1].isalpha())):
        signs[place] = ""
    elif kind == 2:
        signs[place] = sign + sign
    elif kind == 3 and len(other := sign.swapcase()) == len(sign):
        signs[place] = other
