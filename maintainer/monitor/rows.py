"""Two files of rows compared as rows: all columns together, the words of texts, a network's states of texts."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
# pyarrow ships no types.

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maintainer.monitor.multivariate import Columns


def columns_of(table: Any, names: tuple[str, ...]) -> Columns:
    """Return the columns of an Arrow table: numbers as float64 with NaN where one is missing, others as objects."""
    return {name: _column(table[name]) for name in names}


def _column(column: Any) -> NDArray[np.generic]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
    return np.asarray(column.to_pylist(), dtype=object)


def texts_of(table: Any, name: str) -> list[str]:
    """Return the texts of a column, empty where one is missing."""
    return [text or "" for text in table[name].to_pylist()]
