"""What care gives back: the parts, and what was done to which sample."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.phase import CareCount, CareRow
from maintainer.families.table import Samples, join
from maintainer.train.situation import Parts

Part = Literal["new", "former"]


@dataclass(frozen=True, slots=True)
class Cared:
    """The parts after care, what was found sample by sample, and what there is to say of it."""

    parts: Parts
    rows: tuple[CareRow, ...] = ()
    notes: tuple[str, ...] = ()

    def then(self, more: Cared) -> Cared:
        """Return the outcome of a later care, with what was found before it."""
        return Cared(more.parts, self.rows + more.rows, self.notes + more.notes)


def counts(rows: tuple[CareRow, ...]) -> tuple[CareCount, ...]:
    """Return how many samples met each finding and action, in the order they were found."""
    found = Counter((row.finding, row.action) for row in rows)
    return tuple(CareCount(finding=kind, action=action, rows=size) for (kind, action), size in found.items())


def named(samples: Samples, row: int) -> str:
    """Return the id of a sample, or its place where the file has no ids."""
    return f"row {row}" if samples.ids is None else str(samples.ids[row])


def learning(parts: Parts) -> Samples:
    """Return what is learned from: new samples, then former ones."""
    return join(parts.new, parts.former)


def place(parts: Parts, row: int) -> Part:
    """Return the part of a row of `learning(parts)`."""
    return "new" if row < parts.new.size else "former"


def only(parts: Parts, kept: NDArray[np.bool_]) -> Parts:
    """Return the parts with those rows of `learning(parts)` that are kept, (n,)."""
    new, former = kept[: parts.new.size], kept[parts.new.size :]
    return replace(parts, new=parts.new.take(new), former=parts.former.take(former))
