"""What windows of one distribution score: the floors, against draws of such windows."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import ColumnKind
from maintainer.monitor import chance, ranks
from maintainer.monitor.frames import Spread, spread

LEVEL = 0.05
WINDOWS = 150


def listed(values: np.ndarray) -> Spread:
    distinct, times = np.unique(values, return_counts=True)
    counts = ColumnCounts(
        ColumnKind.NUMBER,
        values.size,
        0,
        tuple(times.tolist()),
        numbers=tuple(distinct.tolist()),
        minimum=float(distinct[0]),
        maximum=float(distinct[-1]),
    )
    return spread(counts)


@pytest.mark.parametrize("cells", [2, 7, 100])
def test_the_shares_of_one_distribution_pass_their_floor_as_often_as_asked(cells):
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.ones(cells))
    passed = 0
    for _ in range(WINDOWS):
        before, now = rng.multinomial(3000, shares), rng.multinomial(200, shares)
        passed += jensenshannon(before, now) > chance.counted("jensenshannon", before, now, LEVEL)
    assert 0.01 <= passed / WINDOWS <= 0.1


def test_words_that_come_once_each_are_no_drift():
    before, now = np.repeat([1, 0], [300, 200]), np.repeat([0, 1], [300, 200])
    floor = chance.counted("jensenshannon", before, now, LEVEL)
    assert floor == pytest.approx(jensenshannon(before, now))


@pytest.mark.parametrize("shape", ["normal", "lognormal", "mostly zero", "whole"])
def test_numbers_of_one_distribution_pass_their_floor_as_often_as_asked(shape):
    rng = np.random.default_rng(2)
    draw = {
        "normal": lambda n: rng.normal(size=n),
        "lognormal": lambda n: rng.lognormal(0, 1.5, n),
        "mostly zero": lambda n: np.where(rng.random(n) < 0.85, 0.0, rng.lognormal(0, 1, n)),
        "whole": lambda n: rng.poisson(3, n).astype(float),
    }[shape]
    passed = {"wasserstein": 0, "ks": 0}
    for _ in range(WINDOWS):
        before, now = draw(800), draw(150)
        both = ranks.paired(listed(before), listed(now))
        passed["wasserstein"] += ranks.wasserstein(both) > chance.wasserstein(both, 800, 150, LEVEL)
        passed["ks"] += ranks.kolmogorov(both) > chance.ks(800, 150, LEVEL)
    assert 0.01 <= passed["wasserstein"] / WINDOWS <= 0.1
    assert passed["ks"] / WINDOWS <= 0.1  # of few values it is a bound


def test_a_lone_outlier_is_within_chance_and_many_are_not():
    values = np.random.default_rng(0).normal(size=500)
    for outliers, drifted in ((1, False), (40, True)):
        now = np.concatenate([np.full(outliers, 9999.0), values[outliers:]])
        both = ranks.paired(listed(values), listed(now))
        area = ranks.wasserstein(both)
        assert area == pytest.approx(wasserstein_distance(values, now))
        assert (area > chance.wasserstein(both, 500, 500, 0.001)) == drifted


def test_more_rows_lower_every_floor():
    few, many = np.asarray([30, 50, 20]), np.asarray([3000, 5000, 2000])
    for method in ("jensenshannon", "hellinger", "psi", "kl_div"):
        assert chance.counted(method, few, few, LEVEL) > 3 * chance.counted(method, many, many, LEVEL)
    assert chance.ks(100, 100, LEVEL) == pytest.approx(10 * chance.ks(10_000, 10_000, LEVEL))


def test_a_floor_is_the_same_each_time():
    counts = np.asarray([30, 50, 20])
    assert chance.counted("psi", counts, counts, LEVEL) == chance.counted("psi", counts, counts, LEVEL)


def test_a_window_of_a_thousand_million_rows_has_a_floor():
    huge = np.asarray([3 * 10**9, 2 * 10**9])
    assert 0 < chance.counted("jensenshannon", huge, huge, LEVEL) < 1e-3
