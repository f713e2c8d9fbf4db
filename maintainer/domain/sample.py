"""Samples, labels and the windows and schema they are read by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import floor
from string import ascii_lowercase, ascii_uppercase


class ColumnKind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    CATEGORY = "category"
    TEXT = "text"  # kept as text; what is compared over time are its lengths


class TaskKind(StrEnum):
    """What a model answers, whatever it sees; `TaskKind("tabular-regression")` is REGRESSION."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"

    @classmethod
    def _missing_(cls, value: object) -> TaskKind | None:
        return next((kind for kind in cls if str(value).endswith(f"-{kind}")), None)


@dataclass(frozen=True, slots=True)
class Column:
    """One feature and the contract its values must keep."""

    name: str
    kind: ColumnKind
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()  # the categories that are known; empty: whatever comes
    unknown_allowed: bool = True
    missing_allowed: bool = True


LENGTHS = ("characters", "words")  # of a text, the number columns that stand for it where columns are compared


def lengths_of(name: str) -> tuple[str, ...]:
    """Return the names of the number columns that stand for a text column: `body.characters`, `body.words`."""
    return tuple(f"{name}.{length}" for length in LENGTHS)


@dataclass(frozen=True, slots=True)
class Schema:
    """The typed columns of one model's samples, in their fixed order."""

    model: str
    task: TaskKind
    features: tuple[Column, ...]
    label: str
    classes: tuple[str, ...] = ()  # empty: learned at bootstrap
    id: str | None = None
    time: str | None = None
    prediction: str = "prediction"

    @property
    def compared(self) -> tuple[Column, ...]:
        """Return the columns that drift is looked for in: the features, of a text its lengths."""
        return tuple(
            each
            for c in self.features
            for each in (
                [Column(name, ColumnKind.NUMBER) for name in lengths_of(c.name)] if c.kind is ColumnKind.TEXT else [c]
            )
        )

    @property
    def numbers(self) -> tuple[str, ...]:
        """Return the names of the number features."""
        return tuple(c.name for c in self.features if c.kind is ColumnKind.NUMBER)

    @property
    def categories(self) -> tuple[str, ...]:
        """Return the names of the category features."""
        return tuple(c.name for c in self.features if c.kind is ColumnKind.CATEGORY)

    @property
    def answer_kind(self) -> ColumnKind:
        """Return the kind of the label and of the prediction."""
        return ColumnKind.CATEGORY if self.task is TaskKind.CLASSIFICATION else ColumnKind.NUMBER


FOLD = str.maketrans(ascii_uppercase, ascii_lowercase)


def folded(name: str) -> str:
    """Return a column's name as the store tells names apart: A and a are one letter, Ä and ä are two."""
    return name.translate(FOLD)


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of event time [start, end); both ends are aware UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"a window needs aware times, found {self.start!r} and {self.end!r}")
        if self.end < self.start:
            raise ValueError(f"a window must not end before it starts: {self.start} > {self.end}")

    @property
    def length(self) -> timedelta:
        """Return the time between the ends."""
        return self.end - self.start

    @classmethod
    def before(cls, end: datetime, length: timedelta) -> Window:
        """Return the window of this length that ends (exclusively) at `end`."""
        return cls(end - length, end)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Part(StrEnum):
    """What a labelled sample may be used for; a sample has the same part for ever."""

    TRAIN = "train"
    VALIDATION = "validation"
    HOLDOUT = "holdout"


GOLDEN = 0.6180339887498949
BLOCKS_AT_LEAST = 20  # occupied time blocks under which a split by time would be too coarse
LADDER = tuple(timedelta(seconds=s) for s in (1, 10, 60, 300, 900, 3600, 21_600, 86_400, 604_800, 2_419_200))


def block_for(span: timedelta, later: timedelta) -> timedelta:
    """Return the longest block, from a fixed ladder, of which a span has at least a hundred.

    `later` is what a later run learns from; it has at least BLOCKS_AT_LEAST, so that each part gets some of it.
    """
    fitting = [step for step in LADDER if step * 100 <= span and step * BLOCKS_AT_LEAST <= later]
    return fitting[-1] if fitting else LADDER[0]


def group_key(value: str) -> int:
    """Return the 64-bit hash of a group, as the store computes it: the lower half of the MD5."""
    return int.from_bytes(hashlib.md5(value.encode(), usedforsecurity=False).digest()[8:], "little")


@dataclass(frozen=True, slots=True)
class Split:
    """The part of a sample as a pure function of what it is from the start: its event time, its id, its features.

    Time is cut into blocks of equal length; block k is held out when frac(k * golden ratio) falls in the
    share of that part. The sequence is equidistributed (Weyl 1916), so a few blocks already have the right
    shares; nothing is remembered, so no sample can be trained on in one run and judge in another. Where time does
    not spread the samples over enough blocks (`block` is None) the uniform hash of the sample's id takes its place.
    With `group`, which names a category, it is the hash of that value: a group lies in one part, whole. A sample
    without the value is a group of its own.
    """

    block: timedelta | None
    validation: float
    holdout: float
    group: str | None = None

    def part(self, moment: datetime, key: int, group: str = "") -> Part:
        """Return the part of a sample with this event time (aware), this 64-bit hash of its id, and this group."""
        place = (group_key(group) if self.group is not None and group else key) / 2.0**64
        if self.block is not None:
            product = ((moment - EPOCH) // self.block) * GOLDEN
            place = product - floor(product)
        if place < self.holdout:
            return Part.HOLDOUT
        return Part.VALIDATION if place < self.holdout + self.validation else Part.TRAIN
