"""How a table becomes the tensors of `tabular-mlp`: plain numbers in a JSON file, no framework."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from maintainer.domain.sample import TaskKind
from maintainer.families.table import Samples

CLIP = 8.0  # deviations from the mean beyond which a number says no more
TRIM = 0.001  # share of either tail that may not move a mean or a deviation
UNKNOWN, MISSING, FIRST = 0, 1, 2  # codes of a category; the vocabulary follows
VOCABULARY = 1000  # most categories of one column with a code of their own


class Frozen(BaseModel):
    """A closed, immutable document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NumberCode(Frozen):
    """A number becomes clip((x - mean) / scale) and an indicator of being missing."""

    name: str
    mean: float
    scale: float
    constant: bool  # it did not vary in what the encoder has seen: its scale is not known yet


class CategoryCode(Frozen):
    """A category becomes a code: 0 unknown, 1 missing, then its place in the vocabulary + 2."""

    name: str
    vocabulary: tuple[str, ...]
    width: int  # of its embedding; stays when the vocabulary grows

    @property
    def codes(self) -> int:
        """Return the number of codes: rows of the embedding."""
        return FIRST + len(self.vocabulary)


class Encoder(Frozen):
    """Everything between a row and the weights; the same for every alpha of a frontier."""

    family: Literal["tabular-mlp"] = "tabular-mlp"
    task: TaskKind
    numbers: tuple[NumberCode, ...]
    categories: tuple[CategoryCode, ...]
    classes: tuple[str, ...]  # empty for regression
    target_mean: float = 0.0  # regression is trained on (label - mean) / scale
    target_scale: float = 1.0
    hidden: tuple[int, ...] = (128, 128)

    @property
    def outputs(self) -> int:
        """Return the width of the last layer."""
        return len(self.classes) if self.task is TaskKind.CLASSIFICATION else 1


@dataclass(frozen=True, slots=True)
class Coded:
    """n samples as a family's module takes them."""

    codes: NDArray[np.int64]  # (n, categories)
    numbers: NDArray[np.float32]  # (n, 2 k): k standardised numbers, then k missing indicators
    targets: NDArray[np.int64] | NDArray[np.float32]  # (n,) class indices, or standardised labels


def fit(task: TaskKind, samples: Samples, classes: tuple[str, ...]) -> Encoder:
    """Return the encoder of samples whose labels are all there."""
    mean, scale, _ = _spread(samples.labels.astype(np.float64)) if task is TaskKind.REGRESSION else (0.0, 1.0, True)
    return Encoder(
        task=task,
        numbers=tuple(_number(name, column) for name, column in samples.numbers.items()),
        categories=tuple(_category(name, column) for name, column in samples.categories.items()),
        classes=classes,
        target_mean=mean,
        target_scale=scale,
    )


def _number(name: str, column: NDArray[np.float64]) -> NumberCode:
    mean, scale, constant = _spread(column)
    return NumberCode(name=name, mean=mean, scale=scale, constant=constant)


