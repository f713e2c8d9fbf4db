"""The outlook of a run: its holdouts, answered by the champion alone, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maintainer.champion import load_session
from maintainer.domain.phase import CollectResult
from maintainer.domain.policy import Gate, Policy
from maintainer.domain.sample import TaskKind
from maintainer.errors import InputError
from maintainer.gate import outlook
from maintainer.gate.holdout import Holdout, read_holdout
from maintainer.gate.outlook import Shortfall
from maintainer.gate.stage import HOLDOUTS, answer_all

PARTS = {
    "current": ("train", "validation", "current_holdout"),
    "reference": ("replay", "replay_validation", "reference_holdout"),
}
SPANS = {"current": "new", "reference": "former"}


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Why no challenger can pass; `why` is empty where one may."""

    why: str
    labels: int | None  # that are missing for the gate that wants most; None where no number would do


def foresee(policy: Policy, collect: Path, champion: Path | None) -> Foreseen:
    """Return why no challenger can pass the gates with what a run collected.

    Raises InputError where a holdout or the champion cannot be read.
    """
    task = TaskKind(policy.task.kind)
    files = (read_holdout(collect / f"{name}_holdout.parquet", name, task) for name in HOLDOUTS)
    held = [file for file in files if file is not None]
    if champion is None and not held:  # a network that was trained before is adopted, unjudged
        return Foreseen("", None)
    wrong = _wrong(policy.gates, task, held, champion) if champion else {}
    known = {file.name: outlook.Holdout(file.n, wrong.get(file.name)) for file in held}
    short = outlook.shortfalls(policy.gates, known, bootstrap=champion is None)
    if not short:
        return Foreseen("", None)
    try:
        rows = CollectResult.model_validate_json((collect / "result.json").read_text(encoding="utf-8")).rows
    except (OSError, ValueError) as error:
        raise InputError(f"{collect / 'result.json'} is no result of a collection: {error}") from error
    wanted = [_labels(one, rows, policy.data.split.holdout) for one in short]
    told = [f"{one.sentence}{_told(one, *labels)}" for one, labels in zip(short, wanted, strict=True)]
    missing = [needed - have for needed, have in wanted if needed is not None]
    return Foreseen(f"too few labels: whatever were trained, {'; '.join(told)}", max(missing, default=None))


def _wrong(gates: tuple[Gate, ...], task: TaskKind, held: list[Holdout], champion: Path) -> dict[str, int]:
    """Return how many samples of each holdout the champion has wrong, where a gate asks for its accuracy there."""
    asked = {getattr(gate, "on", "") for gate in gates if getattr(gate, "metric", "") == "accuracy"}
    if task is TaskKind.REGRESSION or not any(file.n and file.name in asked for file in held):
        return {}
    model = load_session(champion / "model.onnx", 1)
    return {
        file.name: int(np.sum(answer_all(model, file).answers.astype(str) != file.labels.astype(str)))
        for file in held
        if file.n and file.name in asked
    }


def _labels(short: Shortfall, rows: dict[str, int], share: float) -> tuple[int | None, int]:
    """Return how many labelled samples in all would fill the holdout, None where no number would, and how many are."""
    have = sum(rows.get(name, 0) for name in PARTS[short.on])
    if short.needed is None:
        return None, have
    parts = have / short.n if short.n else 1 / share
    return round(short.needed * parts), have


def _told(short: Shortfall, needed: int | None, have: int) -> str:
    if needed is None:
        return ""
    return f" (about {needed} labelled {SPANS[short.on]} samples in all; there are {have})"
