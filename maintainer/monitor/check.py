"""A check put together in the daemon: which columns to compare, and all that was measured as one Evidence.

The share of drifted columns counts inputs only; what the model answered is `drift.prediction`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite, log, sqrt

from maintainer.domain.evidence import DriftScore, Evidence
from maintainer.domain.policy import Policy
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import Window
from maintainer.monitor.exchange import ColumnPair, DriftReply, DriftRequest
from maintainer.monitor.measured import Measured

THRESHOLD = 0.1  # of a column that the policy's table of thresholds leaves out; Evidently's default

Profiles = Mapping[str, ColumnCounts]  # column -> its counts in one window


@dataclass(frozen=True, slots=True)
class Seen:
    """What the daemon knows of a check before anything is compared."""

    version: str
    at: datetime
    reference: Window
    current: Window
    reference_rows: int
    current_rows: int
    sample_rows: int | None = None  # rows of the uniform sample, where the window was too large to be read whole
    facts: Mapping[str, float] = field(default_factory=dict[str, float])  # evidence counted elsewhere: labels.new, …
    reference_sample_rows: int | None = None


def requests(policy: Policy, seen: Seen, reference: Profiles, current: Profiles) -> DriftRequest | None:
    """Return what the check worker is to compare; None where the windows have too few rows to say anything."""
    if seen.current_rows < policy.checks.window.min_samples or not seen.reference_rows:
        return None
    drift = policy.checks.drift
    names = [*_inputs(policy), policy.task.prediction]
    pairs = [
        ColumnPair(
            name=name,
            kind=current[name].kind,
            method=drift.method if isinstance(drift.method, str) else drift.method.get(name, "auto"),
            threshold=drift.threshold.get(name, THRESHOLD) if isinstance(drift.threshold, Mapping) else drift.threshold,
            reference=reference[name],
            current=current[name],
        )
        for name in names
        if name in reference and name in current and _comparable(name, policy, reference, current)
    ]
    return DriftRequest(columns=tuple(pairs)) if pairs else None


def assemble(policy: Policy, seen: Seen, reply: DriftReply | None, measured: Measured) -> Evidence:
    """Return the evidence of a check; without a reply (too few rows) nothing is said of drift.

    A figure that is not finite is no figure: its name is absent, and a note says so.
    """
    answer = policy.task.prediction  # which samples have an answer is no property of the data
    scores = tuple(s for s in reply.scores if s.kind == "value" or s.column != answer) if reply else ()
    compared = len({score.column for score in scores})
    values = {**seen.facts, **_drift_values(policy, scores)}
    values |= {f"quality.{metric.name}": metric.value for metric in measured.metrics}
    values |= {f"estimated.{estimate.name}": estimate.value for estimate in measured.estimates}
    if measured.changes is not None:
        values["quality.change"] = measured.changes[-1].size if measured.changes else 0.0
    endless = [name for name, value in values.items() if not isfinite(value)]
    return Evidence(
        model=policy.model,
        version=seen.version,
        at=seen.at,
        reference=seen.reference,
        current=seen.current,
        reference_rows=seen.reference_rows,
        current_rows=seen.current_rows,
        values={name: value for name, value in values.items() if name not in endless},
        scores=scores,
        metrics=tuple(metric for metric in measured.metrics if isfinite(metric.value)),
        notes=(*_drift_notes(policy, seen, scores), *measured.notes, *_endless_notes(endless)),
        sample_rows=seen.sample_rows,
        sample_error=sample_error(seen.sample_rows, compared),
        reference_sample_rows=seen.reference_sample_rows,
        reference_sample_error=sample_error(seen.reference_sample_rows, compared),
        unlearned=measured.window,
        estimates=measured.estimates,
        reckoned=measured.reckoned,
        changes=measured.changes or (),
    )


def sample_error(rows: int | None, columns: int) -> float | None:
    """Return how far a distribution function of a uniform sample may be off; None without a sample.

    At 95 % confidence for all columns and both windows together: sqrt(ln(2 * 2 * columns / 0.05) / (2 n)), Dvoretzky,
    Kiefer & Wolfowitz 1956 with the constant of Massart 1990, https://doi.org/10.1214/aop/1176990746.
    """
    return sqrt(log(4.0 * columns / 0.05) / (2.0 * rows)) if rows and columns else None


def _endless_notes(names: list[str]) -> tuple[str, ...]:
    return (f"{', '.join(names)} not measured: the figure is not finite",) if names else ()


def _inputs(policy: Policy) -> list[str]:
    columns = policy.checks.drift.columns
    features = list(policy.task.compared)
    return features if columns == "all" else [name for name in features if name in columns]


def _comparable(name: str, policy: Policy, reference: Profiles, current: Profiles) -> bool:
    """Return whether a column is to be compared: answers are optional, so a window without any says nothing of them."""
    return name != policy.task.prediction or (reference[name].present > 0 and current[name].present > 0)


def _drift_values(policy: Policy, scores: tuple[DriftScore, ...]) -> dict[str, float]:
    names = {"value": "drift.score", "missing": "drift.missing"}
    values = {f"{names[score.kind]}.{score.column}": score.score for score in scores}
    answer = policy.task.prediction
    if f"drift.score.{answer}" in values:
        values["drift.prediction"] = values[f"drift.score.{answer}"]
    weights = {s.column: policy.checks.drift.weights.get(s.column, 1.0) for s in scores if s.column != answer}
    if (total := sum(weights.values())) > 0:
        drifted = {s.column for s in scores if s.drifted and s.column != answer}
        values["drift.share"] = sum(weights[name] for name in drifted) / total
    return values


def _drift_notes(policy: Policy, seen: Seen, scores: tuple[DriftScore, ...]) -> list[str]:
    least = policy.checks.window.min_samples
    if not scores:
        if seen.current_rows < least:
            cut = seen.current.start == seen.reference.end
            where = "since the champion's reference ended" if cut else "in the window"
            return [f"drift not measured: {seen.current_rows} samples {where}, {least} wanted (min_samples)"]
        if not seen.reference_rows:
            return ["drift not measured: the champion has no reference; one that was adopted gets it with its next run"]
        return ["drift not measured: no column is there in both windows"]
    columns = len({score.column for score in scores})
    drawn = (
        ("current", seen.sample_rows, seen.current_rows),
        ("reference", seen.reference_sample_rows, seen.reference_rows),
    )
    return [
        f"drift measured on a uniform sample of {kept} of {rows} rows of the {name} window: "
        f"a distribution function is off by at most {sample_error(kept, columns):.4f} (95 % over all columns)"
        for name, kept, rows in drawn
        if kept is not None
    ]
