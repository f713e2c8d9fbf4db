"""The search over settings where it may choose what of a network that reads texts learns."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from maintainer.domain.phase import Trial
from maintainer.domain.policy import Policy
from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.domain.training import SEARCHED_UNFREEZE
from maintainer.families.huggingface import HEAD_RATE, RATE, HuggingFaceFamily
from maintainer.families.table import Samples
from maintainer.families.weights import MODEL, load_tensors
from maintainer.train import search
from maintainer.train.situation import Parts, Situation

from .conftest import CLASSIFICATION, Trained, policy, second_data
from .conftest import train as run

TRIALS = 6
NONE = Parts(*[Samples(0, {}, {}, np.zeros(0, object))] * 4)


def asked(trials: int = TRIALS, **train: object) -> Policy:
    rules = {"epochs": 1, "strategy": "finetune", "unfreeze": "auto", "search": {"trials": trials}}
    return policy(CLASSIFICATION, **(rules | {"optimizer": {}} | train))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return second_data(tmp_path_factory.mktemp("texts") / "in", CLASSIFICATION)


@pytest.fixture(scope="module")
def searched(classifier: Trained, texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return run(tmp_path_factory.mktemp("searched") / "out", asked(), texts, champion=classifier.out)


def test_a_search_tries_more_and_less_of_the_network_each_at_its_own_pace(searched: Trained):
    trials = searched.result.search
    assert (trials[0].unfreeze, trials[0].settings["learning_rate"]) == ("top", RATE)
    tried = {trial.unfreeze for trial in trials}
    assert "head" in tried and len(tried) > 1 and tried <= set(SEARCHED_UNFREEZE)
    for trial in trials:
        usual = HEAD_RATE if trial.unfreeze == "head" else RATE
        assert usual / search.FACTOR <= trial.settings["learning_rate"] * (1 + 1e-9)
        assert trial.settings["learning_rate"] <= usual * search.FACTOR * (1 + 1e-9)


def test_the_training_after_a_search_moves_what_the_best_trial_did(searched: Trained, classifier: Trained):
    trials = searched.result.search
    best = max(trials, key=lambda trial: (trial.score if trial.score is not None else -1.0, -trial.number))
    assert f"unfreeze {best.unfreeze}" in searched.result.reason
    before, after = load_tensors(classifier.out / MODEL), load_tensors(searched.out / MODEL)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    below = {name for name in moved if re.search(r"embeddings|layer\.0\.", name)}
    assert moved and bool(below) == (best.unfreeze == "all")


def test_a_search_over_texts_that_was_killed_goes_on_to_the_same_trials(
    searched: Trained, classifier: Trained, texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made, whole = 0, search.score

    def dying(*given: object) -> float | None:
        nonlocal made
        made += 1
        if made == 4:
            raise KeyboardInterrupt
        return whole(*given)

    (tmp_path / "keep").mkdir()
    monkeypatch.setattr(search, "score", dying)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", asked(), texts, champion=classifier.out, keep=tmp_path / "keep")
    monkeypatch.undo()
    again = run(tmp_path / "again", asked(), texts, champion=classifier.out, keep=tmp_path / "keep")
    assert [shown(trial) for trial in again.result.search] == [shown(trial) for trial in searched.result.search]


def shown(trial: Trial) -> Trial:
    return trial.model_copy(update={"seconds": 0.0})


@pytest.mark.parametrize("said", [{"unfreeze": "head"}, {"optimizer": {"learning_rate": 3e-3}}])
def test_what_the_policy_names_is_not_searched(
    said: dict[str, object], classifier: Trained, texts: Path, tmp_path: Path
):
    trials = run(tmp_path / "out", asked(3, **said), texts, champion=classifier.out).result.search
    if "unfreeze" in said:
        assert {trial.unfreeze for trial in trials} == {None}
    else:
        assert all(3e-3 / search.FACTOR <= t.settings["learning_rate"] <= 3e-3 * search.FACTOR for t in trials)


def test_a_trial_that_was_made_before_is_told_to_optuna_as_it_was_asked(searched: Trained):
    """What a head learns at is ten times what was asked, and the ranges are those of what was asked."""
    rules = asked().train
    given = Situation(HuggingFaceFamily.under(rules), Base(), TaskKind.CLASSIFICATION, rules, "accuracy", (), NONE)
    for trial in searched.result.search:
        told = search._frozen(given, trial).params
        pace = HEAD_RATE / RATE if trial.unfreeze == "head" else 1.0
        assert told["learning_rate"] == pytest.approx(trial.settings["learning_rate"] / pace)
        assert told["unfreeze"] == trial.unfreeze
