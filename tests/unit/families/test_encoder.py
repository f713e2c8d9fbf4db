"""From a table to tensors."""

from __future__ import annotations

import numpy as np
import pytest

from maintainer.domain.sample import TaskKind
from maintainer.families.encoder import FIRST, HEIGHT, MISSING, MOST, UNKNOWN, TableEncoder, encode, fit, grow
from maintainer.families.labels import targets_of
from maintainer.families.table import Samples


def samples(x: list[float], colour: list[str], labels: list[object] | None = None) -> Samples:
    colours = np.array(colour, dtype=object)
    return Samples(len(x), {"x": np.array(x, np.float64)}, {"c": colours}, np.array(labels or ["a"] * len(x), object))


def fitted(x: list[float], colour: list[str]) -> TableEncoder:
    return fit(TableEncoder, TaskKind.CLASSIFICATION, samples(x, colour), ("a", "b"))


def test_unknown_and_missing_categories_have_codes_of_their_own():
    encoder = fitted([1.0] * 5, ["red", "red", "blue", "blue", ""])
    coded = encode(encoder, samples([0.0] * 4, ["blue", "red", "", "violet"]))
    assert coded.codes[:, 0].tolist() == [FIRST, FIRST + 1, MISSING, UNKNOWN]


def test_numbers_are_standardised_squashed_and_marked_when_missing():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=4000) * 5 + 50).tolist()
    encoder = fitted(x, ["red"] * 4000)
    coded = encode(encoder, samples([*x, np.nan, 1e30, -np.inf], ["red"] * 4003))
    assert abs(float(coded.numbers[:4000, 0].mean())) < 0.03
    assert abs(float(coded.numbers[:4000, 0].std()) - 1) < 0.04
    assert coded.numbers[4000, :2].tolist() == [0.0, 1.0] and not coded.numbers[4000, 2:].any()
    high, low = coded.numbers[4001:]
    assert (high[0], low[0]) == (MOST, -MOST)
    assert high[2:].tolist() == pytest.approx([HEIGHT / 2] * 24)
    assert low[2:].tolist() == pytest.approx([-HEIGHT / 2] * 24)


def test_the_ramps_add_up_to_the_place_in_the_distribution():
    x = np.random.default_rng(0).lognormal(sigma=2, size=4001)
    coded = encode(fitted(x.tolist(), ["red"] * 4001), samples(np.quantile(x, [0, 0.25, 0.5, 1]).tolist(), ["red"] * 4))
    assert coded.numbers[:, 2:].sum(axis=1) / HEIGHT + 12 == pytest.approx([0, 6, 12, 24], abs=0.02)


def test_sentinels_and_heavy_tails_leave_the_scale_alone():
    x = np.random.default_rng(0).normal(size=1000)
    x[:30] = -999_999.0
    code = fitted(x.tolist(), ["red"] * 1000).numbers[0]
    assert abs(code.middle) < 0.15 and 0.9 < code.scale < 1.15


def test_numbers_far_outside_get_ramps_of_their_own_and_former_ones_are_coded_as_before():
    rng = np.random.default_rng(0)
    before = fitted(rng.normal(size=400).tolist(), ["red"] * 400)
    after = grow(before, samples((rng.normal(size=400) + 20).tolist(), ["red"] * 400), ("a", "b"))
    assert after.numbers[0].ramps == 48
    old = samples(rng.normal(size=50).tolist(), ["red"] * 50)
    assert encode(after, old).numbers[:, :26].tolist() == encode(before, old).numbers.tolist()
    assert grow(after, samples((rng.normal(size=400) + 20).tolist(), ["red"] * 400), ("a", "b")) == after


def test_ramps_that_come_later_are_zero_for_all_that_came_before():
    rng = np.random.default_rng(0)
    before = fitted(rng.normal(size=400).tolist(), ["red"] * 400)
    both_sides = samples((rng.choice([-20.0, 20.0], 400) + rng.normal(size=400)).tolist(), ["red"] * 400)
    after = grow(before, both_sides, ("a", "b"))
    assert after.numbers[0].ramps == 72 and after.numbers[0].later == 2
    old = samples(np.quantile(rng.normal(size=400), [0.01, 0.5, 0.99]).tolist(), ["red"] * 3)
    assert not encode(after, old).numbers[:, 26:].any()
    new = encode(after, samples([-30.0, 30.0], ["red"] * 2)).numbers[:, 26:]
    assert new.sum(axis=1) / HEIGHT == pytest.approx([-24, 24])


def test_a_constant_that_moves_gets_ramps_that_are_zero_where_it_was():
    before = fitted([3.0] * 50, ["red"] * 50)
    after = grow(before, samples([3.0 + i / 10 for i in range(50)], ["red"] * 50), before.classes)
    assert after.numbers[0].later == 1
    assert not encode(after, samples([3.0], ["red"])).numbers[:, 2:].any()


@pytest.mark.parametrize("x", [[3.0] * 50, [np.nan] * 50, [0.0] * 50, [7e300] * 50, [0.1] * 50])
def test_a_column_without_spread_is_coded_as_zero(x: list[float]):
    encoder = fitted(x, ["red"] * 50)
    assert encoder.numbers[0].constant
    assert encode(encoder, samples(x, ["red"] * 50)).numbers[:, 0].tolist() == [0.0] * 50


def test_one_wild_value_does_not_flatten_the_others():
    x = np.random.default_rng(0).normal(size=200).tolist()
    encoder = fitted([*x, 1e30], ["red"] * 201)
    assert 0.8 < encoder.numbers[0].scale < 1.2


def test_growing_keeps_all_codes_and_appends_what_is_new():
    before = fitted([3.0] * 4, ["red", "red", "blue", "blue"])
    after = grow(before, samples([3.0, 5.0, 7.0, 9.0], ["azure", "azure", "red", "once"]), before.classes)
    assert after.categories[0].vocabulary == ("blue", "red", "azure")
    assert after.categories[0].width == before.categories[0].width
    old = samples([3.0], ["red"])
    assert encode(before, old).numbers[:, :2].tolist() == encode(after, old).numbers[:, :2].tolist()
    assert encode(before, old).codes.tolist() == encode(after, old).codes.tolist()
    assert not after.numbers[0].constant and after.numbers[0].scale > 1


def test_growing_leaves_a_number_that_varied_alone():
    before = fitted([1.0, 2.0, 3.0, 4.0], ["red"] * 4)
    assert (
        grow(before, samples([100.0, 200.0], ["red"] * 2), before.classes).numbers[0].scale == before.numbers[0].scale
    )


def test_an_encoder_survives_json_to_the_last_bit():
    encoder = fitted((np.random.default_rng(1).normal(size=99) / 3).tolist(), ["grün", "\n", "x"] * 33)
    assert TableEncoder.model_validate_json(encoder.model_dump_json()) == encoder


def test_a_label_that_is_no_class_has_the_target_minus_one():
    encoder = fitted([1.0, 2.0], ["r", "r"])
    assert targets_of(encoder, samples([1.0] * 3, ["r"] * 3, ["b", "a", "z"])).tolist() == [1, 0, -1]
