"""The worker's side of quality: files of answers to figures, an estimate, and the changes of the error."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
# pyarrow ships no types.

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maintainer.domain.evidence import Change, Estimate, Metric
from maintainer.domain.sample import TaskKind
from maintainer.monitor.estimate import LEAST, Past, expect
from maintainer.monitor.measured import Estimating, Measured, QualityRequest
from maintainer.monitor.quality import Answered, quality, share_of
from maintainer.monitor.stream import STEP, changes


@dataclass(frozen=True)
class File:
    """The rows of a file, oldest first."""

    moments: NDArray[np.datetime64]  # (n,)
    answered: Answered
    confidence: NDArray[np.float64]  # (n,) NaN where no probabilities are kept


def measure(request: QualityRequest) -> Measured:
    """Return all that is asked for."""
    found = Measured()
    if request.labelled is not None:
        now = read(request.labelled, request.classes)
        found = quality(request.task, request.metrics, now.answered)
        older = [] if request.older is None else [read(request.older, request.classes)]
        found = replace(found, changes=changes_of(request.task, [*older, now]))
    if request.estimating is not None:
        estimates, notes = estimated(request.estimating, request.classes)
        found = replace(found, estimates=estimates, notes=(*found.notes, *notes))
    return replace(found, realised=tuple(realised(path, request.classes) for path in request.former))


def read(path: str, classes: tuple[str, ...]) -> File:
    """Read a file of answers."""
    table = pq.read_table(path)
    moments = table["moment"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")
    labels, answers = (table[name].to_numpy() for name in ("label", "answer"))
    chances = _chances(table["chances"], len(classes))
    confidence = np.full(len(table), np.nan) if not classes else chances.max(axis=1)
    return File(moments, Answered(labels, answers, chances if classes else None, classes), confidence)


def _chances(column: Any, c: int) -> NDArray[np.float64]:
    """Return (n, c) probabilities, NaN in the rows that have none, or not of c classes."""
    column = column.combine_chunks()
    found = np.full((len(column), c), np.nan)
    sizes = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    whole = sizes == c
    if c and whole.any():
        found[whole] = column.filter(pa.array(whole)).flatten().to_numpy(zero_copy_only=False).reshape(-1, c)
    return found


def changes_of(task: TaskKind, files: list[File]) -> tuple[Change, ...] | None:
    """Return when the error changed in files that follow one another; None with too few labels to tell.

    Of numbers an error is one above the median of all: the order of such errors is as likely as any other while nothing
    changes, whatever they are distributed like.
    """
    moments = np.concatenate([file.moments for file in files])
    sizes = np.concatenate([_errors(task, file.answered) for file in files])
    known = np.isfinite(sizes)
    moments, sizes = moments[known], sizes[known]
    if sizes.size < 2 * STEP:
        return None
    regression = task is TaskKind.REGRESSION
    cuts = changes(sizes > np.median(sizes) if regression else sizes > 0)
    level = np.median if regression else np.mean
    edges = [0, *(cut.place for cut in cuts), sizes.size]
    return tuple(
        Change(
            at=_moment(moments[cut.place]),
            noticed=_moment(moments[cut.noticed - 1]),
            before=float(level(sizes[start : cut.place])),
            after=float(level(sizes[cut.place : end])),
            n_before=cut.place - start,
            n_after=end - cut.place,
        )
        for cut, start, end in zip(cuts, edges[: len(cuts)], edges[2:], strict=True)
    )


def _errors(task: TaskKind, answered: Answered) -> NDArray[np.float64]:
    """Return (n,) errors: 0 or 1 of classes, absolute ones of numbers."""
    if task is TaskKind.REGRESSION:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.abs(answered.labels.astype(np.float64) - answered.answers.astype(np.float64))
    return (answered.labels.astype(str) != answered.answers.astype(str)).astype(np.float64)


def _moment(value: np.datetime64) -> datetime:
    found: datetime = value.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)


def estimated(asked: Estimating, classes: tuple[str, ...]) -> tuple[tuple[Estimate, ...], tuple[str, ...]]:
    """Return the accuracy to expect in a window, or a note why it is not known."""
    past, now = read(asked.past, classes), read(asked.current, classes)
    known = np.isfinite(past.confidence)
    confidence = now.confidence[np.isfinite(now.confidence)]
    labelled, n = int(known.sum()), confidence.size
    for found, what in ((labelled, "labelled answers before the window"), (n, "answers in the window")):
        if found < LEAST:
            return (), (f"accuracy not estimated: {found} {what} have probabilities, {LEAST} wanted",)
    right = past.answered.labels[known].astype(str) == past.answered.answers[known].astype(str)
    told = expect(Past(past.confidence[known], right), confidence)
    return (Estimate("accuracy", told.value, told.lower, told.upper, n, labelled, asked.window),), ()


def realised(path: str, classes: tuple[str, ...]) -> Metric | None:
    """Return the accuracy of labelled answers; None where there are none."""
    answered = read(path, classes).answered
    if not answered.labels.size:
        return None
    return share_of("accuracy", answered.labels.astype(str) == answered.answers.astype(str))
