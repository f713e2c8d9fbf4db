"""The collected files of a run as samples that can be learned from, or in words why they cannot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.phase import PhaseSpec
from maintainer.domain.sample import TaskKind
from maintainer.families.table import Samples, join, read_samples
from maintainer.train.care import care
from maintainer.train.care.cared import Cared
from maintainer.train.situation import Parts

NEW_CLASS = 10  # labels from which on a class that the champion does not know is learned
FEWEST = 20  # labelled samples below which nothing is learned
TAIL = 0.15  # share of the newest samples that judge where the run has no validation part


@dataclass(frozen=True, slots=True)
class Gathered:
    """The parts, the classes they may be of, and what was left out."""

    parts: Parts
    classes: tuple[str, ...]
    notes: tuple[str, ...]  # what was dropped, with counts
    obstacle: str | None  # why nothing can be learned
    cared: Cared | None = None  # what was done to which sample, where the policy asks for care


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
        classes, added = _classes(new, known or spec.classes, spec.policy.task.classes, bootstrap=not spec.champion)
        if added:
            notes.append(f"new classes: {', '.join(added)}")
        parts = _only(parts, classes)
        if strangers := sorted(set(new.labels.tolist()) - set(classes)):
            left = new.size - parts.new.size
            notes.append(
                f"{left} new samples of classes seen less than {NEW_CLASS} times {strangers[:5]} were left out"
            )
    if not parts.judge_new.size:
        parts = _tail(parts)
        notes.append("there is no validation part: the newest samples judge")
    return _cared(spec, directory, Gathered(parts, classes, tuple(notes), None))


def _cared(spec: PhaseSpec, directory: Path, found: Gathered) -> Gathered:
    """Return the parts after the care of the policy; what is repeated or added makes few samples no more."""
    rules, task, seed = spec.policy.data, spec.policy.task, spec.policy.train.seed

    def judging() -> Samples:
        files = ("current_holdout", "reference_holdout")
        return join(*(read_samples(directory / f"{name}.parquet", task) for name in files))

    cared = care.clean(rules, found.parts, judging, task, seed) if care.asked(rules) else Cared(found.parts)
    obstacle = _obstacle(cared.parts, found.classes, bootstrap=not spec.champion)
    if obstacle is None and care.asked(rules):
        cared = care.enrich(rules, cared, seed)
    kept = cared if care.asked(rules) else None
    return Gathered(cared.parts, found.classes, (*found.notes, *cared.notes), obstacle, kept)


def _only(parts: Parts, classes: tuple[str, ...]) -> Parts:
    kept = frozenset(classes)
    new, former, judge_new, judge_former = (
        samples.take(np.fromiter((label in kept for label in samples.labels), np.bool_, samples.size))
        for samples in (parts.new, parts.former, parts.judge_new, parts.judge_former)
    )
    return Parts(new, former, judge_new, judge_former)


def _labelled(samples: Samples) -> NDArray[np.bool_]:
    if samples.labels.dtype == object:
        return samples.labels != ""
    return np.isfinite(samples.labels.astype(np.float64))


def _classes(
    new: Samples, known: tuple[str, ...], declared: tuple[str, ...], bootstrap: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return all classes, those that are known first, and which of them are new: declared, or seen often enough."""
    seen = Counter(str(label) for label in new.labels)
    often = [label for label, count in seen.items() if count >= (1 if bootstrap else NEW_CLASS)]
    if bootstrap:
        return known or declared or tuple(sorted(often)), ()
    added = tuple(sorted({*declared, *often} - set(known)))
    return known + added, added


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
