"""The training phase in its child process: files in, a challenger or the reason for none out."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from maintainer.domain.gates import aim
from maintainer.domain.phase import PhaseSpec, TrainResult
from maintainer.domain.policy import Policy
from maintainer.errors import InputError
from maintainer.families.registry import family_in, family_of
from maintainer.families.table import join, read_samples
from maintainer.families.weights import MODEL, load_tensors, save_tensors
from maintainer.train import memory
from maintainer.train.adopt import UNKNOWN, Adopted, adopt
from maintainer.train.care import care
from maintainer.train.care.cared import Cared
from maintainer.train.circumstances import circumstances
from maintainer.train.flat import Flat
from maintainer.train.gather import Gathered, gather
from maintainer.train.memory import Memory
from maintainer.train.rehearsal import rehearsal
from maintainer.train.remember import kind_of, remember, remember_path
from maintainer.train.search import searched
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.strategies import strategy_of
from maintainer.train.strategies.scratch import bootstrap
from maintainer.train.sweep import why_not


def run(spec: PhaseSpec) -> None:
    """Train one challenger and write it, or only the reason why there is none; `result.json` comes last.

    Raises InputError where the collected files or the champion cannot be read.
    """
    began = time.monotonic()
    torch.set_num_threads(spec.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(spec.policy.train.seed)
    made = _train(spec)
    care.write(made.cared.rows if made.cared else (), Path(spec.out))
    if made.outcome is not None and made.memory is not None:
        _write(Path(spec.out), spec, made.outcome, made.memory)
    told = {"seconds": time.monotonic() - began, "circumstances": circumstances()}
    result = made.result.model_copy(update=told)
    (Path(spec.out) / "result.json").write_text(result.model_dump_json(indent=1), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Made:
    """How training ended, with the challenger where there is one."""

    result: TrainResult
    outcome: Outcome | Adopted | None
    memory: Memory | None
    cared: Cared | None = None


def _train(spec: PhaseSpec) -> Made:
    champion = _champion(Path(spec.champion), spec.policy) if spec.champion else None
    if "collect" not in spec.inputs:
        raise InputError(f"run {spec.run}: training needs the directory 'collect', found {sorted(spec.inputs)}")
    if champion is None and not (Path(spec.inputs["collect"]) / "train.parquet").exists():
        adopted = adopt(spec)
        return Made(adopted.result(spec), adopted, UNKNOWN)
    gathered = gather(spec, Path(spec.inputs["collect"]), champion.encoder.classes if champion else ())
    if gathered.obstacle:
        return Made(_result(spec, gathered, None, gathered.obstacle), None, None, gathered.cared)
    strategy = strategy_of(spec.policy.train.strategy)

    def make(given: Situation) -> Outcome:
        torch.manual_seed(spec.policy.train.seed)  # trials of a search and the training after it draw alike
        return strategy(given, champion) if champion else bootstrap(given)

    situation = _situation(spec, gathered)
    if champion:
        asked = read_samples(Path(spec.inputs["collect"]) / "unlabelled.parquet", spec.policy.task)
        situation, left = rehearsal(situation, champion, asked, spec.policy.retention.replay)
        gathered = replace(gathered, notes=(*gathered.notes, *left))
    found = searched(situation, make)
    outcome = make(found.situation)
    if found.trials:
        outcome = replace(outcome, notes=(*outcome.notes, found.note), trials=found.trials)
    if why := _no_challenger(found.situation, outcome):
        return Made(_result(spec, gathered, outcome, why), None, None, gathered.cared)
    settled = replace(outcome, weights=situation.family.settled(outcome.encoder, outcome.weights))
    known = _memory(found.situation, outcome, settled)
    return Made(_result(spec, gathered, outcome, None), settled, known, gathered.cared)


def _champion(directory: Path, policy: Policy) -> Champion:
    family = family_in(directory)
    encoder = family.load(directory)
    if family.name != policy.base.family or family.features(encoder) != policy.task.kinds:
        raise InputError(
            f"{directory.name} is a {family.name} of the features {family.features(encoder)}, but the policy now has "
            f"{policy.base.family} and {policy.task.kinds}: put them back, or bootstrap a model of another name"
        )
    weights = load_tensors(directory / MODEL)
    try:
        family.build(encoder, weights, 0.0)
    except RuntimeError as error:
        raise InputError(f"the weights of {directory.name} do not fit its encoder: {error}") from error
    return Champion(encoder, weights, memory.load(directory))


def _situation(spec: PhaseSpec, gathered: Gathered) -> Situation:
    task, policy = spec.policy.task.of, spec.policy
    return Situation(
        family_of(policy.base.family, policy.train),
        policy.base.model_copy(update={"path": spec.inputs.get("base")}),
        task,
        policy.train,
        aim(policy.gates, task),
        gathered.classes,
        gathered.parts,
        balance=policy.data.balance,
        checkpoints=Path(spec.keep) if spec.keep else None,
    )


def _no_challenger(situation: Situation, outcome: Outcome) -> str | None:
    if not outcome.epochs:
        return "training diverged: the loss is no finite number; a lower learning rate may help"
    if outcome.chosen.alpha == 0:
        return why_not(outcome.points, situation.metric, situation.rules.forgetting_budget)
    return None


def _memory(situation: Situation, outcome: Outcome, settled: Outcome) -> Memory:
    """Return what the next training will know of these weights, measured on new and former rows alike."""
    kind = kind_of(situation.rules.strategy)
    if kind == "si" and outcome.path is not None:
        module = situation.family.build(outcome.encoder, outcome.weights, 0.0)
        return remember_path(outcome, Flat(module).split(outcome.path))
    samples = join(situation.parts.new, situation.parts.former)
    return remember(kind, situation, settled.encoder, settled.weights, samples, settled.memory)


def _result(spec: PhaseSpec, gathered: Gathered, outcome: Outcome | None, refusal: str | None) -> TrainResult:
    task = spec.policy.task.of
    name = spec.policy.train.strategy if spec.champion else "bootstrap"
    said = refusal or _in_words(outcome, aim(spec.policy.gates, task))
    return TrainResult(
        challenger=refusal is None,
        reason="; ".join((said, *gathered.notes, *(outcome.notes if outcome else ()))),
        strategy=name,
        metric=aim(spec.policy.gates, task),
        alpha=outcome.chosen.alpha if outcome else 0.0,
        frontier=outcome.points if outcome else (),
        epochs=outcome.epochs if outcome else (),
        search=outcome.trials if outcome else (),
        classes=gathered.classes,
        seconds=0.0,
        threads=spec.threads,
        seed=spec.policy.train.seed,
        care=care.told(gathered.cared) if gathered.cared else None,
    )


def _in_words(outcome: Outcome | None, metric: str) -> str:
    if outcome is None or len(outcome.points) == 1:
        return f"first model: {metric} {outcome.chosen.new:.4f} on new data" if outcome else ""
    start, chosen = outcome.points[0], outcome.chosen
    former = "" if chosen.former is None else f", {start.former:.4f} to {chosen.former:.4f} on former data"
    return f"alpha {chosen.alpha:g}: {metric} {start.new:.4f} to {chosen.new:.4f} on new data{former}"


def _write(out: Path, spec: PhaseSpec, outcome: Outcome | Adopted, known: Memory) -> None:
    save_tensors(out / MODEL, outcome.weights)
    memory.save(out, known)
    family_of(spec.policy.base.family).save(outcome.encoder, out)
