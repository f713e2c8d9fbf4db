"""Drift scores from counts agree with Evidently's own functions on all rows."""

import math
import re

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from maintainer.domain.evidence import DriftScore
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import Column, ColumnKind
from maintainer.errors import InputError
from maintainer.monitor.chance import scores
from maintainer.monitor.drift import score
from maintainer.monitor.evidently_report import Compared, write
from maintainer.monitor.exchange import ColumnPair, DriftReply, DriftRequest
from maintainer.monitor.stattests import KS, distance
from maintainer.store.profile import edges, profile

ROWS = 60_000
NUMBER, CATEGORY = ColumnKind.NUMBER, ColumnKind.CATEGORY
COUNTED = ("psi", "jensenshannon", "hellinger", "kl_div")
RANKED = ("wasserstein", "ks")


def heavy(rng: np.random.Generator, size: int, scale: float) -> np.ndarray:
    values = rng.standard_t(2, size) * scale
    values[rng.random(size) < 1e-4] *= 1000
    return values


def zeros(rng: np.random.Generator, size: int, share: float, mean: float) -> np.ndarray:
    return np.where(rng.random(size) < share, 0.0, rng.normal(mean, 1, size))


def words(rng: np.random.Generator, size: int, slope: float) -> np.ndarray:
    weights = 1 / np.arange(1, 301) ** slope
    return np.asarray([f"v{i}" for i in range(300)], dtype=object)[rng.choice(300, size, p=weights / weights.sum())]


SHAPES = {
    "normal": lambda rng, n, late: rng.normal(0.2 * late, 1 + 0.1 * late, n),
    "the same": lambda rng, n, late: rng.normal(0, 1, n),
    "lognormal": lambda rng, n, late: rng.lognormal(0.1 * late, 1 + 0.1 * late, n),
    "few whole numbers": lambda rng, n, late: rng.poisson(3 + 0.3 * late, n).astype(float),
    "many whole numbers": lambda rng, n, late: np.round(rng.normal(late, 15, n)),
    "heavy tails": lambda rng, n, late: heavy(rng, n, 1 + 0.1 * late),
    "zeros": lambda rng, n, late: zeros(rng, n, 0.6 - 0.1 * late, 2),
    "two humps": lambda rng, n, late: np.where(rng.random(n) < 0.5 - 0.1 * late, 0, 100) + rng.normal(0, 1, n),
    "words": lambda rng, n, late: words(rng, n, 1 + 0.1 * late),
}
FEW_THEN_MANY = {  # a reference of at most 1,000 values, a current window of more
    "mostly zeros": (lambda rng, n: np.where(rng.random(n) < 0.85, 0.0, rng.lognormal(3, 1.5, n)), 6000, 20_000),
    "long-tailed whole numbers": (lambda rng, n: np.round(rng.lognormal(5, 1.2, n)), 2500, 20_000),
    "whole numbers": (lambda rng, n: np.round(rng.normal(0, 200, n)), 4000, 20_000),
    "ages, then with decimals": (
        lambda rng, n: rng.integers(18, 80, n) + (n < 6000) * (rng.random(n) - 0.5),
        6000,
        3000,
    ),
}


def counts_of(reference: np.ndarray, current: np.ndarray, kind: ColumnKind) -> tuple[ColumnCounts, ColumnCounts]:
    """Profile both windows in DuckDB."""
    column = [Column("x", kind)]
    with duckdb.connect(config={"threads": 2}) as db:
        for name, values in (("a", reference), ("b", current)):
            db.register("arrow", pa.table({"x": pa.array(values)}))
            db.execute(f"create table {name} as select * from arrow")
        cuts = edges(db, "select * from a", [], column)
        found = [profile(db, f"select * from {name}", [], column, cuts)["x"] for name in ("a", "b")]
    return found[0], found[1]


