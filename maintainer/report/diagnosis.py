"""What the page of a check says of the kinds of drift beside those of single columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from maintainer.domain.evidence import DriftScore, Evidence
from maintainer.domain.kinds import TOGETHER_LEVEL, ColumnFault, Together

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Kinds(Generic[R]):
    """The rows of each section; a section without any is left out."""

    faults: tuple[ColumnFault, ...]
    together: tuple[Together, ...]
    said: tuple[str, ...]  # one sentence for each comparison
    labels: list[R]
    unseen: list[R]
    vocabulary: list[R]


def kinds_of(evidence: Evidence, ranked: list[DriftScore], row: Callable[[DriftScore], R]) -> Kinds[R]:
    """Return what is to be shown, scores in the given order and each made a row."""

    def of(kind: str) -> list[R]:
        return [row(score) for score in ranked if score.kind == kind]

    said = tuple(sentence(one) for one in evidence.together)
    return Kinds(evidence.faults, evidence.together, said, of("label"), of("unseen"), of("vocabulary"))


def sentence(one: Together) -> str:
    """Return what a comparison of whole rows says."""
    what = "rows" if one.evidence == "drift.multivariate" else "texts"
    if not one.drifted:
        chance = f"p {one.p:.2g} is above {TOGETHER_LEVEL:g}"
        return f"The {one.method} does not tell the {what} of the two windows apart: {chance}"
    names = [carrier.column for carrier in one.carriers[:3]]
    by = f", mostly by {', '.join(names)}" if names else ""
    return f"The {one.method} tells the {what} of the two windows apart{by}"
