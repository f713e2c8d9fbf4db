"""The statistics against published examples, brute force and simulation."""

from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest
from scipy.optimize import brentq

from maintainer.domain.statistics import (
    Resampling,
    block_length,
    bootstrap,
    fewest,
    fewest_at,
    mcnemar,
    resampled_means,
    share_at_most,
    tango,
    wilson,
)
from maintainer.gate.compare import compare
from maintainer.gate.figures import Answered, Pairs


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 1), (5, 0), (0, 5), (1, 7), (7, 25), (59, 6), (6, 59)])
def test_mcnemar_is_the_binomial_tail(b, c):
    tail = sum(comb(b + c, k) for k in range(c, b + c + 1)) / 2 ** (b + c)
    assert mcnemar(b, c) == pytest.approx(tail, rel=1e-12)


def test_mcnemar_agrees_with_a_published_example():
    # two media for tubercle bacilli, Armitage & Berry 1994, p. 127: 12 and 2 discordant, exact two-sided p = 0.0129
    assert 2 * mcnemar(2, 12) == pytest.approx(0.0129, abs=5e-5)


@pytest.mark.parametrize(("minus", "plus", "n"), [(0, 1, 44), (20, 40, 160), (12, 30, 400), (0, 0, 50), (3, 0, 10)])
def test_tango_bounds_are_roots_of_the_published_quartic(minus, plus, n):
    """Yang, Sun & Hardin 2012, the non-iterative form, https://doi.org/10.1002/sim.5545."""
    z2, d, s = 1.6448536270**2, plus - minus, plus + minus
    quartic = [
        n**2 * (n / z2 + 1) ** 2,
        -n * d * (n / z2 + 1) * (4 * n / z2 + 1),
        2 * n * d**2 * (3 * n / z2 + 2) / z2 - n**2 * (s / z2 + 1),
        n * d * (2 * s / z2 + 1) - d**3 * (4 * n / z2 + 1) / z2,
        d**2 * (d**2 / z2 - s) / z2,
    ]
    roots = np.roots(quartic)
    real = np.sort(roots[np.abs(roots.imag) < 1e-6].real)
    for bound in tango(minus, plus, n, 0.95):
        assert np.abs(real - bound).min() < 1e-6


def likelihood_score(gain: float, plus: int, minus: int, n: int) -> float:
    """Tango's statistic with the nuisance share found by maximising the trinomial likelihood numerically."""
    low, high = max(0.0, -gain), (1 - gain) / 2

    def slope(share: float) -> float:
        rest = 1 - gain - 2 * share
        return plus / (share + gain) + minus / share - 2 * (n - plus - minus) / rest

    share = brentq(slope, low + 1e-13, high - 1e-13, xtol=1e-15)
    return (plus - minus - n * gain) / np.sqrt(n * (2 * share + gain - gain**2))


@pytest.mark.parametrize(("minus", "plus", "n"), [(1, 7, 21), (3, 9, 44), (12, 30, 400), (5, 4, 1000), (40, 30, 90)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.975])
def test_tango_bounds_are_where_the_likelihood_score_meets_its_quantile(minus, plus, n, confidence):
    z = {0.9: 1.2815515655, 0.95: 1.6448536270, 0.975: 1.9599639845}[confidence]
    low, high = tango(minus, plus, n, confidence)
    assert likelihood_score(low, plus, minus, n) == pytest.approx(z, abs=1e-6)
    assert likelihood_score(high, plus, minus, n) == pytest.approx(-z, abs=1e-6)


@pytest.mark.parametrize("n", [10, 300, 20_000])
def test_tango_without_a_single_flip_still_allows_for_some(n):
    z2 = 1.6448536270**2
    assert tango(0, 0, n, 0.95) == pytest.approx((-z2 / (n + z2), z2 / (n + z2)), rel=1e-6)


def test_tango_is_mirrored_when_the_models_change_places_and_stays_in_range():
    for minus, plus, n in product([0, 1, 5], [0, 1, 5], [10, 44]):
        low, high = tango(minus, plus, n, 0.95)
        assert -1 <= low <= (plus - minus) / n <= high <= 1
        assert tango(plus, minus, n, 0.95) == pytest.approx((-high, -low), abs=1e-9)
    assert tango(0, 1, 1, 0.95)[1] == pytest.approx(1.0)
    assert tango(0, 0, 0, 0.95) == (-1.0, 1.0)


@pytest.mark.parametrize(("hits", "n"), [(0, 300), (1, 40), (3, 100), (20, 21)])
def test_a_share_bound_is_where_so_few_hits_become_unlikely(hits, n):
    bound = share_at_most(hits, n, 0.95)
    assert sum(comb(n, k) * bound**k * (1 - bound) ** (n - k) for k in range(hits + 1)) == pytest.approx(0.05)


def test_no_flip_in_300_leaves_one_per_cent():
    assert share_at_most(0, 300, 0.95) == pytest.approx(0.01, abs=1e-4)
    assert fewest(0.01, 0.95) == 299
    assert share_at_most(0, fewest(0.1, 0.95), 0.95) <= 0.1 < share_at_most(0, fewest(0.1, 0.95) - 1, 0.95)
    assert share_at_most(0, 0, 0.95) == share_at_most(4, 4, 0.95) == 1.0


