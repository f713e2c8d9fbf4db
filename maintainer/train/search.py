"""Settings of training, tried on the validation parts before the training itself.

Optuna proposes them (tree-structured Parzen estimator, Bergstra et al. 2011; a trial that is worse than the median of
the others at the same epoch is given up). The first trial is the policy as it stands, so the search never picks
settings that did worse than it. The holdouts play no part.
"""
# Optuna and its types are loaded where a policy asks for a search.
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from maintainer.domain.metrics import HIGHER_IS_BETTER, lost
from maintainer.domain.phase import Trial
from maintainer.domain.training import SEARCHED_UNFREEZE, USUAL_UNFREEZE, Train, Unfreeze
from maintainer.domain.training_rules import PENALISED, REHEARSING
from maintainer.errors import InputError
from maintainer.families.registry import family_of
from maintainer.train.recipe import CALM
from maintainer.train.situation import Outcome, Situation

FACTOR = 5.0  # how far the learning rate goes either way
STIFFNESS = 10.0  # and the strength of the penalty
SHARES = (0.2, 0.8)  # of replay
FULL = 4  # trials that nothing is given up before
STATES = {"finished": "COMPLETE", "given up": "PRUNED", "failed": "FAIL"}  # as Optuna calls them

Make = Callable[[Situation], Outcome]
Settings = dict[str, float]


class Tried(Train):
    """The rules of a policy with a penalty that is `stiffness` times as strong."""

    stiffness: float = 1.0

    def strength(self, usual: float) -> float:
        """Return the strength of the penalty."""
        return super().strength(usual) * self.stiffness


class GivenUp(Exception):
    """A trial that is not worth its end."""


@dataclass(frozen=True, slots=True)
class Found:
    """The situation with the best settings, and all that were tried."""

    situation: Situation
    trials: tuple[Trial, ...]
    note: str


def searched(situation: Situation, make: Make) -> Found:
    """Return the situation with the settings that did best on the validation parts; as it is without a search.

    Under a seed the same trials are made, also by a process that goes on for a killed one; how many of them depends on
    the clock where the policy's timeout ends the search.

    Raises InputError where Optuna is not installed.
    """
    rules = situation.rules.search
    if not rules.trials:
        return Found(situation, (), "")
    trials, notebook = list[Trial](), _Notebook(situation)
    trials += notebook.read()
    study = _study(situation, trials)
    limit = rules.timeout.total_seconds()
    while len(trials) < rules.trials and (not trials or sum(t.seconds for t in trials) < limit):
        trials.append(_try(study, situation, make, len(trials)))
        notebook.write(trials)
    best = max(trials, key=lambda trial: (trial.score if trial.score is not None else -math.inf, -trial.number))
    note = f"search: trial {best.number} of {len(trials)} was best: {in_words(best)}"
    if len(trials) < rules.trials:
        note += f"; {rules.trials - len(trials)} trials were not made within {limit:g} s"
    return Found(_with(situation, best.settings, best.unfreeze), tuple(trials), note)


def in_words(trial: Trial) -> str:
    """Return the settings of a trial as they are told in a report."""
    told = [f"{name} {value:.3g}" for name, value in trial.settings.items()]
    return ", ".join(told if trial.unfreeze is None else [*told, f"unfreeze {trial.unfreeze}"])


def _study(situation: Situation, trials: list[Trial]) -> Any:
    try:
        import optuna
    except ImportError as error:
        raise InputError("train.search needs optuna: pip install 'maintainer[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=FULL, n_warmup_steps=CALM),
    )
    for trial in trials:
        study.add_trial(_frozen(situation, trial))
    return study


def _frozen(situation: Situation, trial: Trial) -> Any:
    """Return a trial that was made before as Optuna keeps it."""
    import optuna

    space = _space(trial.centre, trial.unfreeze is not None)
    known: dict[str, Any] = {name: value for name, value in trial.settings.items() if name in space}
    if trial.unfreeze is not None:
        known["unfreeze"] = trial.unfreeze
        known["learning_rate"] = _within(known["learning_rate"] / _pace(situation, trial.unfreeze), trial.centre)
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState[STATES[trial.outcome]],
        value=trial.score if trial.outcome == "finished" else None,
        params=known,
        distributions={name: space[name] for name in known},
        intermediate_values=dict(enumerate(trial.course)),
    )


