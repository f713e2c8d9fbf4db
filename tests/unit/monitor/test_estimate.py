"""The accuracy to expect without labels: calibrated, with bounds that hold, and blind."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from maintainer.domain.sample import TaskKind, Window
from maintainer.monitor.estimate import GROUPS, LEAST, Past, expect, group_cuts, isotonic
from maintainer.monitor.measured import Estimating, QualityRequest
from maintainer.monitor.measuring import measure

WEEK = Window.before(datetime(2026, 1, 8, tzinfo=UTC), timedelta(days=7))
Drawn = tuple[np.ndarray, np.ndarray]


def drawn(seed: int, n: int, low: float = 0.5, bias: float = 0.1) -> Drawn:
    """Return confidences, and right answers that are rarer than the model says."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(low, 1.0, n)
    return confidence, rng.random(n) < confidence - bias


@pytest.mark.parametrize("seed", range(5))
def test_pooling_agrees_with_scikit_learn(seed: int):
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 20, 60).astype(float)
    shares = np.clip(np.linspace(0.2, 0.9, 60) + rng.normal(0, 0.2, 60), 0, 1)
    wanted = IsotonicRegression().fit(np.arange(60), shares, sample_weight=weights).predict(np.arange(60))
    assert isotonic(shares * weights, weights) == pytest.approx(wanted)


def test_an_overconfident_model_is_estimated_as_it_is_on_other_inputs_than_before():
    past, now = drawn(1, 4000), drawn(2, 4000, low=0.8)
    told = expect(Past(*past), now[0])
    assert now[0].mean() - now[1].mean() > 0.08
    assert told.value == pytest.approx(now[1].mean(), abs=0.02)
    assert told.lower < now[1].mean() < told.upper


def test_the_bounds_hold_what_comes_true_in_about_95_of_100_windows():
    held = 0
    for seed in range(200):
        past, now = drawn(2 * seed, 600), drawn(2 * seed + 1, 400, low=0.6)
        told = expect(Past(*past), now[0])
        held += told.lower <= now[1].mean() <= told.upper
    assert held >= 182  # 91 %: three deviations below


def test_the_same_answers_give_the_same_estimate():
    past, now = drawn(1, 500), drawn(2, 500)
    assert expect(Past(*past), now[0]) == expect(Past(*past), now[0])


def test_equal_confidences_are_one_group_and_give_the_accuracy_of_the_past():
    told = expect(Past(np.full(200, 0.7), np.arange(200) < 120), np.full(50, 0.7))
    assert told.value == pytest.approx(0.6)
    assert told.lower < 0.6 < told.upper
    assert group_cuts(np.full(200, 0.7)).size == 0


def test_groups_are_about_equal_and_never_split_equal_confidences():
    confidence = np.concatenate([np.full(500, 0.9), np.linspace(0.1, 0.8, 500)])
    cuts = group_cuts(confidence)
    sizes = np.bincount(np.searchsorted(cuts, confidence, side="right"))
    assert cuts.size < GROUPS and 0.9 not in cuts
    assert sizes[-1] == 500 and sizes[:-1].max() <= 40


@pytest.mark.parametrize("right", [True, False])
def test_a_past_that_was_always_right_or_always_wrong_is_told_with_bounds_inside_0_and_1(right: bool):
    told = expect(Past(np.linspace(0.5, 1, 100), np.full(100, right)), np.linspace(0.5, 1, 10))
    assert (told.value, told.lower >= 0.0, told.upper <= 1.0) == (float(right), True, True)


def write(path: Path, labels: np.ndarray, chances: np.ndarray) -> str:
    """Write a file of answers of a model that knows the classes no and yes."""
    rows = [
        (i, "yes" if label else "no", "yes" if chance > 0.5 else "no", chance)
        for i, (label, chance) in enumerate(zip(labels.tolist(), chances.tolist(), strict=True))
    ]
    with duckdb.connect() as db:
        db.execute("create table t (i int, label varchar, answer varchar, chance double)")
        db.executemany("insert into t values (?, ?, ?, ?)", rows)
        moment = "timestamp '2026-01-01' + to_minutes(i) as moment"
        chances_sql = "case when isnan(chance) then null else [1 - chance, chance]::float[] end as chances"
        db.execute(f"copy (select {moment}, label, answer, {chances_sql} from t order by i) to '{path}'")
    return str(path)


def asked(past: str, now: str, labelled: str | None = None, older: str | None = None) -> QualityRequest:
    return QualityRequest(
        task=TaskKind.CLASSIFICATION,
        metrics=("accuracy",),
        classes=("no", "yes"),
        labelled=labelled,
        older=older,
        estimating=Estimating(past=past, current=now, window=WEEK),
        former=() if labelled is None else (labelled,),
    )


def test_a_concept_drift_is_noticed_within_200_labels_where_the_estimate_stays_silent(tmp_path: Path):
    rng = np.random.default_rng(5)
    chances = rng.uniform(0.0, 1.0, 3000)
    labels = rng.random(3000) < chances
    labels[1000:] = ~labels[1000:]  # the same inputs now mean the other class; the answers stay
    old = write(tmp_path / "old.parquet", labels[:1000], chances[:1000])
    new = write(tmp_path / "new.parquet", labels[1000:1200], chances[1000:1200])
    found = measure(asked(old, write(tmp_path / "now.parquet", labels[1000:], chances[1000:]), new, old))
    (change,) = found.changes or ()
    assert change.n_before == pytest.approx(1000, abs=10)
    assert change.size > 0.4
    (estimate,) = found.estimates
    assert isinstance(estimate.window, Window) and estimate.mark == "blind to concept drift"
    assert estimate.value == pytest.approx(0.75, abs=0.03)  # as before: it has not noticed
    assert found.realised[0] is not None and found.realised[0].value == pytest.approx(0.25, abs=0.08)


def test_answers_without_probabilities_are_left_out_and_too_few_are_said(tmp_path: Path):
    chances = np.full(300, 0.9)
    chances[: 300 - LEAST + 1] = np.nan
    past = write(tmp_path / "past.parquet", np.ones(300, bool), chances)
    found = measure(asked(past, past))
    assert found.estimates == ()
    assert found.notes == (
        f"accuracy not estimated: {LEAST - 1} labelled answers before the window have probabilities, {LEAST} wanted",
    )
