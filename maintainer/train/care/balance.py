"""As many samples of a rare class as of a frequent one."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.phase import CareRow
from maintainer.families.table import Samples
from maintainer.train.care.cared import Cared, Part, named
from maintainer.train.situation import Parts

AT_MOST = 20  # times a sample is repeated, or samples of which one stays: beyond it few samples would be all there is


def balanced(parts: Parts, how: Literal["oversample", "undersample"], rng: np.random.Generator) -> Cared:
    """Return the parts, new and former samples each with equally many of every class."""
    new, former = (_drawn(samples, how, rng) for samples in (parts.new, parts.former))
    rows = _left(parts.new, new, "new") + _left(parts.former, former, "former")
    told: list[str] = []
    for name, samples, drawn in (("new", parts.new, new), ("former", parts.former, former)):
        if samples.size:
            told.append(f"{how}d to {len(drawn)} from {samples.size} {name} samples: {_counted(samples.labels[drawn])}")
    made = replace(parts, new=parts.new.take(new), former=parts.former.take(former))
    return Cared(made, rows, tuple(told))


def _drawn(samples: Samples, how: str, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows to train on: all and some again, or some."""
    names, codes, counts = np.unique(samples.labels, return_inverse=True, return_counts=True)
    drawn: list[NDArray[np.int64]] = []
    for code in range(len(names)):
        own = np.flatnonzero(codes == code)
        if how == "oversample":
            wanted = min(int(counts.max()), AT_MOST * own.size)
            drawn += [np.repeat(own, wanted // own.size), rng.permutation(own)[: wanted % own.size]]
        else:
            wanted = max(int(counts.min()), -(-own.size // AT_MOST))
            drawn.append(rng.permutation(own)[:wanted])
    return np.sort(np.concatenate(drawn)) if drawn else np.zeros(0, np.int64)


def _left(samples: Samples, drawn: NDArray[np.int64], part: Part) -> tuple[CareRow, ...]:
    return tuple(
        CareRow(
            sample=named(samples, row),
            part=part,
            finding="balance",
            action="dropped",
            why="drawn to be left out, to balance the classes",
            given=str(samples.labels[row]),
        )
        for row in np.setdiff1d(np.arange(samples.size), drawn).tolist()
    )


def _counted(labels: NDArray[np.object_]) -> str:
    names, counts = np.unique(labels, return_counts=True)
    told = [f"{count} {name}" for name, count in zip(names[:10].tolist(), counts[:10].tolist(), strict=True)]
    return ", ".join(told) + (" and others" if len(names) > len(told) else "")
