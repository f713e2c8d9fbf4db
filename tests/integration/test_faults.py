"""Columns that look broken, and columns that have only changed."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import Column, ColumnKind
from maintainer.monitor.faults import fault_of, suspects
from maintainer.store.profile import edges, profile

NUMBER, CATEGORY = ColumnKind.NUMBER, ColumnKind.CATEGORY


def counts_of(reference: np.ndarray, current: np.ndarray) -> tuple[ColumnCounts, ColumnCounts]:
    """Profile both windows in DuckDB."""
    column = [Column("x", CATEGORY if reference.dtype == object else NUMBER)]
    with duckdb.connect(config={"threads": 1}) as db:
        for name, values in (("a", reference), ("b", current)):
            db.register("arrow", pa.table({"x": pa.array(values, pa.string() if values.dtype == object else None)}))
            db.execute(f"create table {name} as select * from arrow")
        cuts = edges(db, "select * from a", [], column)
        return tuple(profile(db, f"select * from {name}", [], column, cuts)["x"] for name in ("a", "b"))


def draw(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(10.0, 2.0, n)


def words(rng: np.random.Generator, names: str, n: int) -> np.ndarray:
    return np.asarray(list(names), dtype=object)[rng.integers(0, len(names), n)]


def some(rng: np.random.Generator, *values: str) -> np.ndarray:
    return np.asarray(values, dtype=object)[rng.integers(0, len(values), 2000)]


BROKEN = {
    "all missing": ("missing", lambda rng: (draw(rng, 5000), np.full(600, np.nan)), "missing in all rows"),
    "all infinite": ("missing", lambda rng: (draw(rng, 5000), np.full(600, np.inf)), "missing in all rows"),
    "stuck": ("stuck", lambda rng: (draw(rng, 5000), np.full(600, 7.5)), "stuck at 7.5"),
    "a category stuck": ("stuck", lambda rng: (words(rng, "abc", 900), words(rng, "b", 90)), "stuck at 'b'"),
    "grams for kilograms": ("unit", lambda rng: (draw(rng, 5000), draw(rng, 500) * 1000.0), "1e+03 times"),
    "tenths": ("unit", lambda rng: (draw(rng, 5000), draw(rng, 500) / 10.0), "0.1 times"),
    "whole hours in minutes": (
        "unit",
        lambda rng: (rng.poisson(4, 5000) * 1.0, rng.poisson(4, 1000) * 60.0),
        "60 times",
    ),
    "inches for centimetres": ("unit", lambda rng: (draw(rng, 5000), draw(rng, 3000) / 2.54), "inches and centimetres"),
    "Fahrenheit": ("unit", lambda rng: (draw(rng, 5000), draw(rng, 2000) * 1.8 + 32.0), "Celsius and Fahrenheit"),
    "kelvin": ("unit", lambda rng: (draw(rng, 5000), draw(rng, 500) + 273.15), "kelvin"),
    "sign": ("unit", lambda rng: (draw(rng, 5000), -draw(rng, 500)), "changed its sign"),
    "renamed": ("renamed", lambda rng: (words(rng, "abc", 5000), words(rng, "abX", 900)), "'c' has vanished, and 'X'"),
    "spelt otherwise": ("renamed", lambda rng: (some(rng, "no", "yes"), some(rng, "no", "YES ")), "and 'YES '"),
    "a number written otherwise": ("renamed", lambda rng: (some(rng, "1", "2"), some(rng, "1.0", "2")), "and '1.0'"),
}
CHANGED = {
    "nothing": lambda rng: (draw(rng, 5000), draw(rng, 2000)),
    "a shift": lambda rng: (draw(rng, 5000), draw(rng, 2000) + 4.0),
    "around zero": lambda rng: (rng.normal(0.0, 1.0, 5000), rng.normal(0.0, 1.0, 2000)),
    "from below zero to above": lambda rng: (rng.normal(-0.3, 1.0, 5000), rng.normal(0.3, 1.0, 2000)),
    "twice as much": lambda rng: (draw(rng, 5000), draw(rng, 2000) * 2.0),
    "a longer tail": lambda rng: (rng.lognormal(0.0, 1.0, 5000), rng.lognormal(1.0, 1.0, 2000)),
    "another shape, far away": lambda rng: (draw(rng, 5000), rng.lognormal(6.0, 1.5, 2000)),
    "always constant": lambda rng: (np.full(500, 3.0), np.full(500, 3.0)),
    "another constant": lambda rng: (np.full(500, 3.0), np.full(500, 4.0)),
    "hardly ever anything": lambda rng: ((rng.random(5000) < 0.001) * 1.0, np.zeros(600)),
    "few rows": lambda rng: (draw(rng, 5000), np.full(5, 7.5)),
    "one row": lambda rng: (draw(rng, 5000), np.ones(1)),
    "always missing": lambda rng: (np.full(500, np.nan), np.full(500, np.nan)),
    "a flag that is true more often": lambda rng: ((rng.random(5000) < 0.1) * 1.0, (rng.random(900) < 0.9) * 1.0),
    "the next month": lambda rng: (some(rng, "6", "7"), some(rng, "9", "7")),
    "the next release": lambda rng: (some(rng, "v1.2", "v1.1", "old"), some(rng, "v1.3", "v1.1", "old")),
    "one of two": lambda rng: (some(rng, "summer", "rain"), some(rng, "autumn", "rain")),
    "the others move too": lambda rng: (some(rng, *"abcd"), some(rng, *"Xbbcd")),
    "one more category": lambda rng: (words(rng, "abc", 5000), words(rng, "abcX", 900)),
    "one category less": lambda rng: (words(rng, "abc", 5000), words(rng, "ab", 900)),
    "a swap with another share": lambda rng: (words(rng, "aaaaaaab", 5000), words(rng, "aX", 900)),
    "all different each time": lambda rng: (
        np.asarray([f"v{rng.integers(10**9)}" for _ in range(3000)], dtype=object),
        np.asarray([f"v{rng.integers(10**9)}" for _ in range(3000)], dtype=object),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_called_by_its_name(case):
    kind, make, said = BROKEN[case]
    found = fault_of("x", *counts_of(*make(np.random.default_rng(0))))
    assert found is not None
    assert found.kind == kind
    assert said in found.sentence


@pytest.mark.parametrize("case", CHANGED)
def test_what_the_world_may_do_is_no_fault(case):
    for seed in range(3):
        assert fault_of("x", *counts_of(*CHANGED[case](np.random.default_rng(seed)))) is None


def test_a_column_that_vanished_from_a_window_is_left_out_and_the_same_counts_give_the_same_faults():
    rng = np.random.default_rng(1)
    before, now = counts_of(draw(rng, 3000), np.full(300, 7.5))
    found = suspects({"x": before, "gone": before}, {"x": now}, ("x", "gone"))
    assert [fault.column for fault in found] == ["x"]
    assert found == suspects({"x": before}, {"x": now}, ("x",))
