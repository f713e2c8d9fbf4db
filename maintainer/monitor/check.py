"""A check put together in the daemon: which columns to compare, and all that was measured as one Evidence.

The share of drifted columns counts inputs only; what the model answered is `drift.prediction`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isfinite, log, sqrt

from maintainer.domain.evidence import Calibration, DriftScore, Evidence
from maintainer.domain.policy import Drift, Policy
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import ColumnKind, Window
from maintainer.monitor.exchange import (
    CalibrationReply,
    CalibrationRequest,
    ColumnPair,
    DriftReply,
    DriftRequest,
    Watched,
)
from maintainer.monitor.measured import Measured

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
    calibrated: CalibrationReply | None = None

    @property
    def thresholds(self) -> dict[tuple[str, str], float]:
        """Return the calibrated thresholds by column and kind."""
        return {(t.name, t.kind): t.threshold for t in self.calibrated.thresholds} if self.calibrated else {}


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
            method=_method(drift, name),
            threshold=_threshold(drift, seen, name, "value"),
            missing_threshold=_threshold(drift, seen, name, "missing"),
            reference=reference[name],
            current=current[name],
        )
        for name in names
        if name in reference and name in current and _comparable(name, policy, reference, current)
    ]
    level = seen.calibrated.level if seen.calibrated else None
    return DriftRequest(columns=tuple(pairs), level=level) if pairs else None


def calibration(policy: Policy, seen: Seen, kinds: Mapping[str, ColumnKind], samples: str) -> CalibrationRequest | None:
    """Return what is to be calibrated on samples of the reference; None where no threshold is `auto`."""
    drift = policy.checks.drift
    names = [name for name in (*_inputs(policy), policy.task.prediction) if _wanted(drift, name) == "auto"]
    if not names:
        return None
    watched = (
        Watched(name=name, kind=kinds[name], method=_method(drift, name), missing=name != policy.task.prediction)
        for name in names
    )
    return CalibrationRequest(
        samples=samples,
        columns=tuple(watched),
        reference_rows=seen.reference_sample_rows or seen.reference_rows,
        current_rows=seen.sample_rows or seen.current_rows,
        window_seconds=max(seen.current.length.total_seconds(), 1.0),
        every_seconds=policy.checks.every.total_seconds(),
        alarms=drift.false_alarms.at_most,
        period_seconds=drift.false_alarms.per.total_seconds(),
    )


def _method(drift: Drift, name: str) -> str:
    return drift.method if isinstance(drift.method, str) else drift.method.get(name, "auto")


def _wanted(drift: Drift, name: str) -> float | str:
    return drift.threshold.get(name, "auto") if isinstance(drift.threshold, Mapping) else drift.threshold


def _threshold(drift: Drift, seen: Seen, name: str, kind: str) -> float:
    """Return a given threshold, or the calibrated one; of what a reference holds none of only the floor counts."""
    wanted = _wanted(drift, name)
    return seen.thresholds.get((name, kind), 0.0) if isinstance(wanted, str) else wanted


def assemble(policy: Policy, seen: Seen, reply: DriftReply | None, measured: Measured) -> Evidence:
    """Return the evidence of a check; without a reply (too few rows) nothing is said of drift.

    A figure that is not finite is no figure: its name is absent, and a note says so.
    """
    answer = policy.task.prediction  # which samples have an answer is no property of the data
    found = reply.scores if reply else ()
    scores = tuple(_told(s, seen) for s in found if s.kind == "value" or s.column != answer)
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
        calibration=_calibration(policy, seen) if scores else None,
        estimates=measured.estimates,
        reckoned=measured.reckoned,
        changes=measured.changes or (),
    )


def _told(score: DriftScore, seen: Seen) -> DriftScore:
    """Return a score with what it usually is while nothing changes, where that is known."""
    known = seen.calibrated.thresholds if seen.calibrated else ()
    usual = next((t.usual for t in known if (t.name, t.kind) == (score.column, score.kind)), None)
    return replace(score, usual=usual)


def _calibration(policy: Policy, seen: Seen) -> Calibration | None:
    found = seen.calibrated
    if found is None:
        return None
    period = policy.checks.drift.false_alarms.per.total_seconds()
    return Calibration(found.level, found.alarms, period, found.block_seconds)


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