def _spread(column: NDArray[np.float64]) -> tuple[float, float, bool]:
    """Return mean, deviation and whether the column is constant, of its finite values without the outermost.

    The tails beyond TRIM are pulled in first (winsorised), so that one wild value cannot flatten the others.
    """
    finite = np.sort(column[np.isfinite(column)])
    if finite.size == 0:
        return 0.0, 1.0, True
    last = finite.size - 1
    cut = int(np.ceil(last * TRIM)) if last > 1 else 0
    for values in (np.clip(finite, finite[cut], finite[last - cut]), finite):
        unit = max(float(np.abs(values).max()), np.finfo(np.float64).tiny)  # squares of 1e300 stay finite
        mean, scale = float((values / unit).mean()) * unit, float((values / unit).std()) * unit
        if scale > 1e-9 * unit and scale > 1e-300:
            return mean, scale, False
    return float(finite[last // 2]), 1.0, True


def _category(name: str, column: NDArray[np.object_]) -> CategoryCode:
    vocabulary = _frequent(column, VOCABULARY)
    width = min(16, 2 + round(1.6 * len(vocabulary) ** 0.56))  # the rule of thumb of fastai's tabular models
    return CategoryCode(name=name, vocabulary=vocabulary, width=width)


def _frequent(column: NDArray[np.object_], most: int) -> tuple[str, ...]:
    """Return the categories that were seen at least twice, the most frequent of them, sorted."""
    values, counts = np.unique(column.astype(str), return_counts=True)
    keep = (counts >= 2) & (values != "")
    order = np.lexsort((values[keep], -counts[keep]))[: max(most, 0)]
    return tuple(sorted(str(value) for value in values[keep][order]))


def grow(encoder: Encoder, samples: Samples) -> Encoder:
    """Return the encoder with a code for each category, and a scale for each number, that is new in `samples`.

    The codes there were keep their place. A column that was constant keeps its mean and gets a scale as soon as it
    moves: former samples are coded as before. `tabular_mlp.grow` fits the weights to it.
    """
    return encoder.model_copy(
        update={
            "numbers": tuple(_wake(code, samples.numbers[code.name]) for code in encoder.numbers),
            "categories": tuple(_extend(code, samples.categories[code.name]) for code in encoder.categories),
        }
    )


def _wake(code: NumberCode, column: NDArray[np.float64]) -> NumberCode:
    mean, scale, constant = _spread(column)
    if not code.constant or constant:
        return code
    return code.model_copy(update={"scale": max(scale, abs(mean - code.mean) / 2), "constant": False})


def _extend(code: CategoryCode, column: NDArray[np.object_]) -> CategoryCode:
    known = np.isin(column.astype(str), code.vocabulary)
    new = _frequent(column[~known], VOCABULARY - len(code.vocabulary))
    return code.model_copy(update={"vocabulary": code.vocabulary + new})


def encode(encoder: Encoder, samples: Samples) -> Coded:
    """Return the tensors of samples; a label that is no class of the encoder has the target -1."""
    codes = np.zeros((samples.size, len(encoder.categories)), np.int64)
    for place, code in enumerate(encoder.categories):
        codes[:, place] = _look_up(code.vocabulary, samples.categories[code.name])
    return Coded(codes, _standardise(encoder, samples), _targets(encoder, samples))


def _look_up(vocabulary: tuple[str, ...], column: NDArray[np.object_]) -> NDArray[np.int64]:
    places = {value: FIRST + place for place, value in enumerate(vocabulary)} | {"": MISSING}
    return _each(column, lambda value: places.get(value, UNKNOWN))


def _each(column: NDArray[np.object_], place: Callable[[str], int]) -> NDArray[np.int64]:
    return np.fromiter((place(str(value)) for value in column), np.int64, count=len(column))


def _standardise(encoder: Encoder, samples: Samples) -> NDArray[np.float32]:
    k = len(encoder.numbers)
    out = np.zeros((samples.size, 2 * k), np.float32)
    for place, code in enumerate(encoder.numbers):
        column = samples.numbers[code.name]
        missing = np.isnan(column)
        with np.errstate(over="ignore"):
            deviations = np.clip((column - code.mean) / code.scale, -CLIP, CLIP)
        out[:, place] = np.where(missing, 0.0, deviations)
        out[:, k + place] = missing
    return out


def _targets(encoder: Encoder, samples: Samples) -> NDArray[np.int64] | NDArray[np.float32]:
    if encoder.task is TaskKind.REGRESSION:
        labels = samples.labels.astype(np.float64)
        return ((labels - encoder.target_mean) / encoder.target_scale).astype(np.float32)
    places = {value: place for place, value in enumerate(encoder.classes)}
    return _each(samples.labels.astype(object), lambda value: places.get(value, -1))
