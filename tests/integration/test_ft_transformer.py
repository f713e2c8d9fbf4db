"""The transformer over columns: learns what needs two columns at once, is tuned like the others, grows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.domain.training import Train
from maintainer.families.ft_transformer import FAMILY
from maintainer.families.table import Samples
from maintainer.train.remember import remember
from maintainer.train.situation import Champion, Outcome, Parts, Situation
from maintainer.train.strategies import strategy_of
from maintainer.train.strategies.scratch import bootstrap

CLASSES = ("no", "yes")


def samples(n: int, seed: int, *more: str) -> Samples:
    """Labels that hang on two columns together: the side of x for red, the other side for blue and all others."""
    rng = np.random.default_rng(seed)
    x, colour = rng.normal(size=n), rng.choice(["red", "blue", *more], n)
    labels = np.where((x > 0) == (colour == "red"), "yes", "no")
    gone = np.where(rng.random(n) < 0.1, np.nan, x)
    return Samples(n, {"x": x, "gone": gone}, {"colour": colour.astype(object)}, labels.astype(object))


def situation(new: Samples, judge: Samples, former: Samples, judge_former: Samples) -> Situation:
    rules = Train.model_validate({"epochs": 8, "optimizer": {"learning_rate": 3e-3}, "forgetting_budget": 0.05})
    parts = Parts(new, former, judge, judge_former)
    base = Base(family="ft-transformer")
    return Situation(FAMILY, base, TaskKind.CLASSIFICATION, rules, "accuracy", CLASSES, parts)


def right(outcome: Outcome, of: Samples) -> float:
    module = FAMILY.build(outcome.encoder, outcome.weights).eval()
    with torch.no_grad():
        answers = module(FAMILY.inputs(outcome.encoder, of)).argmax(dim=1).numpy()
    return float(np.mean(np.array(CLASSES)[answers] == of.labels))


@pytest.fixture(scope="module")
def first() -> Outcome:
    none = samples(0, 0)
    return bootstrap(situation(samples(800, 1), samples(300, 2), none, none))


def test_an_answer_that_hangs_on_two_columns_together_is_learned(first: Outcome):
    assert right(first, samples(1000, 3)) > 0.93


def test_the_frontier_learns_new_data_and_keeps_the_former(first: Outcome):
    asked = situation(samples(800, 4, "green"), samples(300, 5, "green"), samples(400, 6), samples(300, 7))
    new, former = samples(1000, 8, "green"), samples(1000, 9)
    known = remember("fisher", asked, first.encoder, first.weights, asked.parts.former, None)
    tuned = strategy_of("frontier")(asked, Champion(first.encoder, first.weights, known))
    assert right(tuned, new) > right(first, new) + 0.05
    assert right(tuned, former) > right(first, former) - 0.06
    assert right(tuned, new) > 0.95


def test_a_grown_transformer_answers_as_before(first: Outcome):
    more = samples(400, 10)
    more = replace(more, numbers=more.numbers | {"x": more.numbers["x"] + 30}, labels=np.full(400, "maybe", object))
    grown = FAMILY.grow(first.encoder, more, (*CLASSES, "maybe"))
    weights = FAMILY.grow_weights(first.encoder, grown, first.weights, fill=True)
    assert grown.numbers[0].ramps > first.encoder.numbers[0].ramps
    for asked in (samples(50, 11), more):
        with torch.no_grad():
            before = FAMILY.build(first.encoder, first.weights).eval()(FAMILY.inputs(first.encoder, asked))
            after = FAMILY.build(grown, weights).eval()(FAMILY.inputs(grown, asked))
        torch.testing.assert_close(after[:, :2], before, rtol=1e-4, atol=1e-5)
        assert not after[:, 2].any()
