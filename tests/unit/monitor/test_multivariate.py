"""Whole rows of two windows told apart, or not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, permutation_test
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import roc_auc_score

from maintainer.monitor import multivariate
from maintainer.monitor.multivariate import LEAST, RIDGE, Classifier, compare, judged, judged_area, learn


def normals(rng: np.random.Generator, n: int, columns: int = 8, together: float = 0.0) -> dict[str, np.ndarray]:
    drawn = rng.normal(size=(n, columns))
    drawn[:, 1] = together * drawn[:, 0] + np.sqrt(1.0 - together**2) * drawn[:, 1]
    return {f"c{place}": drawn[:, place] for place in range(columns)}


def test_a_changed_correlation_that_no_column_shows_is_found_with_the_two_columns_that_carry_it() -> None:
    rng = np.random.default_rng(0)
    before, now = normals(rng, 1000), normals(rng, 1000, together=0.6)
    assert all(mannwhitneyu(before[name], now[name]).pvalue > 0.01 for name in before)
    found = compare(before, now)
    assert found is not None
    assert found.drifted and found.p < 1e-4 and found.value == found.score > 0.05
    assert {carrier.column for carrier in found.carriers[:2]} == {"c0", "c1"}
    assert sum(carrier.share for carrier in found.carriers[:2]) > 0.6


def test_without_drift_p_values_are_no_smaller_than_uniform_ones_and_the_evidence_is_0() -> None:
    rng = np.random.default_rng(1)
    made = [compare(normals(rng, 200), normals(rng, 150)) for _ in range(300)]
    p = np.asarray([found.p for found in made if found is not None])
    assert p.size == 300
    for level in (0.05, 0.2, 0.5):
        assert (p <= level).mean() <= level + 2.6 * np.sqrt(level * (1.0 - level) / p.size)
    assert (p <= 0.5).mean() > 0.35  # and not by being silent
    assert all(found.value == 0.0 for found in made if found is not None and not found.drifted)


def test_neighbours_in_time_that_are_alike_do_not_count_one_by_one() -> None:
    rng = np.random.default_rng(2)

    def walked(n: int) -> dict[str, np.ndarray]:
        steps = rng.normal(size=(n, 6))
        for row in range(1, n):
            steps[row] = 0.5 * steps[row - 1] + np.sqrt(0.75) * steps[row]
        return {f"c{place}": steps[:, place] for place in range(6)}

    p = np.asarray([found.p for found in (compare(walked(400), walked(400)) for _ in range(150)) if found])
    assert (p <= 0.05).mean() <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / 150)


def test_the_classifier_is_the_ridge_of_scikit_learn_on_the_same_terms() -> None:
    rng = np.random.default_rng(3)
    basis, current = rng.normal(size=(400, 5)), np.arange(400) >= 250
    basis[current, 2] += 0.5
    model = learn(basis, current)
    terms = multivariate._made(basis, model.terms)  # pyright: ignore[reportPrivateUsage]
    theirs = RidgeClassifier(alpha=RIDGE * 400).fit(terms, current)
    mine = model.scores(basis)
    theirs_scores = theirs.decision_function(terms)
    np.testing.assert_allclose(mine - mine.mean(), theirs_scores - theirs_scores.mean(), atol=1e-9)
    assert judged_area(mine, current) == pytest.approx(roc_auc_score(current, theirs_scores))


def test_the_p_value_of_a_fold_is_that_of_scipys_exact_permutation_of_its_blocks() -> None:
    rng = np.random.default_rng(4)
    block = np.tile(np.repeat(np.arange(6), 5), 2)
    current = np.arange(60) >= 30
    scores = rng.normal(size=60) + 0.4 * current
    area, p = judged(scores, current, block)
    ranks = np.argsort(np.argsort(scores)) + 1.0
    means = [ranks[side].reshape(6, 5).mean(axis=1) for side in (current, ~current)]
    wanted = permutation_test(means, lambda a, b: a.sum() - b.sum(), alternative="greater", n_resamples=10_000)
    assert p == pytest.approx(wanted.pvalue)
    assert area == pytest.approx(roc_auc_score(current, scores))


def test_the_same_rows_give_the_same_result() -> None:
    def once() -> object:
        rng = np.random.default_rng(5)
        return compare(normals(rng, 300), normals(rng, 300, together=0.9), seed=3)

    assert once() == once()


def strange(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {
        "constant": np.full(n, 3.0),
        "missing": np.full(n, np.nan),
        "none": np.full(n, None, dtype=object),
        "endless": np.where(rng.random(n) < 0.5, np.inf, -np.inf),
        "huge": rng.normal(size=n) * 1e300,
        "many": np.asarray([f"v{rng.integers(10**9)}" for _ in range(n)], dtype=object),
        "one": np.asarray(["x"] * n, dtype=object),
    }


def test_columns_that_say_nothing_make_no_drift_and_no_warning() -> None:
    rng = np.random.default_rng(6)
    found = compare(strange(200, rng), strange(200, rng))
    assert found is not None
    assert np.isfinite([found.score, found.p]).all() and not found.drifted
    nothing = {name: strange(200, rng)[name] for name in ("constant", "missing", "none", "one")}
    assert compare(nothing, nothing) == multivariate.Together(
        "drift.multivariate", multivariate.METHOD, 0, 1, (200, 200)
    )


def test_gaps_that_come_and_a_category_that_goes_are_seen_and_a_column_that_vanished_is_left_out() -> None:
    rng = np.random.default_rng(7)
    whole = normals(rng, 600, 4)
    gaps = normals(rng, 600, 4)
    gaps["c2"] = np.where(rng.random(600) < 0.3, np.nan, gaps["c2"])
    found = compare(whole, gaps)
    assert found is not None and found.drifted and found.carriers[0].column == "c2"
    words = [np.asarray(rng.choice(list(names), 600), dtype=object) for names in ("abc", "ab")]
    told = compare({**whole, "w": words[0], "gone": words[0]}, {**normals(rng, 600, 4), "w": words[1]})
    assert told is not None and told.drifted and told.carriers[0].column == "w"


def test_with_too_few_rows_nothing_is_said() -> None:
    rng = np.random.default_rng(8)
    assert compare(normals(rng, LEAST - 1), normals(rng, 500)) is None
    assert compare(normals(rng, 500), normals(rng, 1)) is None
    assert compare(normals(rng, LEAST), normals(rng, LEAST)) is not None


def test_a_classifier_keeps_its_scores_where_a_product_is_huge() -> None:
    model = Classifier(np.asarray([[0, 1]]), np.zeros(1), np.ones(1))
    assert model.scores(np.asarray([[1e9, 1e9]]))[0] == pytest.approx(3.0)
