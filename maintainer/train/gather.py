"""The collected files of a run as samples that can be learned from, or in words why they cannot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.phase import PhaseSpec
from maintainer.domain.sample import TaskKind
from maintainer.families.table import Samples, read_samples
from maintainer.train.situation import Parts

FEWEST = 20  # labelled samples below which nothing is learned
TAIL = 0.15  # share of the newest samples that judge where the run has no validation part


@dataclass(frozen=True, slots=True)
class Gathered:
    """The parts, the classes they may be of, and what was left out."""

    parts: Parts
    classes: tuple[str, ...]
    notes: tuple[str, ...]  # what was dropped, with counts
    obstacle: str | None  # why nothing can be learned


def gather(spec: PhaseSpec, directory: Path, known: tuple[str, ...]) -> Gathered:
    """Read a run's parts; `known` are the champion's classes, empty at bootstrap.

    Raises InputError where a file cannot be read.
    """
    files = ("train", "replay", "validation", "replay_validation")
    read = [read_samples(directory / f"{name}.parquet", spec.policy.task) for name in files]
    new, former, judge_new, judge_former = (samples.take(_labelled(samples)) for samples in read)
    notes = list[str]()
    if new.size < read[0].size:
        notes.append(f"{read[0].size - new.size} of {read[0].size} new samples have no usable label")
    parts, classes = Parts(new, former, judge_new, judge_former), ()
    if spec.policy.task.of is TaskKind.CLASSIFICATION:
        classes = known or spec.classes or spec.policy.task.classes or _classes(new)
        parts = _only(parts, classes)
        if strangers := sorted(set(new.labels.tolist()) - set(classes)):
            notes.append(f"{new.size - parts.new.size} new samples of unknown classes {strangers[:5]} were left out")
    if not parts.judge_new.size:
        parts = _tail(parts)
        notes.append("there is no validation part: the newest samples judge")
    return Gathered(parts, classes, tuple(notes), _obstacle(parts, classes, bootstrap=not spec.champion))


def _only(parts: Parts, classes: tuple[str, ...]) -> Parts:
    new, former, judge_new, judge_former = (
        samples.take(np.isin(samples.labels.astype(str), classes))
        for samples in (parts.new, parts.former, parts.judge_new, parts.judge_former)
    )
    return Parts(new, former, judge_new, judge_former)


def _labelled(samples: Samples) -> NDArray[np.bool_]:
    if samples.labels.dtype == object:
        return samples.labels != ""
    return np.isfinite(samples.labels.astype(np.float64))


def _classes(samples: Samples) -> tuple[str, ...]:
    return tuple(sorted(set(samples.labels.tolist())))


def _tail(parts: Parts) -> Parts:
    rows, cut = np.arange(parts.new.size), parts.new.size - int(parts.new.size * TAIL)
    return replace(parts, new=parts.new.take(rows[:cut]), judge_new=parts.new.take(rows[cut:]))


def _obstacle(parts: Parts, classes: tuple[str, ...], bootstrap: bool) -> str | None:
    if parts.new.size < FEWEST:
        return f"{parts.new.size} labelled samples to learn from, at least {FEWEST} are needed"
    if not parts.judge_new.size:
        return "no labelled sample to judge by"
    if not bootstrap or not classes:
        return None
    seen = sorted(set(parts.new.labels.tolist()))
    return f"all {parts.new.size} labels are '{seen[0]}': there is nothing to tell apart" if len(seen) < 2 else None
