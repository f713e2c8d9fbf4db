"""Texts as the token numbers of a pre-trained network, cut and padded alike in training and in serving.

Only numpy and tokenizers are needed; the latter ships partial types: this is its one wrapper.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maintainer.errors import InputError

CHARACTERS = 32  # of a text that are looked at for each token that is kept: of 100,000 most would be cut anyway

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ragged:
    """n texts as one sequence of tokens."""

    flat: Whole  # (all tokens,)
    lengths: Whole  # (n,), at least 1 each

    @property
    def starts(self) -> Whole:
        """Return (n,) where each text begins."""
        return np.cumsum(self.lengths) - self.lengths

    def padded(self, rows: Whole, pad: int) -> tuple[Whole, Whole]:
        """Return token numbers and attention mask, both (k, longest), of the texts at the indices `rows` (k,)."""
        lengths = self.lengths[rows]
        steps = np.arange(lengths.max(initial=1))
        there = steps < lengths[:, None]
        places = np.where(there, self.starts[rows][:, None] + steps, 0)
        return np.where(there, self.flat[places], pad), there.astype(np.int64)


class Tokens:
    """A tokenizer of the kind that `tokenizer.json` holds."""

    def __init__(self, document: str, longest: int, name: str = "tokenizer.json") -> None:
        """Read a tokenizer that keeps at most `longest` tokens of a text, special ones included.

        Raises:
            InputError: the document `name` is no tokenizer.
        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a process of ours has the threads it was given
        from tokenizers import Tokenizer

        try:
            self._tokenizer: Any = Tokenizer.from_str(document)
            self._tokenizer.enable_truncation(longest)
        except Exception as error:  # the library raises no narrower one
            raise InputError(f"{name} cannot be read as a tokenizer: {error}") from error
        self._tokenizer.no_padding()
        self._most = longest * CHARACTERS
        self.size = 1 + max(self._tokenizer.get_vocab().values(), default=0)  # above every token number

    def split(self, texts: Sequence[str], instead: int) -> Ragged:
        """Return the tokens of n texts; one that has none is the token `instead`."""
        cut = [text[: self._most] for text in texts]
        found: list[list[int]] = [coded.ids or [instead] for coded in self._tokenizer.encode_batch_fast(cut)]
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        return Ragged(np.fromiter(chain.from_iterable(found), np.int64, int(lengths.sum())), lengths)
