"""Was anti-forgetting worth it? Other strategies on the very data of a past run, judged on its holdouts."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from maintainer.daemon.context import Context
from maintainer.daemon.reports import report_path
from maintainer.daemon.rerun import Past, Rerun, past_run
from maintainer.domain.gates import NegativeFlipsGate, NonInferiorGate, SuperiorGate, aim
from maintainer.domain.phase import GateResult, TrainResult
from maintainer.domain.policy import Policy
from maintainer.domain.run import Phase
from maintainer.domain.training import StrategyName
from maintainer.errors import RefusedError
from maintainer.report.compare import Comparison, Figures, Tried, in_words, render_compare
from maintainer.report.files import write
from maintainer.store.results import read_result

STRATEGIES: tuple[StrategyName, ...] = ("finetune", "replay", "scratch", "frontier")


def compare(context: Context, run_id: str) -> Generator[str, None, dict[str, Any]]:
    """Train each strategy on what a run collected, from the champion it began at; return the figures and the page.

    Raises:
        NotFoundError: no such run, or something that it was made from is gone.
        RefusedError: something that it was made from is not what it was, or there was no champion to forget.
    """
    past = past_run(context, run_id)
    if past.record.champion is None:
        raise RefusedError(f"run {run_id} made the first model: there is no champion that could have forgotten")
    tried: list[Tried] = []
    judged: list[GateResult] = []
    with TemporaryDirectory(dir=context.scratch()) as folder:
        for strategy in STRATEGIES:
            one, gate = _try(past, strategy, Path(folder) / strategy)
            tried.append(one)
            judged += [gate] if gate else []
            yield in_words(one)
    found = _compared(past, tried, judged)
    path = report_path(context.settings, f"{run_id}-compare")
    write(path, render_compare(found))
    return {**asdict(found), "answer": found.answer, "report": str(path.absolute())}


def _try(past: Past, strategy: StrategyName, folder: Path) -> tuple[Tried, GateResult | None]:
    """Train one strategy and, where it made a challenger, judge it through ONNX Runtime."""
    folder.mkdir()
    rerun = Rerun(past, _under(past.policy, strategy), folder, past.settings.threads)
    rerun.perform(Phase.TRAIN)
    trained = read_result(TrainResult, folder, Phase.TRAIN)
    if not trained.challenger:
        return Tried(strategy, None, None, trained.seconds, trained.reason), None
    rerun.perform(Phase.EXPORT)
    rerun.perform(Phase.GATE)
    gate = read_result(GateResult, folder, Phase.GATE)
    new, former = (_figures(gate, name, trained.metric, gate.challenger) for name in ("current", "reference"))
    return Tried(strategy, new, former, trained.seconds), gate


def _under(policy: Policy, strategy: StrategyName) -> Policy:
    """Return the policy with another strategy, and with those gates only that hold two models against each other."""
    comparing = [g for g in policy.gates if isinstance(g, SuperiorGate | NonInferiorGate | NegativeFlipsGate)]
    usual = SuperiorGate(kind="superior", metric=aim(policy.gates, policy.task.of))
    train = policy.train.model_copy(update={"strategy": strategy})
    return policy.model_copy(update={"train": train, "gates": tuple(comparing) or (usual,)})


def _figures(gate: GateResult, holdout: str, metric: str, of: dict[str, dict[str, float]]) -> Figures | None:
    value = of.get(holdout, {}).get(metric)
    if value is None:
        return None
    moved = gate.moved.get(holdout)
    flips = None if moved is None or of is gate.champion else moved.negative
    return Figures(value, flips, moved.n if moved else None)


def _compared(past: Past, tried: list[Tried], judged: Iterable[GateResult]) -> Comparison:
    metric = aim(past.policy.gates, past.policy.task.of)
    gate = next(iter(judged), None)
    kept = (_figures(gate, name, metric, gate.champion) if gate else None for name in ("current", "reference"))
    new, former = kept
    return Comparison(
        run=past.record.id,
        model=past.record.model,
        champion=past.record.champion or "",
        own=past.policy.train.strategy,
        metric=metric,
        budget=past.policy.train.forgetting_budget,
        new=new,
        former=former,
        tried=tuple(tried),
    )
