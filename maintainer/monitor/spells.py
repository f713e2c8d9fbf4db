"""Whether a column has behaved before as it does now: then nothing is broken.

Rows of a window are no independent draws. A holiday is none for weeks, a month is the same for a month and then gone,
and it is warm in summer; only the reference in its order of time tells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.kinds import ColumnFault
from maintainer.domain.profile import ColumnCounts
from maintainer.monitor.frames import Values, spread

AS_LONG = 0.5  # of the current window: a spell of that length says that one of its length may come
AS_FAR = 0.5  # of the way that the middle has gone
PARTS = 4  # of the reference at least
FEW = 5  # rows of a part below which its median says nothing


def behaved_so(
    fault: ColumnFault, times: Values, column: NDArray[np.generic], seconds: float, current: ColumnCounts
) -> bool:
    """Return whether the reference has shown what is taken for a fault, for about as long.

    `times` (n,) are its rows' seconds since it began, ascending, ended by its length; `column` (n - 1,) their values,
    NaN or None where missing; `seconds` is the length of the current window.
    """
    if fault.kind == "unit":
        return _as_far(times, np.asarray(column, np.float64), seconds, current)
    codes = np.asarray([-1 if value is None or value != value else 0 for value in column.tolist()])
    match fault.kind:
        case "missing":
            return longest(codes < 0, times) >= AS_LONG * seconds
        case "renamed":
            return longest(column.astype(object) != fault.value, times) >= AS_LONG * seconds
        case "stuck":
            there = codes >= 0
            places = np.unique(column[there].astype(str), return_inverse=True)[1]
            same = np.concatenate([[False], places[1:] == places[:-1]])
            began = np.concatenate([times[:-1][there], times[-1:]])
            starts = began[:-1][~same]
            return bool(starts.size) and float(np.diff(starts, append=began[-1]).max()) >= AS_LONG * seconds


def longest(so: NDArray[np.bool_], times: Values) -> float:
    """Return the longest time without a row that is not so: from the row after one to the next, or to an end."""
    others = times[:-1][~so]
    return float(np.diff(np.concatenate([[0.0], others, times[-1:]])).max()) if so.any() else 0.0


def _as_far(times: Values, column: Values, seconds: float, current: ColumnCounts) -> bool:
    """Return whether the middle of a part of the reference as long as the window was half as far from the whole's."""
    there = np.isfinite(column)
    shape = spread(current)
    middle = float(np.median(column[there]))
    gone = abs(float(np.interp(0.5, shape.ranks, shape.values)) - middle)
    part = (times[:-1][there] // min(seconds, times[-1] / PARTS)).astype(np.int64)
    medians = [np.median(column[there][part == one]) for one in np.unique(part) if (part == one).sum() >= FEW]
    return any(abs(float(median) - middle) >= AS_FAR * gone for median in medians)
