"""The search over settings with real Optuna and real training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from maintainer.domain.phase import Trial
from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.domain.training import Train
from maintainer.families.table import Samples
from maintainer.families.tabular_mlp import FAMILY
from maintainer.train import search
from maintainer.train.remember import remember
from maintainer.train.search import searched
from maintainer.train.situation import Champion, Outcome, Parts, Situation
from maintainer.train.strategies import strategy_of
from maintainer.train.strategies.scratch import bootstrap

CLASSES = ("no", "yes")


def samples(n: int, seed: int, turn: float = 0.0) -> Samples:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n) + 3 * turn, rng.normal(size=n)
    labels = np.where(
        x * np.sin(turn) + y * np.cos(turn) + 0.2 * rng.normal(size=n) > 3 * turn * np.sin(turn), "yes", "no"
    )
    return Samples(n, {"x": x, "y": y}, {}, labels.astype(object))


def situation(trials: int, rate: float = 3e-4, **more: object) -> Situation:
    """New samples that turned a quarter, and a policy whose learning rate is too low to follow."""
    told = {"epochs": 4, "optimizer": {"learning_rate": rate}, "forgetting_budget": 0.05}
    rules = Train.model_validate(told | {"search": {"trials": trials, **more}})
    parts = Parts(samples(500, 1, 1.5), samples(300, 2), samples(300, 3, 1.5), samples(200, 4))
    return Situation(FAMILY, Base(), TaskKind.CLASSIFICATION, rules, "accuracy", CLASSES, parts)


@pytest.fixture(scope="module")
def make() -> Callable[[Situation], Outcome]:
    none = samples(0, 0)
    first = replace(situation(0, 1e-3), parts=Parts(samples(500, 5), none, samples(200, 6), none))
    made = bootstrap(first)
    known = remember("fisher", first, made.encoder, made.weights, first.parts.new, None)
    champion = Champion(made.encoder, made.weights, known)

    def tuned(given: Situation) -> Outcome:
        torch.manual_seed(0)
        return strategy_of("frontier")(given, champion)

    return tuned


def shown(trials: tuple[Trial, ...]) -> list[Trial]:
    return [trial.model_copy(update={"seconds": 0.0}) for trial in trials]


def test_the_policy_itself_is_tried_first_and_better_settings_are_found(make):
    asked = situation(8)
    found = searched(asked, make)
    own, best = found.trials[0], max(t.score for t in found.trials if t.score is not None)
    assert own.settings == {"learning_rate": 3e-4, "penalty": 1.0, "replay_share": 0.5}
    assert {trial.unfreeze for trial in found.trials} == {None}  # a table has nothing that is frozen
    assert best > own.score
    assert found.situation.rules.optimizer.learning_rate > 4e-4
    chosen = make(found.situation).chosen
    assert chosen.new - make(asked).chosen.new == pytest.approx(best - own.score)


def test_a_search_that_was_killed_goes_on_to_the_same_trials(make, tmp_path: Path):
    whole = searched(situation(5), make)
    kept = replace(situation(5), checkpoints=tmp_path)
    made = 0

    def dying(given: Situation) -> Outcome:
        nonlocal made
        made += 1
        if made == 3:
            raise KeyboardInterrupt
        return make(given)

    with pytest.raises(KeyboardInterrupt):
        searched(kept, dying)
    again = searched(kept, make)
    assert shown(again.trials) == shown(whole.trials)
    assert again.situation.rules.optimizer == whole.situation.rules.optimizer
    (tmp_path / "search.json").write_text('{"key": "of an')
    assert shown(searched(replace(situation(2), checkpoints=tmp_path), make).trials) == shown(whole.trials[:2])


def test_a_search_ends_with_its_time_and_says_how_far_it_came(make, monkeypatch: pytest.MonkeyPatch):
    now = iter(range(0, 10_000, 40))
    monkeypatch.setattr(search.time, "monotonic", lambda: float(next(now)))
    found = searched(situation(10, timeout="1m"), make)
    assert len(found.trials) == 2
    assert "8 trials were not made within 60 s" in found.note


def test_without_trials_nothing_is_searched(make):
    asked = situation(0)
    found = searched(asked, make)
    assert found.situation is asked and not found.trials


def test_a_loss_beyond_the_budget_counts_against_a_trial(make):
    asked = situation(1, 1e-3)
    made = make(asked)
    start = made.points[0].model_copy(update={"new": 0.5, "former": 0.9})
    there = made.chosen.model_copy(update={"new": 0.8, "former": 0.7})
    assert search.score(replace(made, points=(start, there), chosen=there), asked) == pytest.approx(0.3 - 0.15)