@pytest.mark.parametrize(("hits", "share"), [(0.0, 0.02), (0.001, 0.02), (0.01, 0.02), (0.015, 0.02), (0.1, 0.2)])
def test_about_so_many_samples_exclude_a_share(hits, share):
    n = fewest_at(hits, share, 0.95)
    assert share_at_most(round(hits * 0.85 * n), round(0.85 * n), 0.95) > share
    assert share_at_most(round(hits * 1.2 * n), round(1.2 * n), 0.95) <= share


def test_resampled_means_are_those_of_the_samples_drawn_in_circular_blocks():
    terms = np.random.default_rng(0).normal(size=(23, 3))
    how = Resampling(resamples=50, seed=4)
    got = np.concatenate(list(resampled_means(terms, 5, how)))
    starts = np.random.default_rng(4).integers(0, 23, (50, 5))
    drawn = ((starts[:, :, None] + np.arange(5)) % 23).reshape(50, -1)[:, :23]
    np.testing.assert_allclose(got, terms[drawn].mean(axis=1), atol=1e-12)


def test_the_bootstrap_repeats_itself_under_a_seed_and_only_then():
    terms = np.random.default_rng(0).normal(size=(200, 2))
    first = bootstrap(terms, lambda m: m[:, 1] - m[:, 0], Resampling(seed=1))
    assert first == bootstrap(terms, lambda m: m[:, 1] - m[:, 0], Resampling(seed=1))
    assert first != bootstrap(terms, lambda m: m[:, 1] - m[:, 0], Resampling(seed=2))


def test_the_bootstrap_of_independent_samples_agrees_with_the_normal_interval():
    terms = np.random.default_rng(0).normal(size=(2000, 1))
    low, high = bootstrap(terms, lambda m: m[:, 0], Resampling(resamples=20_000, block=1))
    half = 1.6448536270 * terms.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((terms.mean() - half, terms.mean() + half), abs=0.03 * half)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_handful_of_samples_bounds_nothing(n):
    assert bootstrap(np.ones((n, 2)), lambda m: m[:, 0], Resampling()) == (-np.inf, np.inf)


def test_blocks_are_the_third_root_of_n_and_longer_for_a_long_memory():
    noise = np.random.default_rng(0).normal(size=1000)
    assert block_length(noise) == 10
    assert block_length(np.zeros(1001)) == 11
    assert 20 <= block_length(autocorrelated(np.random.default_rng(0), 1000, 0.9)) <= 166


def autocorrelated(rng: np.random.Generator, n: int, rho: float) -> np.ndarray:
    noise = rng.normal(size=n + 50)
    for at in range(1, len(noise)):
        noise[at] += rho * noise[at - 1]
    return noise[50:] * np.sqrt(1 - rho**2)


def null_rate(metric: str, rho: float, n: int, trials: int = 300) -> float:
    """The share of trials in which one of two equally good models passes as better, at 95 %."""
    passed = 0
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        old, new = autocorrelated(rng, n, rho), autocorrelated(rng, n, rho)
        if metric == "accuracy":  # right where the noise is above -1: about 84 %
            old, new = (old < -1).astype(np.int64), (new < -1).astype(np.int64)
            pairs = Pairs(np.zeros(n, np.int64), Answered(new, np.eye(2)[new]), None)
            seen = compare("accuracy", pairs, Answered(old, np.eye(2)[old]), Resampling(resamples=500, seed=trial))
            passed += seen.low > 0 and seen.p is not None and seen.p <= 0.05
        else:
            pairs = Pairs(np.zeros(n), Answered(new, np.zeros((n, 0))), None)
            seen = compare("mae", pairs, Answered(old, np.zeros((n, 0))), Resampling(resamples=500, seed=trial))
            passed += seen.low > 0
    return passed / trials


@pytest.mark.parametrize(("metric", "rho"), [("accuracy", 0.0), ("accuracy", 0.8), ("mae", 0.0), ("mae", 0.8)])
def test_an_equal_challenger_passes_as_better_at_most_at_the_nominal_rate(metric, rho):
    error = np.sqrt(0.05 * 0.95 / 300)
    assert null_rate(metric, rho, n=500) <= 0.05 + 2.5 * error


def test_a_better_challenger_is_found():
    rng = np.random.default_rng(0)
    old, new = autocorrelated(rng, 2000, 0.5), 0.8 * autocorrelated(rng, 2000, 0.5)
    pairs = Pairs(np.zeros(2000), Answered(new, np.zeros((2000, 0))), None)
    seen = compare("mae", pairs, Answered(old, np.zeros((2000, 0))), Resampling())
    assert 0.1 < seen.low < seen.gain < seen.high < 0.3


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (3, 400), (81, 263)])
def test_wilson_bounds_are_where_the_score_test_of_the_share_is_at_its_level(hits, n):
    z = 1.6448536269514722
    low, high = wilson(hits, n, 0.95)
    for bound, sign in ((low, 1), (high, -1)):
        if 0 < bound < 1:
            assert (hits / n - bound) / np.sqrt(bound * (1 - bound) / n) == pytest.approx(sign * z)
    assert (low == 0) == (hits == 0) and (high == 1) == (hits == n)


def test_wilson_agrees_with_a_published_example():
    # Newcombe 1998, table I, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E
    assert wilson(81, 263, 0.975) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148, 0.975) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 0, 0.95) == (0.0, 1.0)
