"""A file of labelled history as steps of event time; pyarrow ships no types, so it is held in this one place."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maintainer.domain.sample import ColumnKind, Schema
from maintainer.errors import InputError


@dataclass(frozen=True, slots=True)
class Step:
    """The samples of a half-open span of event time."""

    start: datetime
    end: datetime
    table: Any  # pyarrow.Table

    @property
    def rows(self) -> int:
        """Return how many samples there are."""
        return int(self.table.num_rows)


class Stream:
    """History in order of event time."""

    def __init__(self, path: Path, schema: Schema) -> None:
        """Read a file.

        Raises:
            InputError: it cannot be read, lacks a column, has no labelled samples, or its times or labels are none.
        """
        if schema.time is None:
            raise InputError(f"policy {schema.model} has no task.time; a backtest needs the event time of each sample")
        self._schema = schema
        table = full = _read(path)
        wanted = [*(c.name for c in schema.features), schema.label, schema.time, *((schema.id,) if schema.id else ())]
        missing = [name for name in wanted if name not in table.column_names]
        if missing:
            raise InputError(f"{path.name} lacks {', '.join(missing)}; found {', '.join(table.column_names)}")
        table = _labelled(table.select(list(dict.fromkeys(wanted))), schema, path.name)
        self.unlabelled = len(full) - len(table)  # samples that were left out
        self._times = _times(table[schema.time], path.name)
        order = np.argsort(self._times, kind="stable")
        self._times, self._table = self._times[order], table.take(pa.array(order))

    def __len__(self) -> int:
        return len(self._times)

    def moment(self, place: int) -> datetime:
        """Return the event time of the sample at a place, aware UTC."""
        return self._times[place].astype("datetime64[us]").item().replace(tzinfo=UTC)

    def between(self, start: datetime, end: datetime) -> Step:
        """Return the samples of a half-open span."""
        edges = [np.datetime64(t.astimezone(UTC).replace(tzinfo=None), "us") for t in (start, end)]
        low, high = np.searchsorted(self._times, edges)
        return Step(start, end, self._table.slice(low, high - low))

    def steps(self, start: datetime, every: timedelta) -> Iterator[Step]:
        """Return the steps from a moment to the end, empty ones too: the clock ticks all the same."""
        last = self.moment(len(self) - 1)
        while start <= last:
            yield self.between(start, start + every)
            start += every

    def write(self, step: Step, path: Path, answers: NDArray[Any] | None = None, labels: bool = True) -> None:
        """Write a step as Parquet, with what was answered to it and with or without its labels."""
        table = step.table if labels else step.table.drop_columns([self._schema.label])
        if answers is not None:
            kind = pa.float64() if self._schema.answer_kind is ColumnKind.NUMBER else pa.string()
            table = table.append_column(self._schema.prediction, pa.array(answers.tolist(), kind))
        pq.write_table(table, path)

    def labels(self, step: Step) -> NDArray[Any]:
        """Return the (n,) labels of a step: float64, or strings as the store keeps them."""
        column = step.table[self._schema.label].combine_chunks()
        if self._schema.answer_kind is ColumnKind.NUMBER:
            return column.to_numpy(zero_copy_only=False)
        return np.array(column.cast(pa.string()).to_pylist(), object)


def _read(path: Path) -> Any:
    readers = {".parquet": _read_parquet, ".csv": pa_csv.read_csv, ".jsonl": pa_json.read_json}
    read = readers.get(path.suffix.lower())
    if read is None:
        raise InputError(f"{path.name}: cannot tell the format; wanted a name ending in {', '.join(readers)}")
    try:
        return read(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _labelled(table: Any, schema: Schema, name: str) -> Any:
    """Return the samples that have a label; those of a regression are doubles then.

    Raises:
        InputError: the labels are no numbers where numbers are wanted, or there are none.
    """
    column = table[schema.label]
    if schema.answer_kind is ColumnKind.NUMBER:
        try:
            column = column.cast(pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"{name}: label {schema.label} is {column.type}, wanted numbers: {error}") from error
        table = table.set_column(table.column_names.index(schema.label), schema.label, column)
        known = np.isfinite(column.to_numpy())
    else:
        known = np.array([bool(label) for label in column.cast(pa.string()).to_pylist()], bool)
    table = table.filter(pa.array(known))
    if not len(table):
        raise InputError(f"{name} has no labelled samples; wanted a history with the label {schema.label}")
    return table


def _read_parquet(path: Path) -> Any:
    with pq.ParquetFile(path) as file:  # not read_table, for which a folder named like `day=1` is a column
        return file.read()


def _times(column: Any, name: str) -> NDArray[np.datetime64]:
    try:
        if pa.types.is_string(column.type):
            column = pc.cast(column, pa.timestamp("us"))
        times = column.cast(pa.timestamp("us"), safe=False).combine_chunks()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"{name}: column of the event time is {column.type}, wanted times: {error}") from error
    if times.null_count:
        raise InputError(f"{name}: {times.null_count} samples have no event time")
    return times.to_numpy(zero_copy_only=False).astype("datetime64[us]")
