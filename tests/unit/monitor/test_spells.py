"""Whether a column has behaved in the reference as it does now."""

from __future__ import annotations

import numpy as np
import pytest

from maintainer.domain.kinds import ColumnFault
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import ColumnKind
from maintainer.monitor.spells import behaved_so, longest

TIMES = np.arange(11.0)  # ten rows, one a second, and the end
NOW = ColumnCounts(ColumnKind.NUMBER, 3, 0, (3,), (80.0,), minimum=80.0, maximum=80.0)


def usual(kind: str, values: list[object], seconds: float, value: str | None = None) -> bool:
    column = np.asarray(values, dtype=np.float64 if kind == "unit" else object)
    return behaved_so(ColumnFault("x", kind, "", value), np.arange(len(values) + 1.0), column, seconds, NOW)  # pyright: ignore


def test_a_spell_is_the_time_between_rows_that_are_otherwise_with_both_ends() -> None:
    so = np.asarray([True, False, True, True, True, False, True, True, True, True])
    assert longest(so, TIMES) == 5.0
    assert longest(~so, TIMES) == 4.0 - 3.0 + 1.0
    assert longest(np.zeros(10, bool), TIMES) == 0.0


@pytest.mark.parametrize(("seconds", "wanted"), [(8.0, True), (8.1, False)])
def test_a_constant_spell_of_half_the_window_makes_a_stuck_column_usual(seconds: float, wanted: bool) -> None:
    values = ["a", "b", "b", None, "b", "c", "a", "b", "c", "a"]
    assert usual("stuck", values, seconds) is wanted  # b from 1 to 5


def test_a_gap_as_long_makes_a_missing_column_and_a_vanished_category_usual() -> None:
    gone = ["a", None, None, None, "a", "b", "a", "a", "a", "a"]
    assert usual("missing", gone, 8.0) and not usual("missing", gone, 8.1)
    assert usual("renamed", gone, 9.0, "b") and not usual("renamed", gone, 11.0, "b")


def test_a_middle_that_went_half_as_far_before_makes_another_unit_usual() -> None:
    assert usual("unit", [10.0] * 30 + [46.0] * 10, 10.0)  # now it is 80
    assert not usual("unit", [10.0] * 30 + [44.0] * 10, 10.0)
    assert not usual("unit", [10.0, np.nan] * 20, 10.0)
