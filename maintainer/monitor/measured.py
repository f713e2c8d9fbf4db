"""What the daemon asks about a champion's quality, and what comes back; the answers lie in Parquet files."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from maintainer.domain.evidence import Change, Estimate, Metric, Reckoned
from maintainer.domain.sample import TaskKind, Window
from maintainer.monitor.exchange import Message


@dataclass(frozen=True, slots=True)
class Measured:
    """The quality on answered and labelled samples, what is estimated of it, and what could not be measured."""

    metrics: tuple[Metric, ...] = ()
    notes: tuple[str, ...] = ()
    window: Window | None = None  # of those samples
    estimates: tuple[Estimate, ...] = ()
    reckoned: tuple[Reckoned, ...] = ()
    changes: tuple[Change, ...] | None = None  # None: there are too few labels to tell
    realised: tuple[Metric | None, ...] = ()  # accuracy in each file of `QualityRequest.former`


class Estimating(Message):
    """The files that an estimate without labels is made from."""

    past: str  # labelled answers before the window
    current: str  # answers in the window
    window: Window


class QualityRequest(Message):
    """The files to measure; each has moment, label, answer and chances, oldest first."""

    task: TaskKind
    metrics: tuple[str, ...]
    classes: tuple[str, ...]  # in the order of the chances
    labelled: str | None  # labelled answers of the window; None: too few
    older: str | None = None  # labelled answers before it, since the champion was trained
    estimating: Estimating | None = None
    former: tuple[str, ...] = ()  # labelled answers of windows that an accuracy was estimated for


MEASURED = TypeAdapter(Measured)
