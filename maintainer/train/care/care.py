"""All the care a policy asks for, in its order: copies, labels, outliers; then balance and augmentation."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from maintainer.domain.phase import Care, CareRow
from maintainer.domain.policy import Data, Task
from maintainer.domain.sample import TaskKind
from maintainer.domain.training import OF_TEXTS
from maintainer.families.table import Samples, join
from maintainer.train.care.augment import augmented, unchanged
from maintainer.train.care.balance import balanced
from maintainer.train.care.cared import Cared, counts
from maintainer.train.care.copies import without_copies
from maintainer.train.care.outliers import without_outliers
from maintainer.train.situation import Parts

FILE = "care.csv"
SHOWN = 20  # samples of each finding that stand in the result itself


def clean(rules: Data, parts: Parts, judging: Callable[[], Samples], task: Task, seed: int) -> Cared:
    """Return the parts without what the policy leaves out; `judging` reads the holdouts, which no care may change."""
    cared = Cared(parts)
    if rules.deduplicate:
        judges = join(join(judging(), parts.judge_new), parts.judge_former)
        cared = cared.then(without_copies(parts, judges, task.of is TaskKind.CLASSIFICATION, task.reads_text))
    if rules.label_errors is not None:
        from maintainer.train.care.doubt import without_label_errors  # cleanlab takes seconds to load

        cared = cared.then(without_label_errors(cared.parts, rules.label_errors.drop_share_at_most, seed))
    if rules.outliers != "keep":
        cared = cared.then(without_outliers(cared.parts, rules.outliers))
    return cared


def enrich(rules: Data, cared: Cared, seed: int) -> Cared:
    """Return the parts balanced, and new samples with changed copies beside them."""
    if rules.balance in ("oversample", "undersample"):
        cared = cared.then(balanced(cared.parts, rules.balance, np.random.default_rng(seed)))
    if rules.augment:
        new = augmented(cared.parts.new, rules.augment, seed)
        said = f"{new.size - cared.parts.new.size} changed copies were added ({', '.join(rules.augment)})"
        if set(rules.augment) & set(OF_TEXTS):
            said += f"; {unchanged(cared.parts.new, new)} of them have the words of their sample as they were"
        cared = cared.then(Cared(replace(cared.parts, new=new), notes=(said,)))
    return cared


def asked(rules: Data) -> bool:
    """Return whether a policy asks for any care of samples."""
    return (
        rules.deduplicate
        or rules.label_errors is not None
        or rules.outliers != "keep"
        or bool(rules.augment)
        or (rules.balance in ("oversample", "undersample"))
    )


def told(cared: Cared) -> Care:
    """Return what was done: counts, and the first samples of each finding."""
    seen, shown = Counter[str](), list[CareRow]()
    for row in cared.rows:
        seen[row.finding] += 1
        if seen[row.finding] <= SHOWN:
            shown.append(row)
    return Care(counts=counts(cared.rows), shown=tuple(shown), notes=cared.notes, file=FILE if cared.rows else None)


def write(rows: tuple[CareRow, ...], directory: Path) -> None:
    """Write every sample that was touched as CSV; no file where there is none."""
    if not rows:
        return
    with (directory / FILE).open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, tuple(CareRow.model_fields))
        table.writeheader()
        table.writerows(row.model_dump() for row in rows)
