"""Changes of the error: exact tails, no false alarms, short delays."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from scipy.stats import hypergeom

from maintainer.domain.sample import TaskKind
from maintainer.monitor.measuring import File, changes_of
from maintainer.monitor.quality import Answered
from maintainer.monitor.stream import HORIZON, STEP, Look, changes, log_tails

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def rising(seed: int, before: int, low: float = 0.2, high: float = 0.3, after: int = 3000) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.random(before) < low, rng.random(after) < high])


def file(wrong: np.ndarray) -> File:
    moments = np.datetime64("2026-01-01") + np.arange(wrong.size) * np.timedelta64(1, "m")
    answers = np.where(wrong, "no", "yes").astype(object)
    return File(moments, Answered(np.full(wrong.size, "yes", object), answers), np.full(wrong.size, np.nan))


@pytest.mark.parametrize("hits", [0, 3, 11, 12, 13, 25, 60])
def test_the_tails_are_those_of_scipys_hypergeometric_distribution(hits: int):
    found = log_tails(Look(500, 100, np.array([60]), np.array([hits])))[0]
    told = hypergeom(500, 100, 60)
    wanted = told.logsf(hits - 1) if hits * 500 >= 100 * 60 else told.logcdf(hits)
    assert found == pytest.approx(wanted, abs=1e-6)


def test_the_table_of_fishers_lady_tasting_tea_has_its_one_sided_p():
    found = log_tails(Look(8, 4, np.array([4]), np.array([3])))[0]
    assert np.exp(found) == pytest.approx(17 / 70)  # Fisher 1935, chapter 2


def test_the_same_errors_give_the_same_changes():
    errors = rising(3, 1500)
    assert changes(errors) == changes(errors.copy()) != []


def test_a_rise_from_a_fifth_to_three_tenths_is_found_within_six_hundred_errors_and_dated_near():
    delays, misses = [], 0
    for seed in range(20):
        cuts = changes(rising(seed, 2000))
        misses += not cuts
        delays += [cut.noticed - 2000 for cut in cuts[:1]]
        assert all(cut.noticed > 2000 for cut in cuts)
    assert misses == 0
    assert np.median(delays) < 600
    assert abs(np.median([changes(rising(seed, 2000))[0].place for seed in range(20)]) - 2000) < 60


@pytest.mark.parametrize("rate", [0.02, 0.2, 0.5])
def test_independent_errors_of_one_rate_hardly_ever_give_an_alarm(rate: float):
    rng = np.random.default_rng(int(rate * 100))
    assert sum(bool(changes(rng.random(5000) < rate)) for _ in range(40)) <= 1


def test_errors_in_bursts_hardly_ever_give_an_alarm():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(20):
        bursts = np.repeat(rng.random(2400) < 0.2, 4)  # each error comes four times
        alarms += bool(changes(bursts))
    assert alarms <= 1


def test_a_fall_after_a_rise_is_a_second_change():
    errors = np.concatenate([rising(1, 1500, 0.1, 0.4, 1500), rising(2, 1500, 0.1, 0.1, 0)])
    assert [round(cut.place, -2) for cut in changes(errors)] == [1500, 3000]


@pytest.mark.parametrize("errors", [[], [True], [False] * 5000, [True] * 5000, [True, False] * 31])
def test_few_errors_and_those_that_are_all_alike_tell_of_no_change(errors: list[bool]):
    assert changes(np.array(errors, bool)) == []


def test_of_a_longer_stream_the_newest_are_looked_at():
    errors = np.concatenate([np.ones(1000, bool), np.zeros(HORIZON, bool)])
    assert changes(errors) == []
    later = np.concatenate([np.zeros(HORIZON, bool), np.ones(200, bool)])
    assert [cut.place for cut in changes(later)] == [HORIZON]


def test_a_change_has_its_time_and_the_error_before_and_after():
    wrong = np.concatenate([np.zeros(300, bool), np.ones(100, bool)])
    (change,) = changes_of(TaskKind.CLASSIFICATION, [file(wrong)]) or ()
    assert change.at == NEW_YEAR + timedelta(minutes=300)
    assert change.noticed < NEW_YEAR + timedelta(minutes=300 + 2 * STEP)
    assert (change.before, change.after, change.n_before, change.n_after) == (0.0, 1.0, 300, 100)
    assert change.size == 1.0


def test_the_error_of_numbers_is_its_median_and_absurd_ones_are_left_out():
    rng = np.random.default_rng(0)
    scale = np.repeat([1.0, 3.0], 600)
    answers = rng.normal(0.0, scale)
    answers[5] = np.nan
    moments = np.datetime64("2026-01-01") + np.arange(1200) * np.timedelta64(1, "m")
    given = File(moments, Answered(np.zeros(1200), answers), np.full(1200, np.nan))
    (change,) = changes_of(TaskKind.REGRESSION, [given]) or ()
    assert change.before == pytest.approx(0.6745, rel=0.15)
    assert change.after == pytest.approx(3 * 0.6745, rel=0.15)
    assert change.n_before + change.n_after == 1199


def test_too_few_labels_are_no_evidence_that_nothing_changed():
    assert changes_of(TaskKind.CLASSIFICATION, [file(np.zeros(2 * STEP - 1, bool))]) is None
    assert changes_of(TaskKind.CLASSIFICATION, [file(np.zeros(2 * STEP, bool))]) == ()
