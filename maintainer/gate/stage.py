"""The gate phase: both models answer the holdouts through ONNX Runtime, and every gate of the policy is judged."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maintainer.champion import Answers, Model, load_session
from maintainer.domain.gates import aim
from maintainer.domain.metrics import negative_flips
from maintainer.domain.phase import ExportResult, GateResult, PeriodFigure, PhaseSpec, Slices
from maintainer.domain.policy import Gate, LatencyGate
from maintainer.domain.sample import TaskKind
from maintainer.domain.statistics import Resampling
from maintainer.errors import InputError
from maintainer.gate.figures import Answered, Figures, Pairs, Speeds, all_metrics
from maintainer.gate.gates import judge_all
from maintainer.gate.holdout import Holdout, read_holdout, write_answers
from maintainer.gate.latency import Call, time_calls
from maintainer.gate.moved import measured, moved, tolerance_of, unlearned
from maintainer.gate.sliced import named, slices_of
from maintainer.rows import columns_of, missing_row

HOLDOUTS = ("current", "reference")
SLICES = 20  # different batches that the timed calls take in turn


def run(spec: PhaseSpec) -> None:
    """Judge the challenger and write answers.parquet, then result.json.

    Raises InputError where a model or a holdout of the run cannot be read.
    """
    task = TaskKind(spec.policy.task.kind)
    challenger = load_session(Path(spec.inputs["export"]) / "model.onnx", spec.threads)
    champion = load_session(Path(spec.champion) / "model.onnx", spec.threads) if spec.champion else None
    holdouts = _read_holdouts(Path(spec.inputs["collect"]), task)
    said = {h.name: (answer_all(challenger, h), answer_all(champion, h) if champion else None) for h in holdouts}
    pairs = {h.name: pair(task, h, *said[h.name]) for h in holdouts}
    exported = _read_export(Path(spec.inputs["export"]))
    figures = Figures(
        task=task,
        parity=exported.parity,
        size_bytes=exported.size_bytes,
        bootstrap=champion is None,
        adopted=champion is None
        and not any(_holdout(Path(spec.inputs["collect"]), name).exists() for name in HOLDOUTS),
        holdouts=pairs,
        speeds=_speeds(spec.policy.gates, challenger, champion, holdouts),
    )
    result = summarise(figures, spec.policy.gates, Resampling(seed=spec.policy.train.seed))
    slices = _slices(spec, figures, holdouts)
    result = result.model_copy(update={"periods": _periods(spec, task, challenger, champion), "slices": slices})
    write_answers(Path(spec.out) / "answers.parquet", [(h, _columns(*said[h.name])) for h in holdouts])
    (Path(spec.out) / "result.json").write_text(result.model_dump_json(indent=2), encoding="utf-8")


def _slices(spec: PhaseSpec, figures: Figures, holdouts: list[Holdout]) -> dict[str, Slices]:
    """Return the slices of each holdout by the columns that the policy names; numbers by the former samples."""
    task, gates = spec.policy.task, spec.policy.gates
    if not task.slices:
        return {}
    kinds = {column: task.kinds[column] for column in task.slices}
    names = named({holdout.name: columns_of(holdout.table, kinds) for holdout in holdouts}, "reference")
    metric, near, how = aim(gates, task.of), tolerance_of(gates, task.of), Resampling(seed=spec.policy.train.seed)
    return {name: slices_of(metric, figures.holdouts[name], of, near, how) for name, of in names.items()}


def _read_holdouts(collect: Path, task: TaskKind) -> list[Holdout]:
    found = (read_holdout(_holdout(collect, name), name, task) for name in HOLDOUTS)
    return [holdout for holdout in found if holdout is not None and holdout.n]


def _holdout(collect: Path, name: str) -> Path:
    return collect / f"{name}_holdout.parquet"


def _read_export(directory: Path) -> ExportResult:
    try:
        return ExportResult.model_validate_json((directory / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{directory / 'result.json'} is no result of an export: {error}") from error


def answer_all(model: Model, holdout: Holdout) -> Answers:
    """Return a model's answers to a whole holdout, a batch at a time."""
    parts = [model.predict(table) for table in holdout.batches()]
    chances = [part.probabilities for part in parts if part.probabilities is not None]
    return Answers(
        version=model.version,
        answers=np.concatenate([part.answers for part in parts]),
        probabilities=np.concatenate(chances) if chances else None,
        classes=model.classes,
    )


def _columns(challenger: Answers, champion: Answers | None) -> dict[str, NDArray[Any]]:
    return {"challenger": challenger.answers} | ({"champion": champion.answers} if champion else {})


