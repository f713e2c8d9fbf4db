"""What kinds of drift there are, and what a check found of each beside the scores of single columns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

TOGETHER_LEVEL = 0.01  # chance at most that columns that have not moved together are taken for moved


class DriftKind(StrEnum):
    """What has changed, as far as the evidence tells."""

    NONE = "none"
    COVARIATE = "covariate"  # the inputs: p(x), and not what follows from them
    PRIOR = "prior"  # the classes' shares: p(y), and with them the inputs
    CONCEPT = "concept"  # the relation of input to label: p(y|x)
    DATA_FAULT = "data fault"  # nothing in the world: what delivers the data is broken


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The kind of drift of one check, and the evidence for it in words."""

    kind: DriftKind
    sentence: str


@dataclass(frozen=True, slots=True)
class ColumnFault:
    """A column that looks broken where it comes from."""

    column: str
    kind: Literal["missing", "stuck", "renamed", "unit"]
    sentence: str
    value: str | None = None  # renamed: the category that has vanished


@dataclass(frozen=True, slots=True)
class Carrier:
    """A column that takes part in what has moved."""

    column: str
    share: float  # of all that is lost when one column after the other is shuffled


@dataclass(frozen=True, slots=True)
class Together:
    """A comparison of whole rows: of all columns of a table, or of a network's states of texts."""

    evidence: Literal["drift.multivariate", "drift.embedding"]
    method: str
    score: float  # 0: alike, 1: told apart without fail
    p: float  # chance of such a score where nothing has moved
    rows: tuple[int, int]  # compared, of the reference and now
    carriers: tuple[Carrier, ...] = ()  # the largest first; none where nothing has moved

    @property
    def drifted(self) -> bool:
        """Return whether this is more than chance."""
        return self.p <= TOGETHER_LEVEL

    @property
    def value(self) -> float:
        """Return the evidence: the score, 0 where chance may have made it."""
        return self.score if self.drifted else 0.0


@dataclass(frozen=True, slots=True)
class Novelty:
    """How many rows hold a value that the reference has never shown."""

    reference_rows: int  # with a value
    singles: int  # values that the reference has shown once
    rows: int  # of the current window with a value
    unseen: int
    example: str | None = None  # the most frequent of the new values
