"""Texts that are nearly the same: of equal words, or long ones that have most runs of three words in common."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from maintainer.train.care.wording import words

SIMILAR = 0.8  # Jaccard similarity from which on texts are near copies
RUN = 3  # words of a shingle
SHORTEST = 20  # words under which no text that differs in a word can be that similar
READ = 256  # words that are looked at: no more tokens than these are ever learned from
CHARACTERS = 32  # of a text that are looked at for each word
BANDS, HASHES = 20, 5  # all hashes of one band must agree: one in 2,800 pairs at the limit is overlooked
ESTIMATE = SIMILAR - 0.2  # share of hashes that must agree for a pair to be looked at: five standard errors below
NEIGHBOURS = 3  # earlier texts of a bucket that a text is held against, beside the first
AT_ONCE = 100_000  # pairs whose hashes are compared at a time
KEPT = "#%&*@"  # punctuation that says something
INSIDE = re.compile(r"(?<!\d)[.,:/](?=\d)|[.,:/](?!\d)|-(?!\d)|(?<=\w)'(?=\w)")

Rows = NDArray[np.int64]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Shingled:
    """n texts by their words, and which of them may be near copies of which."""

    forms: tuple[str, ...]  # (n,) the words alone
    runs: Hashes  # shingles of one text after the other
    spans: dict[int, tuple[int, int]]  # of each text of SHORTEST words or more: where among the runs
    pairs: Rows  # (k, 2) the earlier first, by the later and then the earlier one

    def alike(self, one: int, other: int) -> bool:
        """Return whether two texts are near copies."""
        if self.forms[one] == self.forms[other]:
            return True
        if one not in self.spans or other not in self.spans:
            return False
        mine, theirs = (np.unique(self.runs[slice(*self.spans[place])]) for place in (one, other))
        common = len(np.intersect1d(mine, theirs, assume_unique=True))
        return common >= SIMILAR * (len(mine) + len(theirs) - common)


def shingled(texts: Sequence[str], groups: Rows) -> Shingled:  # groups: (n,) texts of different ones are never paired
    """Return texts and the pairs that may be near copies, found in time that grows as the texts do.

    Shingles, Broder 1997, https://doi.org/10.1109/SEQUEN.1997.666900, marked at both ends, so that a word more at the
    end costs what it costs in the middle: one word more among n leaves n / (n + 5), another word (n - 1) / (n + 5). At
    a limit of 0.8, that of Lee et al. 2022, https://arxiv.org/abs/2107.06499, texts of fewer than 20 words are near
    copies only if all words are the same, and long ones if about one word in 25 differs. MinHash in bands, Leskovec
    et al., Mining of Massive Datasets, section 3.4.
    """
    forms = tuple(" ".join(normal(text)) for text in texts)
    told = np.unique(np.array(forms, object), return_inverse=True)[1] if forms else np.zeros(0, np.int64)
    found = [_neighbours(told.astype(np.uint64), groups)]
    long = [place for place, form in enumerate(forms) if form.count(" ") + 1 >= SHORTEST]
    runs, starts = _runs([forms[place] for place in long])
    if long:
        rows = np.array(long, np.int64)
        found += [rows[pairs] for pairs in _likely(_signatures(runs, starts), groups[rows])]
    pairs = np.unique(np.concatenate([near[:, ::-1] for near in found]), axis=0)[:, ::-1]
    ends = [*starts[1:].tolist(), len(runs)] if long else []
    return Shingled(forms, runs, dict(zip(long, zip(starts.tolist(), ends, strict=True), strict=True)), pairs)


def normal(text: str) -> list[str]:
    """Return the words that are looked at, without case and punctuation; of a text of nothing else its signs.

    Marks inside of numbers stay, and so do signs that are no punctuation.

    >>> normal("Don't set it to 3.5%, PLEASE!"), normal("?!")
    (['dont', 'set', 'it', 'to', '3.5%', 'please'], ['?!'])
    """
    plain = unicodedata.normalize("NFKC", text[: READ * CHARACTERS]).casefold()
    bare = INSIDE.sub(lambda mark: "" if mark[0] == "'" else " ", plain.replace("\u2019", "'")).translate(_blanks())
    return [word.strip() for word in words(bare)[:READ]] or plain.split()[:READ]


@cache
def _blanks() -> dict[int, str]:
    """Return a space for every sign of punctuation but those that numbers and words may hold."""
    signs = (chr(code) for code in range(0x110000))
    found = (sign for sign in signs if unicodedata.category(sign)[0] == "P")
    return {ord(sign): " " for sign in found if sign not in KEPT + ".,:/-"}


def _runs(forms: Sequence[str]) -> tuple[Hashes, Rows]:  # (all shingles,), (n,) where each text begins
    """Return the shingles of texts as hashes, each text between RUN - 1 empty words."""
    codes, ends = {"": 0}, [""] * (RUN - 1)
    flat = chain(ends, chain.from_iterable(chain(form.split(" "), ends) for form in forms))
    numbers = np.fromiter((codes.setdefault(word, len(codes)) for word in flat), np.uint64)
    sizes = np.array([form.count(" ") + RUN for form in forms], np.int64)
    made = np.zeros(len(numbers) - RUN + 1, np.uint64)
    for shift in range(RUN):
        made = _mixed(made + numbers[shift : shift + len(made)] + np.uint64(1))
    return made, np.cumsum(sizes) - sizes


def _mixed(values: Hashes) -> Hashes:
    """Return values spread over 64 bits: the finaliser of splitmix64, Steele et al. 2014."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _signatures(flat: Hashes, starts: Rows) -> NDArray[np.uint32]:  # (n, BANDS * HASHES)
    """Return of each text the least of its shingles under each of many hashes: MinHash, Broder 1997."""
    draw = np.random.default_rng(0)
    factors = draw.integers(2**63, size=BANDS * HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    shifts = draw.integers(2**63, size=BANDS * HASHES, dtype=np.uint64)
    made = np.empty((len(starts), BANDS * HASHES), np.uint32)
    for place, (factor, shift) in enumerate(zip(factors, shifts, strict=True)):
        hashed = ((flat * factor + shift) >> np.uint64(32)).astype(np.uint32)
        made[:, place] = np.minimum.reduceat(hashed, starts)
    return made


def _likely(signatures: NDArray[np.uint32], groups: Rows) -> Iterator[Rows]:  # each (k, 2)
    """Yield the pairs that agree in a band, and in enough of all hashes."""
    for band in range(BANDS):
        key = np.zeros(len(signatures), np.uint64)
        for place in range(band * HASHES, (band + 1) * HASHES):
            key = _mixed(key + signatures[:, place])
        pairs = _neighbours(key, groups)
        for begin in range(0, len(pairs), AT_ONCE):
            some = pairs[begin : begin + AT_ONCE]
            agree = (signatures[some[:, 0]] == signatures[some[:, 1]]).mean(axis=1)
            yield some[agree >= ESTIMATE]


def _neighbours(key: Hashes, groups: Rows) -> Rows:  # (k, 2)
    """Return each text with some earlier ones of equal key and group: the first, and its last neighbours."""
    if not len(key):
        return np.zeros((0, 2), np.int64)
    order = np.lexsort((np.arange(len(key)), groups, key))
    same = (key[order[1:]] == key[order[:-1]]) & (groups[order[1:]] == groups[order[:-1]])
    bucket = np.concatenate([[0], np.cumsum(~same)])
    places = np.arange(len(key))
    first = np.searchsorted(bucket, bucket)
    found: list[Rows] = []
    for back in (first, *(np.maximum(places - step, first) for step in range(1, NEIGHBOURS + 1))):
        later = back < places
        found.append(np.stack([order[back[later]], order[later]], axis=1))
    return np.concatenate(found)
