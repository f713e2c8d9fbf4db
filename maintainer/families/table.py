"""Labelled samples read from a run's Parquet files into numpy columns.

pyarrow ships no types: this is its one wrapper for the families.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportAttributeAccessIssue=false, reportUnknownParameterType=false

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maintainer.domain.policy import Task
from maintainer.domain.sample import TaskKind
from maintainer.errors import InputError


@dataclass(frozen=True, slots=True)
class Samples:
    """n samples by column, in the order of the file."""

    size: int
    numbers: dict[str, NDArray[np.float64]]  # name -> (n,); NaN is missing
    categories: dict[str, NDArray[np.object_]]  # name -> (n,) of str; "" is missing; a text is one of them too
    labels: NDArray[Any]  # (n,) of str with "" or of float64 with NaN where missing
    ids: NDArray[np.object_] | None = None  # (n,) of str, where the file has them

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Samples:
        """Return the samples at `rows`, indices or a mask of (n,)."""
        labels = self.labels[rows]
        return Samples(
            len(labels),
            {name: column[rows] for name, column in self.numbers.items()},
            {name: column[rows] for name, column in self.categories.items()},
            labels,
            None if self.ids is None else self.ids[rows],
        )


def join(first: Samples, second: Samples) -> Samples:
    """Return the samples of both, one behind the other."""
    return Samples(
        first.size + second.size,
        {name: np.concatenate([column, second.numbers[name]]) for name, column in first.numbers.items()},
        {name: np.concatenate([column, second.categories[name]]) for name, column in first.categories.items()},
        np.concatenate([first.labels, second.labels]),
        None if first.ids is None or second.ids is None else np.concatenate([first.ids, second.ids]),
    )


def read_samples(path: Path, task: Task) -> Samples:
    """Read the features and labels of a file; a file that is absent has no samples.

    Raises InputError where the file is no Parquet, lacks a column, or holds one of another type.
    """
    names = [*task.kinds, "_label"]
    if not path.exists():
        return _samples(
            pa.table({name: pa.array([], _wanted(task, name)) for name in names} | {"_id": pa.array([], pa.string())}),
            task,
        )
    try:
        table = pq.read_table(path)
        missing = [name for name in names if name not in table.column_names]
        if missing:
            raise InputError(f"{path.name} lacks the columns {missing}; it has {table.column_names}")
        columns = {name: pc.cast(table.column(name), _wanted(task, name)) for name in names}
        if "_id" in table.column_names:
            columns["_id"] = pc.cast(table.column("_id"), pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InputError(f"{path.name} cannot be read as samples of '{task.label}': {error}") from error
    return _samples(pa.table(columns), task)


def _wanted(task: Task, name: str) -> pa.DataType:
    if name == "_label":
        return pa.string() if task.of is TaskKind.CLASSIFICATION else pa.float64()
    return pa.float64() if task.kinds[name] == "number" else pa.large_string()


def _samples(table: pa.Table, task: Task) -> Samples:
    columns = {name: _values(table.column(name)) for name in table.column_names}
    return Samples(
        table.num_rows,
        {name: columns[name] for name, kind in task.kinds.items() if kind == "number"},
        {name: columns[name] for name, kind in task.kinds.items() if kind != "number"},
        columns["_label"],
        columns.get("_id"),
    )


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    missing = np.nan if pa.types.is_floating(column.type) else ""
    return pc.fill_null(column, missing).to_numpy()
