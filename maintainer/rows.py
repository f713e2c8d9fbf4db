"""Rows in any usual form as the typed columns that an ONNX file takes; tables and frames are known by what they can do.

A number is float64 with NaN for missing, a category a str with "" for missing: what the store keeps of the same value.
What comes in here is of a type that nobody promised: its members may be unknown to the type checker.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maintainer.errors import InputError

Columns = dict[str, NDArray[Any]]  # name -> (n,) of float64 or of str objects
NUMBER = "number"  # a feature is that or "category"


def missing_row(kinds: Mapping[str, str]) -> Columns:
    """Return one row in which every feature is missing."""
    return {name: np.full(1, np.nan) if kind == NUMBER else np.array([""], object) for name, kind in kinds.items()}


def columns_of(rows: Any, kinds: Mapping[str, str]) -> Columns:
    """Return the typed columns of rows, for features given as name -> "number" or "category".

    Raises InputError where a column is missing, is not as long as the others, or holds a value of another kind.
    """
    columns = {name: _typed(name, kind, _raw(rows, name)) for name, kind in kinds.items()}
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"the columns differ in length: {sizes}")
    return columns


def _raw(rows: Any, name: str) -> NDArray[Any]:
    """Return one column of rows in whatever form they came, as an array of whatever type."""
    if isinstance(rows, np.ndarray):
        return _named(rows, name)
    if isinstance(rows, Mapping):
        return _array(name, rows[_known(name, rows)])
    if hasattr(rows, "iloc"):  # a pandas frame
        return _array(name, rows[_known(name, rows.columns)])
    if hasattr(rows, "schema") and hasattr(rows, "column"):  # a pyarrow table or record batch
        return _array(name, rows.column(_known(name, rows.schema.names)))
    if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
        return _array(name, [_field(row, place, name) for place, row in enumerate(rows)])
    raise InputError(f"found rows of type {type(rows).__name__}, wanted a list of dicts, columns, or a table")


def _named(rows: NDArray[Any], name: str) -> NDArray[Any]:
    if rows.dtype.names is None:
        raise InputError(f"found an array of {rows.dtype} without named fields, wanted a structured array")
    return _array(name, rows[_known(name, rows.dtype.names)])


def _known(name: str, names: Any) -> str:
    if name not in names:
        raise InputError(f"column '{name}' is missing; found {[str(n) for n in names]}")
    return name


def _field(row: Any, place: int, name: str) -> Any:
    if not isinstance(row, Mapping) or name not in row:
        raise InputError(f"row {place} lacks column '{name}': found {str(row)[:80]}")
    return row[name]


def _array(name: str, values: Any) -> NDArray[Any]:
    """Return a column as a one-dimensional array: of its own type, or of objects for a list."""
    if hasattr(values, "null_count"):  # a pyarrow array
        values = _decoded(values).to_numpy(zero_copy_only=False)
    elif hasattr(values, "to_numpy"):  # a pandas series
        values = values.to_numpy()
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise InputError(f"column '{name}' is {values!r}, wanted one value for each row; one row goes in a list")
    if not isinstance(values, np.ndarray):
        return np.fromiter(values, object, len(values))  # a list in a cell stays a list
    if values.ndim != 1:
        raise InputError(f"column '{name}' has the shape {values.shape}, wanted one value for each row")
    return values


def _decoded(values: Any) -> Any:
    """Return a pyarrow array without its dictionary: to_numpy gives a missing one the last word of the dictionary."""
    return values.cast(values.type.value_type) if hasattr(values.type, "index_type") else values


def _typed(name: str, kind: str, column: NDArray[Any]) -> NDArray[Any]:
    if kind == NUMBER and column.dtype.kind in "fiub":
        return _finite(name, column, column.astype(np.float64))
    convert, wanted = (_number, "a number") if kind == NUMBER else (_category, "text")
    typed = np.empty(len(column), np.float64 if kind == NUMBER else object)
    for row, value in enumerate(column):
        try:
            typed[row] = convert(value)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise _refused(name, row, value, wanted) from error
    return _finite(name, column, typed) if kind == NUMBER else typed


def _finite(name: str, column: NDArray[Any], typed: NDArray[np.float64]) -> NDArray[np.float64]:
    infinite = np.flatnonzero(np.isinf(typed))
    if infinite.size:
        row = int(infinite[0])
        raise _refused(name, row, column[row], "a finite number")
    return typed


def _refused(name: str, row: int, value: Any, wanted: str) -> InputError:
    try:
        found = f"{value!r:.80}"
    except ValueError:  # a number of so many digits that Python does not write it
        found = "a number too long to be written"
    return InputError(f"row {row}, column '{name}': found {found} ({type(value).__name__}), wanted {wanted}")


def _missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and value != value)


def _number(value: Any) -> float:
    if _missing(value):
        return np.nan
    if isinstance(value, int | float | Decimal | np.number | np.bool_):
        return float(value)
    raise TypeError("no number")


def _category(value: Any) -> str:
    """Return the text of a category as the store keeps it: 3 and 3.0 are "3", True is "true".

    Half of a surrogate pair is no text: nothing can write it as UTF-8.
    """
    if isinstance(value, str):
        value.encode()
        return str(value)
    if _missing(value) or value != value:
        return ""
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, float | np.floating) and float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float | np.number | Decimal):
        return str(value)
    raise TypeError("no text")
