"""What the families that read a text know of it: the encoder of a version, and texts as tensors."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError
from torch import Tensor

from maintainer.errors import InputError
from maintainer.families.family import Encoder
from maintainer.families.weights import ENCODER, save_encoder
from maintainer.store.bases import CONFIG, TOKENIZER
from maintainer.tokens import Tokens


class TextEncoder(Encoder):
    """Everything between a text and the weights; `config` and `tokenizer` are files of their own in a version."""

    family: Literal["huggingface"] = "huggingface"  # pyright: ignore[reportIncompatibleVariableOverride]
    column: str
    pooled: bool  # a head of ours on the mean of the last states; else the network has a head of its own
    head: str  # name of the last Linear
    longest: int  # tokens of a text that are read
    pad: int  # the token that fills up
    config: dict[str, Any] = Field(exclude=True)  # of the network, as transformers writes it
    tokenizer: str = Field(exclude=True)  # the document that tokenizer.json holds
    origin: str | None = Field(default=None, exclude=True)  # the directory that new weights come from

    @property
    def sequential(self) -> bool:
        """Return whether its samples are sequences."""
        return True

    @property
    def features(self) -> dict[str, str]:
        """Return column -> its kind."""
        return {self.column: "text"}


def save(directory: Path, encoder: TextEncoder) -> None:
    """Write encoder.json, config.json and tokenizer.json."""
    save_encoder(directory, encoder)
    (directory / CONFIG).write_text(json.dumps(encoder.config, indent=1), encoding="utf-8")
    (directory / TOKENIZER).write_text(encoder.tokenizer, encoding="utf-8")


def load(directory: Path) -> TextEncoder:
    """Read what `save` wrote. Raises InputError where a file is absent or not what it should be."""
    try:
        told = json.loads((directory / ENCODER).read_bytes())
        config = json.loads((directory / CONFIG).read_bytes())
        document = (directory / TOKENIZER).read_text(encoding="utf-8")
        return TextEncoder.model_validate({**told, "config": config, "tokenizer": document})
    except (OSError, ValueError, TypeError, ValidationError) as error:
        raise InputError(f"the encoder of {directory.name} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Texts:
    """n texts as tokens; those at some of them share what all have."""

    flat: Tensor  # (all tokens,) int64
    starts: Tensor  # (n,) int64
    lengths: Tensor  # (n,) int64, at least 1
    pad: int
    states: States

    @property
    def size(self) -> int:
        """Return n."""
        return self.lengths.shape[0]

    def take(self, rows: Tensor) -> Texts:
        """Return the samples at the indices `rows`."""
        return replace(self, starts=self.starts[rows], lengths=self.lengths[rows])

    def whole(self) -> Texts:
        """Return all texts of which these are some."""
        return replace(self, starts=self.states.starts, lengths=self.states.lengths)

    def disturbed(self, generator: torch.Generator) -> Texts:
        """Return the samples as they are: dropout inside the network is what disturbs them."""
        del generator
        return self

    def places(self) -> tuple[Tensor, Tensor]:
        """Return (n, longest) where in `flat` each token lies, and which of them are there."""
        steps = torch.arange(int(self.lengths.max()) if self.size else 1)
        there = steps < self.lengths[:, None]
        return torch.where(there, self.starts[:, None] + steps, 0), there

    def padded(self) -> tuple[Tensor, Tensor]:
        """Return token numbers and attention mask, both (n, longest) int64."""
        places, there = self.places()
        return torch.where(there, self.flat[places], self.pad), there.long()


class States:
    """What the part of a network that holds still says of all texts, kept after it was asked once."""

    def __init__(self, starts: Tensor, lengths: Tensor) -> None:
        self.starts, self.lengths = starts, lengths  # of all texts
        self.owner: object = None  # whose states they are
        self.values: Tensor | None = None  # (all tokens, width)


def texts_of(encoder: TextEncoder, column: list[str]) -> Texts:
    """Return texts as tensors."""
    ragged = Tokens(encoder.tokenizer, encoder.longest).split(column, encoder.pad)
    starts, lengths = torch.from_numpy(ragged.starts), torch.from_numpy(ragged.lengths)
    return Texts(torch.from_numpy(ragged.flat), starts, lengths, encoder.pad, States(starts, lengths))
