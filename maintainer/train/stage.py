"""The training phase in its child process: files in, a challenger or the reason for none out."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from maintainer.domain.metrics import metrics_of
from maintainer.domain.phase import PhaseSpec, TrainResult
from maintainer.domain.sample import TaskKind
from maintainer.errors import InputError
from maintainer.families.table import join
from maintainer.families.tabular_mlp import Weights, build
from maintainer.families.weights import (
    IMPORTANCE,
    MODEL,
    load_encoder,
    load_tensors,
    save_encoder,
    save_tensors,
)
from maintainer.train.exam import rows_of
from maintainer.train.gather import Gathered, gather
from maintainer.train.importance import carry, fisher
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies import strategy_of
from maintainer.train.strategies.scratch import bootstrap
from maintainer.train.sweep import why_not

WITNESSES = 1000  # most samples that the importance is measured on


def run(spec: PhaseSpec) -> None:
    """Train one challenger and write it, or only the reason why there is none; `result.json` comes last.

    Raises InputError where the collected files or the champion cannot be read.
    """
    began = time.monotonic()
    torch.set_num_threads(spec.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(spec.policy.train.seed)
    made = _train(spec)
    if made.outcome is not None and made.result.challenger:
        _write(Path(spec.out), made.outcome, made.importance)
    result = made.result.model_copy(update={"seconds": time.monotonic() - began})
    (Path(spec.out) / "result.json").write_text(result.model_dump_json(indent=1), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Made:
    """How training ended, with the challenger where there is one."""

    result: TrainResult
    outcome: Outcome | None
    importance: Weights


def _train(spec: PhaseSpec) -> Made:
    champion = _champion(Path(spec.champion)) if spec.champion else None
    if "collect" not in spec.inputs:
        raise InputError(f"run {spec.run}: training needs the directory 'collect', found {sorted(spec.inputs)}")
    gathered = gather(spec, Path(spec.inputs["collect"]), champion.encoder.classes if champion else ())
    if gathered.obstacle:
        return Made(_result(spec, gathered, None, gathered.obstacle), None, {})
    situation = _situation(spec, gathered)
    outcome = strategy_of(spec.policy.train.strategy)(situation, champion) if champion else bootstrap(situation)
    if why := _no_challenger(situation, outcome):
        return Made(_result(spec, gathered, outcome, why), None, {})
    return Made(_result(spec, gathered, outcome, None), outcome, _importance(situation, outcome))


def _champion(directory: Path) -> Champion:
    encoder = load_encoder(directory)
    weights = load_tensors(directory / MODEL)
    try:
        build(encoder, weights)
    except RuntimeError as error:
        raise InputError(f"the weights of {directory.name} do not fit its encoder: {error}") from error
    return Champion(encoder, weights, load_tensors(directory / IMPORTANCE))


def _situation(spec: PhaseSpec, gathered: Gathered) -> Situation:
    task = TaskKind(spec.policy.task.kind)
    return Situation(task, spec.policy.train, metrics_of(task)[0], gathered.classes, gathered.parts)


def _no_challenger(situation: Situation, outcome: Outcome) -> str | None:
    if outcome.chosen.alpha == 0:
        return why_not(outcome.points, situation.metric, situation.rules.forgetting_budget)
    if not all(bool(torch.isfinite(value).all()) for value in outcome.weights.values()):
        return "training diverged: a weight is not a finite number; a lower learning rate may help"
    return None


def _importance(situation: Situation, outcome: Outcome) -> Weights:
    """Return the carried importance, measured on new and former rows alike."""
    samples = join(situation.parts.new, situation.parts.former)
    rng = np.random.default_rng(situation.rules.seed)
    chosen = np.sort(rng.permutation(samples.size)[:WITNESSES])
    rows = rows_of(outcome.encoder, samples.take(chosen))
    generator = torch.Generator().manual_seed(situation.rules.seed)
    measured = fisher(build(outcome.encoder, outcome.weights), rows, situation.task, generator)
    return carry(outcome.importance, measured)


def _result(spec: PhaseSpec, gathered: Gathered, outcome: Outcome | None, refusal: str | None) -> TrainResult:
    task = TaskKind(spec.policy.task.kind)
    name = spec.policy.train.strategy if spec.champion else "bootstrap"
    said = refusal or _in_words(outcome, metrics_of(task)[0])
    return TrainResult(
        challenger=refusal is None,
        reason="; ".join((said, *gathered.notes)),
        strategy=name,
        metric=metrics_of(task)[0],
        alpha=outcome.chosen.alpha if outcome else 0.0,
        frontier=outcome.points if outcome else (),
        epochs=outcome.epochs if outcome else (),
        classes=gathered.classes,
        seconds=0.0,
        threads=spec.threads,
        seed=spec.policy.train.seed,
    )


def _in_words(outcome: Outcome | None, metric: str) -> str:
    if outcome is None or len(outcome.points) == 1:
        return f"first model: {metric} {outcome.chosen.new:.4f} on new data" if outcome else ""
    start, chosen = outcome.points[0], outcome.chosen
    former = "" if chosen.former is None else f", {start.former:.4f} to {chosen.former:.4f} on former data"
    return f"alpha {chosen.alpha:g}: {metric} {start.new:.4f} to {chosen.new:.4f} on new data{former}"


def _write(out: Path, outcome: Outcome, importance: Weights) -> None:
    save_tensors(out / MODEL, outcome.weights)
    save_tensors(out / IMPORTANCE, importance)
    save_encoder(out, outcome.encoder)
