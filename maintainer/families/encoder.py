"""How a table becomes the tensors of its families: plain numbers in a JSON file, no framework."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.sample import TaskKind
from maintainer.families.family import Encoder, Frozen
from maintainer.families.labels import spread
from maintainer.families.table import Samples

LINEAR = 4.0  # scales from the middle up to which a number counts as it is; beyond, its logarithm
MOST = 16.0  # where that ends: some hundred thousand scales from the middle say no more than that
UNKNOWN, MISSING, FIRST = 0, 1, 2  # codes of a category; the vocabulary follows
VOCABULARY = 1000  # most categories of one column with a code of their own
STEPS = 24  # of the ramps that say where in its distribution a number lies
HEIGHT = 0.3  # of a ramp, from -HEIGHT / 2 to HEIGHT / 2: all of them together weigh as much as the deviation
WILD = 1e150  # beyond it a number has no part in where the ramps lie
STRANGE = 0.05  # share of new numbers outside all ramps that asks for more of them
MOST_STEPS = 4 * STEPS  # of one column


class NumberCode(Frozen):
    """A number becomes its squashed deviation, an indicator of being missing, and ramps.

    Deviation: (x - middle) / scale, of which everything beyond LINEAR counts by its logarithm. Ramp t is
    (x - knots[t]) / (knots[t + 1] - knots[t]) held to 0..1 (piecewise-linear encoding, Gorishniy et al. 2022,
    https://arxiv.org/abs/2203.05556), HEIGHT high: each part of the distribution has its own weights. Ramps of the
    first fit lie around zero; later ones are zero at the middle, so that former samples know nothing of them and no
    former answer moves while their weights are learned.
    """

    name: str
    middle: float
    scale: float
    constant: bool  # it did not vary in what the encoder has seen: its scale is not known yet
    missing: bool  # it was missing at times in what the encoder has seen
    knots: tuple[tuple[float, ...], ...] = ()  # one rising sequence for each part that was learned at a time
    later: int = 0  # how many of the parts, the last ones, came after the first fit

    @property
    def ramps(self) -> int:
        """Return how many ramps there are."""
        return sum(len(part) - 1 for part in self.knots)

    @property
    def spans(self) -> list[tuple[float, float, float]]:
        """Return where each ramp begins and ends, and how far up it (0..1) its code is zero."""
        first, found = len(self.knots) - self.later, list[tuple[float, float, float]]()
        for place, part in enumerate(self.knots):
            for low, high in pairwise(part):
                found.append(
                    (low, high, 0.5 if place < first else min(max((self.middle - low) / (high - low), 0.0), 1.0))
                )
        return found


class CategoryCode(Frozen):
    """A category becomes a code: 0 unknown, 1 missing, then its place in the vocabulary + 2."""

    name: str
    vocabulary: tuple[str, ...]
    width: int  # of its embedding; stays when the vocabulary grows

    @property
    def codes(self) -> int:
        """Return the number of codes: rows of the embedding."""
        return FIRST + len(self.vocabulary)


class TableEncoder(Encoder):
    """What the encoders of the families that take a table have in common."""

    family: str = "table"
    numbers: tuple[NumberCode, ...]
    categories: tuple[CategoryCode, ...]

    @property
    def features(self) -> dict[str, str]:
        """Return column -> its kind."""
        return {code.name: "number" for code in self.numbers} | {code.name: "category" for code in self.categories}

    @property
    def width(self) -> int:
        """Return how many numbers a row's numbers become."""
        return 2 * len(self.numbers) + sum(code.ramps for code in self.numbers)

    @property
    def places(self) -> tuple[tuple[int, ...], ...]:
        """Return where, for each number column, its deviation, its indicator and its ramps lie among `width`."""
        found, start = list[tuple[int, ...]](), 2 * len(self.numbers)
        for place, code in enumerate(self.numbers):
            found.append((place, len(self.numbers) + place, *range(start, start + code.ramps)))
            start += code.ramps
        return tuple(found)


E = TypeVar("E", bound=TableEncoder)


@dataclass(frozen=True, slots=True)
class Coded:
    """n samples as a family's module takes them."""

    codes: NDArray[np.int64]  # (n, categories)
    numbers: NDArray[np.float32]  # (n, width): k deviations, k missing indicators, then the ramps column by column


def fit(kind: type[E], task: TaskKind, samples: Samples, classes: tuple[str, ...]) -> E:
    """Return the encoder, one of a family's own kind, of samples whose labels are all there."""
    mean, scale, _ = spread(samples.labels.astype(np.float64)) if task is TaskKind.REGRESSION else (0.0, 1.0, True)
    return kind(
        task=task,
        numbers=tuple(_number(name, column) for name, column in samples.numbers.items()),
        categories=tuple(_category(name, column) for name, column in samples.categories.items()),
        classes=classes,
        target_mean=mean,
        target_scale=scale,
    )


def _number(name: str, column: NDArray[np.float64]) -> NumberCode:
    middle, scale, constant = spread(column)
    missing = bool(np.isnan(column).any())
    knots = () if constant else _knots(column[np.abs(column) < WILD])
    return NumberCode(
        name=name, middle=middle, scale=scale, constant=constant, missing=missing, knots=(knots,) if knots else ()
    )


def _knots(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Return rising quantiles that cut the values into STEPS parts or fewer; none where they do not rise."""
    if values.size < 2:
        return ()
    found = np.unique(np.quantile(values, np.linspace(0.0, 1.0, STEPS + 1), method="nearest"))
    steps = np.diff(found)
    kept = found[np.concatenate([[True], steps > 1e-9 * max(float(np.abs(found).max()), 1e-300)])]
    return tuple(float(value) for value in kept) if kept.size > 1 else ()


def _category(name: str, column: NDArray[np.object_]) -> CategoryCode:
    vocabulary = _frequent(column, (), VOCABULARY)
    width = min(16, 2 + round(1.6 * len(vocabulary) ** 0.56))  # the rule of thumb of fastai's tabular models
    return CategoryCode(name=name, vocabulary=vocabulary, width=width)


def _frequent(column: NDArray[np.object_], known: tuple[str, ...], most: int) -> tuple[str, ...]:
    """Return the new categories that were seen at least twice, the most frequent of them, sorted."""
    counts = Counter(str(value) for value in column)
    for value in ("", *known):
        counts.pop(value, None)
    often = [(value, count) for value, count in counts.items() if count >= 2]
    often.sort(key=lambda pair: (-pair[1], pair[0]))
    return tuple(sorted(value for value, _ in often[: max(most, 0)]))


def grow(encoder: E, samples: Samples, classes: tuple[str, ...]) -> E:
    """Return the encoder with room for what is new in `samples`.

    That is a code for each new category, a scale for each number that was constant, and ramps where many numbers lie
    outside all there are. What was there keeps its place, so former samples are coded as before. `classes` are those of
    the encoder, then new ones.
    """
    return encoder.model_copy(
        update={
            "classes": classes,
            "numbers": tuple(_stretch(code, samples.numbers[code.name]) for code in encoder.numbers),
            "categories": tuple(_extend(code, samples.categories[code.name]) for code in encoder.categories),
        }
    )


def _stretch(code: NumberCode, column: NDArray[np.float64]) -> NumberCode:
    code = code.model_copy(update={"missing": code.missing or bool(np.isnan(column).any())})
    values = column[np.abs(column) < WILD]
    if code.constant:
        middle, scale, constant = spread(column)
        if constant:
            return code
        scale = max(scale, abs(middle - code.middle) / 2)
        code = code.model_copy(update={"scale": scale, "constant": False})
    outside = values
    for part in code.knots:
        outside = outside[(outside < part[0]) | (outside > part[-1])]
    for side in (outside[outside < code.middle], outside[outside > code.middle]):
        knots = _knots(_reached(code, side)) if side.size >= max(STRANGE * values.size, 2.0) else ()
        if knots and code.ramps + STEPS <= MOST_STEPS:
            code = code.model_copy(update={"knots": (*code.knots, knots), "later": code.later + 1})
    return code


def _reached(code: NumberCode, side: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers on one side of the middle with the last known one on the way to them: no gap is left."""
    known = np.array([code.middle, *chain.from_iterable(code.knots)])
    if side[0] < code.middle:
        return np.append(side, known[known > side.max()].min())
    return np.append(side, known[known < side.min()].max())


def _extend(code: CategoryCode, column: NDArray[np.object_]) -> CategoryCode:
    new = _frequent(column, code.vocabulary, VOCABULARY - len(code.vocabulary))
    return code.model_copy(update={"vocabulary": code.vocabulary + new})


def encode(encoder: TableEncoder, samples: Samples) -> Coded:
    """Return the tensors of samples."""
    codes = np.zeros((samples.size, len(encoder.categories)), np.int64)
    for place, code in enumerate(encoder.categories):
        codes[:, place] = _look_up(code.vocabulary, samples.categories[code.name])
    return Coded(codes, _coded_numbers(encoder, samples))


def _look_up(vocabulary: tuple[str, ...], column: NDArray[np.object_]) -> NDArray[np.int64]:
    places = {value: FIRST + place for place, value in enumerate(vocabulary)} | {"": MISSING}
    return _each(column, lambda value: places.get(value, UNKNOWN))


def _each(column: NDArray[np.object_], place: Callable[[str], int]) -> NDArray[np.int64]:
    return np.fromiter((place(str(value)) for value in column), np.int64, count=len(column))


def _coded_numbers(encoder: TableEncoder, samples: Samples) -> NDArray[np.float32]:
    k = len(encoder.numbers)
    out = np.zeros((samples.size, encoder.width), np.float32)
    start = 2 * k
    for place, code in enumerate(encoder.numbers):
        column = samples.numbers[code.name]
        missing = np.isnan(column)
        with np.errstate(over="ignore", invalid="ignore"):
            out[:, place] = np.where(missing, 0.0, squash((column - code.middle) / code.scale))
            out[:, k + place] = missing
            if code.ramps:
                lows, highs, zeros = np.array(code.spans).T
                ramps = np.clip((column[:, None] - lows) / (highs - lows), 0.0, 1.0) - zeros
                out[:, start : start + code.ramps] = np.where(missing[:, None], 0.0, HEIGHT * ramps)
                start += code.ramps
    return out


def squash(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return deviations of which everything beyond LINEAR counts by its logarithm, up to MOST."""
    size = np.abs(deviations)
    return np.sign(deviations) * np.minimum(np.minimum(size, LINEAR) + np.log1p(np.maximum(size - LINEAR, 0.0)), MOST)
