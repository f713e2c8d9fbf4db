"""Labels that a model of the other samples does not believe: confident learning by cleanlab.

Northcutt et al. 2021, https://arxiv.org/abs/1911.00068. cleanlab and scikit-learn ship no types: this is their wrapper.
They take seconds to load, so this module is imported where a policy asks for it.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownParameterType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression

from maintainer.domain.phase import CareRow
from maintainer.families.table import Samples
from maintainer.train.care.cared import Cared, Part, learning, named, only
from maintainer.train.situation import Parts

FOLDS, BLOCKS = 5, 50  # time is cut into blocks, dealt out to folds in turn: neighbours in time are in one fold
FEWEST = 100  # samples under which no label is doubted
RARE = 20  # samples of a class under which its labels are not doubted: a class that is new is no error
TREES, LEAF, DRAW = 100, 5, 20_000  # of the forest: trees, least samples of a leaf, most samples of a tree
WORDS = 4  # words of a category, on average, from which on it is a text
BUCKETS = 2**14  # hashed words of a text


@dataclass(frozen=True, slots=True)
class Doubts:
    """Labels that are probably wrong, the least believed first."""

    rows: NDArray[np.int64]  # (k,)
    suggested: NDArray[np.object_]  # (k,)
    scores: NDArray[np.float64]  # (k,) probability of the given label, 0 to 1


def without_label_errors(parts: Parts, drop_share_at_most: float, seed: int) -> Cared:
    """Return the parts without the least believed labels; all that are doubted are listed.

    New and former samples are looked at apart: a new label that contradicts the past is what a concept drift looks
    like, and only the other new samples can call it wrong.
    """
    dropped = np.zeros(learning(parts).size, np.bool_)
    told: list[CareRow] = []
    notes: list[str] = []
    sections: tuple[tuple[Part, Samples, int], ...] = (("new", parts.new, 0), ("former", parts.former, parts.new.size))
    for part, samples, start in sections:
        if not samples.size:
            continue
        try:
            doubts = doubted(samples, seed)
        except ValueError as error:
            notes.append(f"label errors of {part} samples were not looked for: {error}")
            continue
        most = int(drop_share_at_most * samples.size)
        dropped[start + doubts.rows[:most]] = True
        told += _told(part, samples, doubts, most)
        if len(doubts.rows):
            notes.append(
                f"{len(doubts.rows)} of {samples.size} {part} labels are doubtful, {min(most, len(doubts.rows))} were "
                f"left out (at most {drop_share_at_most:.1%})"
            )
    return Cared(only(parts, ~dropped), tuple(told), tuple(notes))


def _told(part: Part, samples: Samples, doubts: Doubts, most: int) -> list[CareRow]:
    found = zip(doubts.rows.tolist(), doubts.suggested.tolist(), doubts.scores.tolist(), strict=True)
    return [
        CareRow(
            sample=named(samples, row),
            part=part,
            finding="label error",
            action="dropped" if rank < most else "kept",
            why="a model of the other samples does not believe the label",
            given=str(samples.labels[row]),
            suggested=suggested,
            score=round(score, 4),
        )
        for rank, (row, suggested, score) in enumerate(found)
    ]


def doubted(samples: Samples, seed: int) -> Doubts:
    """Return the labels that confident learning calls wrong.

    Raises ValueError where there are too few samples or classes to judge one by the others.
    """
    names, counts = np.unique(samples.labels, return_counts=True)
    common = names[counts >= RARE]
    rows = np.flatnonzero(np.isin(samples.labels, common))
    if len(rows) < FEWEST or len(common) < 2:
        raise ValueError(
            f"found {len(rows)} samples of {len(common)} classes with {RARE} or more, wanted at least {FEWEST} of 2"
        )
    labels = np.searchsorted(common, samples.labels[rows])
    chances = out_of_sample(samples.take(rows), labels, len(common), seed)
    scores = get_label_quality_scores(labels, chances, method="self_confidence")
    issues = find_label_issues(labels, chances, return_indices_ranked_by="self_confidence", n_jobs=1)
    issues = issues[chances[issues].argmax(axis=1) != labels[issues]]
    return Doubts(rows[issues], common[chances[issues].argmax(axis=1)].astype(object), scores[issues])


def out_of_sample(
    samples: Samples,
    labels: NDArray[np.int64],  # (n,) from 0
    classes: int,
    seed: int,
) -> NDArray[np.float64]:  # (n, classes)
    """Return the probabilities that a model of the other folds gives each sample; samples are in the order of time.

    Raises ValueError where the samples of the other folds are all of one class.
    """
    inputs, model = _model(samples, seed)
    folds = np.arange(samples.size) * BLOCKS // samples.size % FOLDS
    chances = np.zeros((samples.size, classes))
    for fold in range(FOLDS):
        others, own = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if len(np.unique(labels[others])) < 2:
            raise ValueError("found all other classes in one stretch of time, wanted some in every part of it")
        model.fit(inputs[others], labels[others])
        chances[np.ix_(own, model.classes_)] = model.predict_proba(inputs[own])
    return chances


def _model(samples: Samples, seed: int) -> tuple[Any, Any]:
    """Return the inputs and what learns from them: a forest; of texts a linear model of their words."""
    texts = [column for column in samples.categories.values() if _is_text(column)]
    if texts:
        joined = [" ".join(values) for values in zip(*texts, strict=True)]
        return HashingVectorizer(n_features=BUCKETS).transform(joined), LogisticRegression(max_iter=200)
    codes = [_by_frequency(column) for column in samples.categories.values()]
    limit = np.finfo(np.float32).max / 2
    numbers = [np.clip(column, -limit, limit) for column in samples.numbers.values()]
    draw = DRAW if samples.size * (1.0 - 1.0 / FOLDS) > DRAW + FOLDS else None
    forest = ExtraTreesClassifier(TREES, min_samples_leaf=LEAF, bootstrap=True, max_samples=draw, random_state=seed)
    return np.stack([*numbers, *codes], axis=1).astype(np.float32), forest


def _is_text(column: NDArray[np.object_]) -> bool:
    return len(column) > 0 and sum(len(value.split()) for value in column) / len(column) >= WORDS


def _by_frequency(column: NDArray[np.object_]) -> NDArray[np.float64]:
    _, codes, counts = np.unique(column, return_inverse=True, return_counts=True)
    ranks = np.empty(len(counts))
    ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return ranks[codes]