def asked(method: str, reference: ColumnCounts, current: ColumnCounts) -> list[DriftScore]:
    """Score over JSON, as the worker does."""
    pair = ColumnPair(name="x", kind=reference.kind, method=method, threshold=0.1, reference=reference, current=current)
    text = DriftRequest(columns=(pair,)).model_dump_json()
    reply = score(DriftRequest.model_validate_json(text)).model_dump_json()
    return list(DriftReply.model_validate_json(reply).scores)


def scored(method: str, reference: object, current: object, kind: ColumnKind = NUMBER) -> dict[str, DriftScore]:
    given = (np.asarray(side, dtype=float if kind is NUMBER else object) for side in (reference, current))
    return {s.kind: s for s in asked(method, *counts_of(*given, kind))}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_score_is_evidentlys_own_on_all_rows_within_0_005(shape):
    rng = np.random.default_rng(7)
    reference, current = SHAPES[shape](rng, ROWS, 0), SHAPES[shape](rng, ROWS // 2, 1)
    kind = CATEGORY if reference.dtype == object else NUMBER
    counts = counts_of(reference, current, kind)
    for method in COUNTED + (RANKED if kind is NUMBER else ()):
        wanted = distance(KS if method == "ks" else method, kind, reference.copy(), current.copy())
        assert asked(method, *counts)[0].score == pytest.approx(wanted, abs=5e-3), method


@pytest.mark.parametrize("shape", FEW_THEN_MANY)
def test_values_that_became_too_many_to_list_are_no_drift(shape):
    rng = np.random.default_rng(5)
    draw, before, now = FEW_THEN_MANY[shape]
    reference, current = draw(rng, before), draw(rng, now)
    counts = counts_of(reference, current, NUMBER)
    assert counts[1].other > 0
    for method in ("jensenshannon", "wasserstein", "ks"):
        wanted = distance(KS if method == "ks" else method, NUMBER, reference.copy(), current.copy())
        found = asked(method, *counts)[0]
        assert found.score == pytest.approx(wanted, abs=5e-3), method
        assert not found.drifted


@pytest.mark.parametrize(("rows", "value"), [(1, 99_999.0), (2, 1500.0), (4, 9999.0), (1, 5000.0), (300, 7000.0)])
def test_outliers_weigh_as_much_as_they_do_in_all_rows(rows, value):
    rng = np.random.default_rng(1)
    reference, current = rng.normal(size=20_000), rng.normal(size=20_000)
    current[:rows] = value
    for before, now in ((reference, current), (current, reference)):
        wanted = distance("wasserstein", NUMBER, before.copy(), now.copy())
        assert scored("wasserstein", before, now)["value"].score == pytest.approx(wanted, rel=2e-3)


@pytest.mark.parametrize("unit", [1e-2, 1e-6, 1e-100, 1e100])
def test_a_shift_of_three_deviations_is_three_in_any_unit(unit):
    rng = np.random.default_rng(1)
    found = scored("auto", rng.normal(0, unit, 6000), rng.normal(3 * unit, unit, 3000))["value"]
    assert found.score == pytest.approx(3.0, abs=0.1)
    assert found.drifted


@pytest.mark.parametrize("method", COUNTED)
def test_what_chance_scores_is_computed_by_evidentlys_formulas(method):
    rng = np.random.default_rng(0)
    before, now = rng.multinomial(500, rng.dirichlet(np.ones(30))), rng.multinomial(80, rng.dirichlet(np.ones(30)))
    sides = (np.repeat(np.arange(30), rows) for rows in (before, now))
    there = before + now > 0
    found = scores(method, before[None, there] / 500, now[None, there] / 80)
    assert found[0] == pytest.approx(distance(method, CATEGORY, *sides))


@pytest.mark.parametrize("rows", [200, 500])
def test_small_windows_without_drift_are_not_taken_for_drift_and_a_real_one_is(rows):
    rng = np.random.default_rng(2)
    draws = {
        "number": (NUMBER, lambda n, late: rng.normal(late, 1, n)),
        "long-tailed": (NUMBER, lambda n, late: rng.lognormal(late, 1.5, n)),
        "12 words": (CATEGORY, lambda n, late: (rng.integers(0, 12, n) // (1 + late)).astype(str).astype(object)),
        "50 words": (CATEGORY, lambda n, late: (rng.integers(0, 50, n) // (1 + late)).astype(str).astype(object)),
    }
    past = {name: 0 for name in draws}
    for name, (kind, draw) in draws.items():
        pairs = [counts_of(draw(6000, 0), draw(rows, 0), kind) for _ in range(4)]
        found = [asked("auto", *pair)[0] for pair in pairs]
        past[name] = sum(s.score > s.threshold for s in found)
        assert not any(s.drifted for s in found), name
        assert asked("auto", *counts_of(draw(6000, 0), draw(rows, 1), kind))[0].drifted, name
    assert past["50 words"] >= 3  # the threshold alone would call nearly each of them drift


@pytest.mark.parametrize("method", COUNTED + RANKED)
@pytest.mark.parametrize("rows", [(1, 1), (1, 40), (30, 20), (400, 900)])
def test_small_windows_are_compared_value_by_value(method, rows):
    rng = np.random.default_rng(3)
    reference, current = np.round(rng.normal(0, 4, rows[0])), np.round(rng.normal(1, 4, rows[1]))
    constant = method == "wasserstein" and rows[0] == 1  # it has no deviation to norm by
    wanted = distance(KS if method == "ks" or constant else method, NUMBER, reference.copy(), current.copy())
    assert scored(method, reference, current)["value"].score == pytest.approx(wanted, abs=1e-9)


def test_ks_is_the_distance_and_not_a_p_value():
    assert scored("ks", np.arange(2000.0), np.arange(2000.0) + 5000)["value"].score == pytest.approx(1.0)
    assert scored("ks", np.arange(2000.0), np.arange(2000.0))["value"].score == 0.0


def test_auto_is_wasserstein_for_numbers_and_jensen_shannon_for_categories_and_few_values():
    assert scored("auto", np.arange(500.0), np.arange(500.0))["value"].method == "wasserstein"
    assert scored("auto", [0, 1, 1, 0], [1, 1, 0])["value"].method == "jensenshannon"
    assert scored("auto", ["a", "b"], ["b", "b"], CATEGORY)["value"].method == "jensenshannon"


def test_categories_have_no_ranks_and_fall_back_to_jensen_shannon():
    assert scored("wasserstein", ["a", "b"], ["b", "b"], CATEGORY)["value"].method == "jensenshannon"


def test_missing_values_are_a_score_of_their_own():
    rng = np.random.default_rng(0)
    values = rng.normal(size=8000)
    gone = np.where(rng.random(8000) < 0.5, np.nan, values)
    found = scored("psi", values, gone)
    assert not found["value"].drifted
    assert found["missing"].drifted
    wanted = distance("jensenshannon", CATEGORY, np.zeros(8000), np.isnan(gone).astype(int))
    assert found["missing"].score == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("method", ("auto", *COUNTED, *RANKED))
@pytest.mark.parametrize("kind", [NUMBER, CATEGORY])  # of a text, numbers are compared: its lengths
def test_every_degenerate_column_has_a_finite_score(method, kind):
    some = ["1", "2", "2", "3"] if kind is CATEGORY else [1.0, 2.0, 2.0, 3.0]
    none = [None] * 4 if kind is CATEGORY else [math.nan, math.inf, -math.inf, math.nan]
    for reference, current in ((none, none), (some, none), (none, some), (some[:1], some[:1]), (some[1:3], some[3:])):
        found = scored(method, reference, current, kind)
        assert all(math.isfinite(s.score) and s.score >= 0 for s in found.values())


def test_a_column_with_values_on_one_side_only_scores_1_and_on_neither_side_0():
    assert scored("psi", [1.0, 2.0], [math.nan, math.nan])["value"].score == 1.0
    assert scored("psi", [math.nan, math.nan], [math.nan])["value"].score == 0.0
    assert scored("psi", [math.nan, math.nan], [math.nan])["missing"].score == 0.0
    gone = scored("psi", np.arange(50.0), np.full(40, math.nan))
    assert gone["value"].drifted
    assert gone["missing"].drifted


def test_rare_values_of_which_a_small_window_has_none_are_no_drift():
    rare = np.where(np.arange(6000) < 4, 1.0, math.nan)
    found = scored("auto", rare, np.full(300, math.nan))
    assert found["value"].score == 1.0
    assert not any(s.drifted for s in found.values())


@pytest.mark.parametrize("method", ("auto", *COUNTED, *RANKED))
def test_a_constant_that_stays_scores_0_and_one_that_moves_is_drift(method):
    assert scored(method, np.full(3000, 5.0), np.full(2000, 5.0))["value"].score == pytest.approx(0.0, abs=1e-9)
    assert scored(method, np.full(3000, 5.0), np.full(2000, 6.0))["value"].drifted


def test_new_categories_raise_the_score():
    kept, grown = ["a"] * 500 + ["b"] * 500, ["a"] * 400 + ["b"] * 400 + ["new"] * 200
    assert scored("jensenshannon", kept, kept, CATEGORY)["value"].score == 0.0
    found = scored("jensenshannon", kept, grown, CATEGORY)["value"]
    assert found.drifted
    assert found.histogram is not None
    assert "new" in found.histogram.labels


def categories(rng: np.random.Generator, rows: int, first: int) -> np.ndarray:
    return (first + rng.integers(0, 10_000, rows)).astype(str).astype(object)


def test_ten_thousand_categories_are_drift_when_they_change_and_not_before():
    rng = np.random.default_rng(0)
    reference = categories(rng, 40_000, 0)
    assert not scored("auto", reference, categories(rng, 20_000, 0), CATEGORY)["value"].drifted
    assert not scored("auto", reference, categories(rng, 500, 0), CATEGORY)["value"].drifted
    assert scored("auto", reference, categories(rng, 20_000, 10_000), CATEGORY)["value"].drifted
    often = np.where(rng.random(20_000) < 0.2, "42", categories(rng, 20_000, 0))
    assert scored("auto", reference, often, CATEGORY)["value"].drifted


def test_two_windows_of_the_same_ids_are_not_taken_for_drift():
    reference, current = ([f"id{i}" for i in range(start, start + 20_000)] for start in (0, 20_000))
    assert not scored("auto", reference, current, CATEGORY)["value"].drifted


def test_the_report_shows_both_samples_and_survives_holes(tmp_path):
    rng = np.random.default_rng(0)
    columns = [
        Compared("a b", NUMBER, "ks", 0.9),
        Compared("c", CATEGORY, "psi", 0.1),
        Compared("empty", NUMBER, "wasserstein", 0.1),
    ]
    for name, shift in (("reference", 0), ("current", 2)):
        values = rng.normal(shift, 1, 300)
        values[:9] = [math.nan, math.inf, -math.inf] * 3
        table = {"a b": values, "c": pa.array(["u", None, "w"] * 100), "empty": pa.nulls(300, pa.float64())}
        pa.parquet.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    out = tmp_path / "drift.html"
    write(tmp_path / "reference.parquet", tmp_path / "current.parquet", columns, out)
    text = out.read_text()
    assert "a b" in text
    told = re.findall(r'"(?:column_name|stattest_name|data_drift)": "([^"]*)"', text)
    assert told == ["a b", "Kolmogorov-Smirnov distance", "Not Detected", "c", "PSI", "Not Detected"]  # 0.7 of 0.9
    assert len(text) > 100_000
    assert [p.name for p in tmp_path.glob("*.partial")] == []


def test_a_report_of_a_file_that_is_no_parquet_is_an_input_error(tmp_path):
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(InputError, match=r"x\.parquet"):
        write(
            tmp_path / "x.parquet", tmp_path / "x.parquet", [Compared("a", NUMBER, "psi", 0.1)], tmp_path / "out.html"
        )