def _space(centre: Settings, thawing: bool) -> dict[str, Any]:
    """Return what each setting may be, around that of the policy."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    rate = centre["learning_rate"]
    found: dict[str, Any] = {"learning_rate": FloatDistribution(rate / FACTOR, rate * FACTOR, log=True)}
    if thawing:
        found["unfreeze"] = CategoricalDistribution(SEARCHED_UNFREEZE)
    if "penalty" in centre:
        found["penalty"] = FloatDistribution(1 / STIFFNESS, STIFFNESS, log=True)
    if "replay_share" in centre:
        low, high = SHARES
        found["replay_share"] = FloatDistribution(min(low, centre["replay_share"]), max(high, centre["replay_share"]))
    return found


def _centre(situation: Situation) -> Settings:
    """Return the settings that are searched, as the policy has them; the penalty is a factor of its usual strength."""
    rules = situation.rules
    found = {"learning_rate": rules.optimizer.learning_rate or situation.family.learning_rate}
    if rules.strategy in PENALISED and rules.strength(1.0) > 0:
        found["penalty"] = 1.0
    if rules.strategy in REHEARSING and situation.parts.former.size and rules.replay.share > 0:
        found["replay_share"] = rules.replay.share
    return found


def _within(rate: float, centre: Settings) -> float:
    """Return a learning rate within its range, which a division may leave by a hair."""
    return min(max(rate, centre["learning_rate"] / FACTOR), centre["learning_rate"] * FACTOR)


def thawed(situation: Situation) -> Unfreeze | None:
    """Return what the policy lets learn of a pre-trained network where the search may choose; None where it may not."""
    asked = situation.rules.unfreeze == "auto" and situation.family.name == "huggingface"
    return USUAL_UNFREEZE if asked else None


def _learning(situation: Situation, unfreeze: str | None) -> Situation:
    """Return the situation in which so much of the network learns."""
    if unfreeze is None:
        return situation
    rules = situation.rules.model_copy(update={"unfreeze": unfreeze})
    return replace(situation, rules=rules, family=family_of(situation.family.name, rules))


def _pace(situation: Situation, unfreeze: str | None) -> float:
    """Return how much faster this much of the network usually learns; 1 where the policy names the learning rate."""
    if unfreeze is None or situation.rules.optimizer.learning_rate is not None:
        return 1.0
    return _learning(situation, unfreeze).family.learning_rate / situation.family.learning_rate


def _with(situation: Situation, settings: Settings, unfreeze: str | None) -> Situation:
    situation = _learning(situation, unfreeze)
    rules = situation.rules
    share = settings.get("replay_share", rules.replay.share)
    changed: dict[str, Any] = {
        "optimizer": rules.optimizer.model_copy(update={"learning_rate": settings["learning_rate"]}),
        "replay": rules.replay.model_copy(update={"share": share}),
        "stiffness": settings.get("penalty", 1.0),
    }
    return replace(situation, rules=Tried.model_validate(dict(rules) | changed))


def _try(study: Any, situation: Situation, make: Make, number: int) -> Trial:
    """Make one trial: the policy's own settings first, then what Optuna proposes."""
    import optuna

    study.sampler = optuna.samplers.TPESampler(seed=situation.rules.seed + number)  # of a restart too
    centre, usual = _centre(situation), thawed(situation)
    if number == 0:
        study.enqueue_trial(centre | ({"unfreeze": usual} if usual else {}))
    asked = study.ask(_space(centre, usual is not None))
    unfreeze: str | None = asked.params.get("unfreeze")
    settings: Settings = {name: value for name, value in asked.params.items() if name != "unfreeze"}
    settings["learning_rate"] *= _pace(situation, unfreeze)
    began, course = time.monotonic(), list[float]()

    def watch(new: float, former: float | None) -> None:
        figures = [new] if former is None else [new, former]
        course.append(_higher(situation.metric, sum(figures) / len(figures)))
        asked.report(course[-1], len(course) - 1)
        if asked.should_prune():
            raise GivenUp

    reached: float | None = None
    outcome: Literal["finished", "given up", "failed"] = "given up"
    with suppress(GivenUp):
        made = make(replace(_with(situation, settings, unfreeze), checkpoints=None, watch=watch))
        reached = score(made, situation)
        outcome = "failed" if reached is None else "finished"
    study.tell(asked, reached, state=optuna.trial.TrialState[STATES[outcome]])
    return Trial(
        number=number,
        settings=settings,
        centre=centre,
        unfreeze=unfreeze,
        score=reached,
        outcome=outcome,
        course=tuple(course),
        seconds=time.monotonic() - began,
    )


def score(made: Outcome, situation: Situation) -> float | None:
    """Return the gain on new data less what former data lost beyond the budget; None where training diverged."""
    if not made.epochs or not math.isfinite(made.chosen.new):
        return None
    start, chosen = made.points[0], made.chosen
    if len(made.points) == 1:
        return _higher(situation.metric, chosen.new)
    gain = -lost(situation.metric, start.new, chosen.new)
    if start.former is None or chosen.former is None:
        return gain
    beyond = lost(situation.metric, start.former, chosen.former) - situation.rules.forgetting_budget
    return gain - max(0.0, beyond)


def _higher(metric: str, value: float) -> float:
    """Return a figure of which more is better."""
    return value if HIGHER_IS_BETTER[metric] else -value


class _Notebook:
    """The trials of a run on disk, for a process that goes on after a kill."""

    def __init__(self, situation: Situation) -> None:
        self._path: Path | None = situation.checkpoints / "search.json" if situation.checkpoints else None
        sizes = (situation.parts.new.size, situation.parts.former.size)
        self._key = f"{situation.rules.model_dump_json()} {sizes}"

    def read(self) -> list[Trial]:
        """Return the trials made so far; none where the file is of another search, or only half there."""
        if self._path is None or not self._path.exists():
            return []
        try:
            told = json.loads(self._path.read_bytes())
        except ValueError:
            return []
        return [Trial.model_validate(trial) for trial in told["trials"]] if told["key"] == self._key else []

    def write(self, trials: list[Trial]) -> None:
        """Replace the file in one rename."""
        if self._path is None:
            return
        partial = self._path.with_suffix(".partial")
        told = {"key": self._key, "trials": [trial.model_dump() for trial in trials]}
        with partial.open("w", encoding="utf-8") as file:
            json.dump(told, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self._path)
