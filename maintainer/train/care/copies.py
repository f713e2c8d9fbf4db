"""Copies among what is trained on, and of what judges."""
# scipy ships no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from maintainer.domain.phase import CareRow
from maintainer.families.labels import spread
from maintainer.families.table import Samples, join
from maintainer.train.care.cared import Cared, learning, named, only, place
from maintainer.train.care.shingles import shingled
from maintainer.train.situation import Parts

NEAR = 1e-3  # robust deviations that the numbers of near copies may differ by
APART = 1e9  # deviations beyond which all numbers are one
CHANCE = 0.05  # other samples that are like a sample by chance, from which on being alike says nothing
DIRECTIONS = 5  # columns by which near samples are looked up
CROWD = 5  # near samples of a sample on average, from which on being near says nothing
MOST = 0.5  # largest share of the samples that can be copies of others
Column = NDArray[Any]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Found:
    """Of each of n rows the earlier row that it is a copy of, and whether its features have other labels too."""

    original: Rows  # (n,) -1 for none
    near: NDArray[np.bool_]  # (n,) not equal to it, but near
    conflict: NDArray[np.bool_]  # (n,)
    notes: tuple[str, ...] = ()


def without_copies(parts: Parts, judging: Samples, classes: bool, texts: bool = False) -> Cared:
    """Return the parts without samples that are copies (features and label) of one that judges, or of an earlier one.

    Samples whose one column is a `text` are near copies as `shingles` says, those of a table by their numbers.

    Equal features with different labels are no copies of each other: they are listed, and all stay. Where so many
    samples are alike that chance alone explains it, or that more than half would go, none goes.
    """
    table = learning(parts)
    if not table.size:
        return Cared(parts)
    whole = join(judging, table)
    if (twins := _twins(whole)) > CHANCE:
        said = f"copies were not looked for: by chance alone {twins:.1f} other samples have the features of a sample"
        return Cared(parts, notes=(said,))
    found = _equal(whole, judging.size, classes)
    found = _near_texts(whole, judging.size, found, classes) if texts else _near(whole, judging.size, found, classes)
    copied = found.original[judging.size :] >= 0
    rows = _conflicts(parts, table, found.conflict[judging.size :])
    if copied.sum() > MOST * table.size:
        said = f"{copied.sum()} of {table.size} samples are alike: that is the nature of these columns, all were kept"
        return Cared(parts, rows, (*found.notes, said))
    return Cared(only(parts, ~copied), rows + _copies(parts, judging, whole, found), found.notes)


def _copies(parts: Parts, judging: Samples, whole: Samples, found: _Found) -> tuple[CareRow, ...]:
    told: list[CareRow] = []
    for row in np.flatnonzero(found.original[judging.size :] >= 0).tolist():
        original = int(found.original[judging.size + row])
        leak = original < judging.size
        alike = "nearly equal to" if found.near[judging.size + row] else "equal to"
        told.append(
            CareRow(
                sample=named(whole, judging.size + row),
                part=place(parts, row),
                finding="leak" if leak else "copy",
                action="dropped",
                why=f"{alike} {named(whole, original)}{', which judges' if leak else ''}",
            )
        )
    return tuple(sorted(told, key=lambda row: row.finding != "leak"))


def _conflicts(parts: Parts, table: Samples, conflict: NDArray[np.bool_]) -> tuple[CareRow, ...]:
    return tuple(
        CareRow(
            sample=named(table, row),
            part=place(parts, row),
            finding="conflict",
            action="kept",
            why="another sample has these features and another label",
            given=str(table.labels[row]),
        )
        for row in np.flatnonzero(conflict).tolist()
    )


def _equal(whole: Samples, judging: int, classes: bool) -> _Found:
    """Return the copies that are equal in every feature and in the label."""
    features = same(_columns(whole), whole.size)
    pairs = same([features, whole.labels], whole.size)
    first = np.unique(pairs, return_index=True)[1][pairs]
    conflict = np.zeros(whole.size, np.bool_)
    if classes:
        _, one = np.unique(pairs[judging:], return_index=True)
        labels = np.bincount(features[judging:][one], minlength=int(features.max()) + 1)
        conflict[judging:] = labels[features[judging:]] > 1
    rows = np.arange(whole.size)
    copied = (first != rows) & (rows >= judging) & ~conflict
    return _Found(np.where(copied, first, -1), np.zeros(whole.size, np.bool_), conflict)


def _near(whole: Samples, judging: int, found: _Found, classes: bool) -> _Found:
    """Add the copies whose texts differ only in case and white space, and whose numbers are NEAR, to equal ones."""
    left = np.flatnonzero(found.original < 0)
    points = _points(whole)[left]
    within = _within_one(points) if (twins := _near_twins(points)) <= CHANCE else None
    if within is None:
        said = f"near copies were not looked for: by chance alone {twins:.1f} other samples are near a sample, or more"
        return _Found(found.original, found.near, found.conflict, (said,))
    pairs = left[within]
    pairs = pairs[_labels_near(whole, pairs, classes) & (pairs[:, 1] >= judging)]
    return _joined(found, pairs, lambda older, younger: True)