def pair(task: TaskKind, holdout: Holdout, challenger: Answers, champion: Answers | None) -> Pairs:
    """Return both models' answers in the terms of one list of classes: theirs, and those that only labels have."""
    if task is TaskKind.REGRESSION:
        former = valued(champion) if champion else None
        return Pairs(holdout.labels.astype(np.float64), valued(challenger), former)
    known = set(challenger.classes) | set(champion.classes if champion else ()) | {str(x) for x in holdout.labels}
    places = {name: place for place, name in enumerate(sorted(known))}
    former = among(champion, places) if champion else None
    return Pairs(_indices(holdout.labels, places), among(challenger, places), former, tuple(sorted(known)))


def valued(answers: Answers) -> Answered:
    """Return the answers of a regression."""
    return Answered(answers.answers.astype(np.float64), np.zeros((len(answers), 0)))


def among(answers: Answers, places: dict[str, int]) -> Answered:
    """Return class answers as indices into `places`, with chance 0 for a class that the model does not know."""
    chances = np.zeros((len(answers), len(places)))
    if answers.probabilities is not None:
        chances[:, [places[name] for name in answers.classes]] = answers.probabilities
    return Answered(_indices(answers.answers, places), chances)


def _indices(names: Iterable[object], places: dict[str, int]) -> NDArray[np.int64]:
    return np.array([places[str(name)] for name in names], np.int64)


def _speeds(
    gates: tuple[Gate, ...], challenger: Model, champion: Model | None, holdouts: list[Holdout]
) -> dict[int, Speeds]:
    table = holdouts[0].table if holdouts else None
    return {
        size: time_calls(_call(challenger, table, size), _call(champion, table, size) if champion else None)
        for size in sorted({gate.batch for gate in gates if isinstance(gate, LatencyGate)})
    }


def _call(model: Model, table: Any, size: int) -> Call:
    """Return what answers `size` rows: other ones of the holdout at each turn, or missing values without a holdout."""
    columns = missing_row(model.kinds) if table is None else columns_of(table.slice(0, SLICES * size), model.kinds)
    rows = len(next(iter(columns.values())))
    places = [(first * size + np.arange(size)) % rows for first in range(SLICES)]
    slices = [{name: column[place] for name, column in columns.items()} for place in places]
    return lambda turn: model.predict(slices[turn % SLICES])


def summarise(figures: Figures, gates: tuple[Gate, ...], how: Resampling) -> GateResult:
    """Return the findings of all gates beside every metric of both models and the flips on the current holdout."""
    flips = flip_rates(figures, gates)
    return GateResult(
        findings=judge_all(gates, figures, how),
        challenger={name: _told(figures.task, p, p.challenger) for name, p in figures.holdouts.items()},
        champion={name: _told(figures.task, p, p.champion) for name, p in figures.holdouts.items() if p.champion},
        negative_flip_rate=flips[0] if flips else None,
        positive_flip_rate=flips[1] if flips else None,
        moved=moved(figures, gates),
        metric=aim(gates, figures.task),
    )


def _periods(spec: PhaseSpec, task: TaskKind, challenger: Model, champion: Model | None) -> tuple[PeriodFigure, ...]:
    """Return both models on the periods of the line; one without samples that nobody learned from is left out."""
    found: list[PeriodFigure] = []
    for period in spec.periods:
        file = Path(period.holdout)
        holdout = unlearned(read_holdout(file, period.version, task), period, spec.policy) if file.exists() else None
        if holdout is not None:
            former = answer_all(champion, holdout) if champion else None
            pairs = pair(task, holdout, answer_all(challenger, holdout), former)
            found.append(measured(aim(spec.policy.gates, task), period.version, pairs))
    return tuple(f for f in found if np.isfinite([f.challenger, f.constant, f.champion or 0.0]).all())


def _told(task: TaskKind, pairs: Pairs, answered: Answered) -> dict[str, float]:
    return {name: value for name, value in all_metrics(task, pairs, answered).items() if np.isfinite(value)}


def flip_rates(figures: Figures, gates: tuple[Gate, ...]) -> tuple[float, float] | None:
    """Return the shares of the current holdout that only the champion, and only the challenger, has right.

    None where there is nothing to compare, or no spread of labels to tell right from wrong by.
    """
    pairs = figures.holdouts.get("current")
    if pairs is None or pairs.champion is None:
        return None
    near = tolerance_of(gates, figures.task)
    if pairs.n == 0 or (near is not None and pairs.spread == 0):
        return None
    before, after = pairs.right(pairs.champion, near), pairs.right(pairs.challenger, near)
    return negative_flips(before, after), negative_flips(after, before)
