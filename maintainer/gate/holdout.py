"""A holdout file read in time order, and the answers of both models written beside the result.

pyarrow ships no types: this is its one wrapper for the gate.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maintainer.domain.sample import TaskKind
from maintainer.errors import InputError

BATCH = 8192  # rows that a model answers at a time


@dataclass(frozen=True)
class Holdout:
    """n labelled samples in time order; a model takes them just as an application would send them."""

    name: str  # "current" or "reference"
    table: Any  # pyarrow.Table of n rows
    labels: NDArray[np.object_] | NDArray[np.float64]  # (n,)

    @property
    def n(self) -> int:
        """Return how many samples there are."""
        return len(self.labels)

    def batches(self, size: int = BATCH) -> Iterator[Any]:
        """Yield the samples as tables of at most `size` rows."""
        for start in range(0, self.n, size):
            yield self.table.slice(start, size)


def read_holdout(path: Path, name: str, task: TaskKind) -> Holdout | None:
    """Return the labelled samples of a file in time order; None where it does not exist.

    Raises InputError where it is no Parquet file of samples with `_key`, `_time` and `_label`.
    """
    if not path.exists():
        return None
    try:
        table = pq.read_table(path)
        table = table.sort_by([("_time", "ascending"), ("_key", "ascending")])
        label = pc.cast(table.column("_label"), pa.string() if task is TaskKind.CLASSIFICATION else pa.float64())
        known = pc.fill_null(pc.invert(pc.is_null(label, nan_is_null=True)), False)
        table, label = table.filter(known), label.filter(known)
    except (pa.ArrowException, KeyError, OSError) as error:
        raise InputError(f"{path} cannot be read as labelled samples: {error}") from error
    return Holdout(name, table, label.to_numpy())


def write_answers(path: Path, parts: list[tuple[Holdout, dict[str, NDArray[Any]]]]) -> None:
    """Write label and answers (model -> (n,) answers) of every holdout into one Parquet file."""
    tables = [
        pa.table(
            {
                "_key": holdout.table.column("_key"),
                "_time": holdout.table.column("_time"),
                "holdout": pa.array([holdout.name] * holdout.n, pa.string()),
                "label": pa.array(holdout.labels),
                **{model: pa.array(answers) for model, answers in answers_of.items()},
            }
        )
        for holdout, answers_of in parts
    ]
    if tables:
        pq.write_table(pa.concat_tables(tables), path)
