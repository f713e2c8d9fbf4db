"""Slices as the rows of a page: what each came to, and in a word whether that may be chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from maintainer.domain.metrics import RELATIVE
from maintainer.domain.phase import SliceMoved, Slices
from maintainer.report import words
from maintainer.report.quality import beyond_chance


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One slice and what its bounds say: better, worse, within chance, or that it is small."""

    slice: SliceMoved
    word: str


@dataclass(frozen=True, slots=True)
class SliceTable:
    """The slices of one holdout."""

    holdout: str
    metric: str
    relative: bool  # gains are shares of the former value
    rows: tuple[SliceRow, ...]
    rest: str  # what is not shown, in words; empty where all is


def slice_tables(found: Mapping[str, Slices], holdouts: Mapping[str, str]) -> list[SliceTable]:
    """Return the table of each holdout that has slices; `holdouts` gives its words."""
    return [
        SliceTable(
            holdout=holdouts.get(name, name),
            metric=slices.metric,
            relative=slices.metric in RELATIVE,
            rows=tuple(SliceRow(one, _word(one)) for one in slices.shown),
            rest=rest_words(slices),
        )
        for name, slices in sorted(found.items())
        if slices.shown
    ]


def _word(one: SliceMoved) -> str:
    if one.small:
        return "small"
    return "" if one.interval is None else beyond_chance(*one.interval)


def rest_words(slices: Slices) -> str:
    """Return how many slices are not shown; empty where all are."""
    if not slices.more:
        return ""
    small = f", {slices.more_small} of them small" if slices.more_small else ""
    return f"{words.plural(slices.more, 'slice')} more{small}"