def _near_texts(whole: Samples, judging: int, found: _Found, classes: bool) -> _Found:
    """Add the copies whose words are the same, or nearly so, to equal ones."""
    left = np.flatnonzero(found.original < 0)
    (column,) = whole.categories.values()
    labels = np.unique(whole.labels[left], return_inverse=True)[1] if classes else np.zeros(left.size, np.int64)
    held = shingled(column[left].tolist(), labels)
    pairs = left[held.pairs]
    wanted = _labels_near(whole, pairs, classes) & (pairs[:, 1] >= judging)
    row_of = {row: place for place, row in enumerate(left.tolist())}
    return _joined(found, pairs[wanted], lambda older, younger: held.alike(row_of[older], row_of[younger]))


def _joined(found: _Found, pairs: Rows, alike: Callable[[int, int], bool]) -> _Found:
    """Return what was found, and the later sample of each pair that is alike as a near copy of the earlier one."""
    original, near = found.original.copy(), found.near.copy()
    for older, younger in pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))].tolist():
        free = original[older] < 0 and original[younger] < 0 and not found.conflict[younger]
        if free and alike(older, younger):
            original[younger], near[younger] = older, True
    return _Found(original, near, found.conflict)


def _within_one(points: NDArray[np.float64]) -> Rows | None:  # (k, 2)
    """Return the pairs of points within 1 in every direction, the earlier first; None where most points are in many.

    A tree finds them in the few directions that tell most points apart: in all of many it would be no faster than every
    point against every other.
    """
    telling = np.argsort([-len(np.unique(np.rint(column))) for column in points.T], kind="stable")[:DIRECTIONS]
    tree = KDTree(points[:, telling])
    if int(tree.count_neighbors(tree, 1.0, p=np.inf)) > (1 + 2 * CROWD) * len(points):
        return None
    pairs = tree.query_pairs(1.0, p=np.inf, output_type="ndarray")
    return pairs[(np.abs(points[pairs[:, 0]] - points[pairs[:, 1]]) <= 1.0).all(axis=1)]


def _labels_near(whole: Samples, pairs: Rows, classes: bool) -> NDArray[np.bool_]:
    one, other = whole.labels[pairs[:, 0]], whole.labels[pairs[:, 1]]
    if classes:
        return np.asarray(one == other, np.bool_)
    return np.abs(one.astype(np.float64) - other.astype(np.float64)) <= NEAR * spread(whole.labels)[1]


def _columns(samples: Samples) -> list[Column]:
    return [*samples.numbers.values(), *samples.categories.values()]


def same(columns: list[Column], size: int) -> Rows:
    """Return (n,) numbers from 0 that are equal where all columns are; NaN equals NaN."""
    found = np.zeros(size, np.int64)
    for column in columns:
        values, codes = np.unique(column, return_inverse=True)
        found = np.unique(found * len(values) + codes, return_inverse=True)[1]
    return found


def _points(samples: Samples) -> NDArray[np.float64]:  # (n, 1 + numbers)
    """Return points that are within 1 in every direction where samples are near."""
    missing = [np.isnan(column) for column in samples.numbers.values()]
    loose = [
        np.array([" ".join(value.casefold().split()) for value in column], object)
        for column in samples.categories.values()
    ]
    scaled: list[Column] = [10.0 * same([*missing, *loose], samples.size)]
    for column in samples.numbers.values():
        middle, scale, _ = spread(column)
        with np.errstate(over="ignore"):
            deviations = np.clip(column / scale - middle / scale, -APART, APART)
        scaled.append(np.nan_to_num(deviations) / NEAR)
    return np.stack(scaled, axis=1).astype(np.float64)


def _twins(samples: Samples) -> float:
    """Return how many other samples would have the features of a sample if the columns were independent.

    Measured on different samples, so that copies do not excuse themselves.
    """
    columns = _columns(samples)
    distinct = np.unique(same(columns, samples.size), return_index=True)[1]
    if len(distinct) < 2:
        return 0.0
    alike = float(samples.size)
    for column in columns:
        counts = np.unique(column[distinct], return_counts=True)[1].astype(np.float64)
        alike *= float((counts * (counts - 1)).sum()) / (len(distinct) * (len(distinct) - 1))
    return alike


def _near_twins(points: NDArray[np.float64]) -> float:
    """Return how many other points would be within 1 of a point if the directions were independent."""
    near, others = float(len(points)), max(1, len(points) - 1)
    for column in np.sort(points, axis=0).T:
        reach = np.searchsorted(column, column + 1.0, "right") - np.searchsorted(column, column - 1.0, "left") - 1
        near *= float(reach.mean()) / others
    return near
