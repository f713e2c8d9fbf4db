"""Drawn scores have the distribution that the same process gives, and thresholds come at the rate that is allowed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

from maintainer.monitor.calibrate import Budget, calibrate, plan_of, shape_of
from maintainer.monitor.null import Plan, Tallied, block_of, places, scores

STEPS, EACH, CELLS = 160, 25, 64


def series(lasting: float, steps: int = STEPS, seed: int = 0) -> np.ndarray:
    """Return (steps, EACH) numbers of which a part, the share `lasting`, is that of the step before."""
    rng = np.random.default_rng(seed)
    level = np.zeros(steps)
    for step in range(1, steps):
        level[step] = lasting * level[step - 1] + np.sqrt(1 - lasting**2) * rng.normal()
    return level[:, None] * (lasting > 0) + rng.normal(size=(steps, EACH))


def tallied(numbers: np.ndarray, method: str = "wasserstein", name: str = "x") -> Tallied:
    edges = np.quantile(numbers, np.linspace(0, 1, CELLS + 1))[1:-1]
    codes = np.searchsorted(edges, numbers)
    rows = np.stack([np.bincount(row, minlength=CELLS) for row in codes])
    middle = np.array([numbers[codes == cell].mean() for cell in range(CELLS)])
    widths = np.diff(middle) / numbers.std() if method in ("wasserstein", "ks") else None
    return Tallied(name, "value", method, rows, rows, block_of(rows, widths is not None), widths)


def test_a_step_alone_is_a_block_where_nothing_lasts_and_many_are_one_where_levels_last():
    assert tallied(series(0.0)).block == 1
    assert tallied(series(0.9)).block >= 10


def test_a_reference_keeps_eight_blocks_however_slowly_it_moves():
    assert tallied(np.cumsum(series(0.0), axis=0)).block == STEPS // 8


@pytest.mark.parametrize("method", ["ks", "wasserstein"])
def test_a_drawn_score_is_the_distance_that_scipy_finds_between_the_drawn_rows(method: str):
    numbers = np.repeat(np.random.default_rng(1).integers(0, CELLS, (10, 1)), 3, axis=1).astype(float)
    rows = np.stack([np.bincount(row.astype(int), minlength=CELLS) for row in numbers])
    one = Tallied("x", "value", method, rows, rows, 1, np.ones(CELLS - 1))
    plan = Plan(steps=10, window=4, stride=4, checks=2, sequences=3)
    drawn = places(plan, 2, np.random.default_rng(0))
    found = scores(one, plan, drawn)
    for sequence in range(3):
        before = np.repeat(numbers, drawn[1][sequence].astype(int), axis=0).ravel()
        for check in range(2):
            now = numbers[drawn[0][sequence, 4 * check : 4 * check + 4]].ravel()
            expected = ks_2samp(before, now).statistic if method == "ks" else wasserstein_distance(before, now)
            assert found[sequence, check] == pytest.approx(expected)


def test_overlapping_windows_are_drawn_from_the_same_steps():
    plan = Plan(steps=40, window=6, stride=2, checks=5, sequences=4)
    rows = np.random.default_rng(0).multinomial(20, [0.2] * 5, 40)
    one = Tallied("x", "value", "jensenshannon", rows, rows, 1)
    drawn = places(plan, 3, np.random.default_rng(0))
    whole = scores(one, plan, drawn)
    for check in range(5):
        part = Plan(steps=40, window=6, stride=6, checks=1, sequences=4)
        alone = scores(one, part, (drawn[0][:, 2 * check : 2 * check + 6], drawn[1]))
        assert whole[:, check] == pytest.approx(alone[:, 0])


def test_the_shape_of_drawn_scores_gives_their_quantiles():
    drawn = np.sqrt(np.random.default_rng(0).chisquare(3, 20_000))
    shape = shape_of("ks", drawn)
    assert shape.score(0.05) == pytest.approx(np.quantile(drawn, 0.95), rel=0.02)
    assert np.exp(-shape.surprise(np.array([shape.score(0.01)])))[0] == pytest.approx(0.01)


def share_past(lasting: float, allowed: float, streams: int) -> float:
    """Return the share of streams whose next window is past a threshold found on what came before."""
    past = 0
    for seed in range(streams):
        columns = [series(lasting, STEPS + 40, 10 * seed + c) for c in range(4)]
        plan = plan_of(STEPS, 8, 8)
        found = calibrate([tallied(c[:STEPS], name=str(n)) for n, c in enumerate(columns)], plan, Budget(allowed, 1.0))
        now = [wasserstein_distance(c[:STEPS].ravel(), c[-8:].ravel()) / c[:STEPS].std() for c in columns]
        past += any(score > each.threshold for score, each in zip(now, found.each, strict=True))
    return past / streams


@pytest.mark.parametrize("lasting", [0.0, 0.8])
def test_stable_streams_pass_any_of_their_thresholds_about_as_often_as_allowed(lasting: float):
    assert share_past(lasting, 0.1, 60) <= 0.1 + 2.5 * np.sqrt(0.1 * 0.9 / 60)


def test_a_shift_passes_where_nothing_lasts_and_is_usual_where_levels_wander():
    quiet, restless = (
        calibrate([tallied(series(lasting))], plan_of(STEPS, 8, 8), Budget(0.05, 1.0)) for lasting in (0.0, 0.9)
    )
    assert quiet.each[0].threshold < 0.25 < restless.each[0].threshold


def test_fewer_alarms_are_bought_with_higher_thresholds_and_more_columns_too():
    one, many = [tallied(series(0.0))], [tallied(series(0.0, seed=s), name=str(s)) for s in range(10)]
    plan = plan_of(STEPS, 8, 8)
    found = [calibrate(t, plan, Budget(a, 4.0)).each[0].threshold for t, a in ((one, 1), (one, 0.1), (many, 1))]
    assert found[0] < found[1]
    assert found[0] < found[2]


def test_columns_that_move_together_cost_no_more_than_one():
    plan, one = plan_of(STEPS, 8, 8), tallied(series(0.0))
    found = [calibrate([one] * times, plan, Budget(0.05, 1.0)).each[0].threshold for times in (1, 10)]
    assert found[1] == pytest.approx(found[0], rel=0.12)


def test_the_same_reference_gives_the_same_thresholds():
    plan, one = plan_of(STEPS, 8, 1), [tallied(series(0.5))]
    assert calibrate(one, plan, Budget(1, 30)) == calibrate(one, plan, Budget(1, 30))


def test_what_never_varied_is_past_its_threshold_as_soon_as_it_does():
    rows = np.zeros((STEPS, 2), dtype=np.int64)
    rows[:, 0] = 10
    found = calibrate([Tallied("x", "missing", "jensenshannon", rows, rows, 1)], plan_of(STEPS, 8, 8), Budget(1, 4))
    assert (found.each[0].threshold, found.each[0].usual) == (0.0, (0.0, 0.0))


def test_what_rests_on_few_blocks_is_doubted_so_its_threshold_is_higher():
    known = tallied(series(0.0))
    few, many = (Tallied("x", "value", known.method, known.before, known.now, b, known.widths) for b in (40, 1))
    found = [calibrate([one], plan_of(STEPS, 8, 8), Budget(0.05, 1.0)).each[0].threshold for one in (few, many)]
    assert found[0] > 1.4 * found[1]
