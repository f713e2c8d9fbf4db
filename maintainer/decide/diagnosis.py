"""Which kind of drift the evidence of a check tells of. Pure.

A change of p(y) while p(x) stays is one of p(y|x): p(y) is the mean of p(y|x) over p(x). A fall of quality while p(x)
stays is one too. Where the inputs have moved, the fall may be theirs: an estimate of quality without labels, made from
the model's own probabilities on these inputs, says how much of it is, and only what lies below that is of the relation.
Moved labels beside moved inputs are taken for a change of the classes' shares while quality stands. Moreno-Torres et
al. 2012, https://doi.org/10.1016/j.patcog.2011.06.019.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from maintainer.domain.evidence import Evidence, Metric
from maintainer.domain.kinds import Diagnosis, DriftKind
from maintainer.domain.metrics import lost

FALL = 2.6  # standard deviations that accuracy has fallen: once in 200 times by chance
SHARE = 0.1  # of what it is held to, for a metric whose deviation is not known


def diagnose(evidence: Evidence, baseline: Mapping[str, float]) -> Diagnosis | None:
    """Return the kind of drift; None where nothing was compared. `baseline` is what the champion is held to."""
    if evidence.faults:
        said = "; ".join(fault.sentence for fault in evidence.faults)
        return Diagnosis(
            DriftKind.DATA_FAULT, f"The data look broken, and nothing should be learned from them: {said}."
        )
    if not evidence.scores and not evidence.metrics:
        return None
    fell = _fallen(evidence, baseline)
    moved, labels = _moved(evidence), _labels_moved(evidence)
    if not moved:
        return _with_still_inputs(fell, labels, bool(evidence.scores))
    if fell is not None:
        return _with_moved_inputs(evidence, moved, fell)
    if labels:
        said = f"The labels' shares have moved, and with them the inputs ({moved}), while quality stands"
        return Diagnosis(DriftKind.PRIOR, f"{said}: the classes come in other shares.")
    quality = "quality stands" if evidence.metrics else "quality is not known yet"
    return Diagnosis(DriftKind.COVARIATE, f"The inputs have moved ({moved}); {quality}, and the labels have not moved.")


def _with_still_inputs(fell: Metric | None, labels: bool, compared: bool) -> Diagnosis:
    still = "the inputs have not moved" if compared else "the inputs were not compared"
    if fell is not None and compared:
        return Diagnosis(DriftKind.CONCEPT, f"{_words(fell)} while {still}: the same inputs have other labels now.")
    if labels:
        said = f"The labels have moved while {still}"
        return Diagnosis(DriftKind.CONCEPT, f"{said}: the same inputs have other labels now.")
    if fell is not None:
        return Diagnosis(DriftKind.CONCEPT, f"{_words(fell)}; {still}, so the cause may be theirs.")
    return Diagnosis(DriftKind.NONE, f"Nothing has moved beyond chance: {still}, and no loss of quality is seen.")


def _with_moved_inputs(evidence: Evidence, moved: str, fell: Metric) -> Diagnosis:
    """Return which of the two a fall of quality beside moved inputs tells of."""
    estimate = evidence.values.get(f"estimated.{fell.name}")
    if estimate is None:
        said = f"The inputs have moved ({moved}) and {_words(fell, first=False)}"
        return Diagnosis(
            DriftKind.COVARIATE, f"{said}: the loss may be theirs; whether the relation has changed too is not told."
        )
    if _is_fall(fell, estimate):
        said = f"The inputs have moved ({moved}), but {_words(fell, first=False)}, and below the {estimate:.3g}"
        return Diagnosis(DriftKind.CONCEPT, f"{said} that these inputs account for: the relation has changed too.")
    said = (
        f"The inputs have moved ({moved}) and {_words(fell, first=False)}, as the estimate of {estimate:.3g} for these"
    )
    return Diagnosis(DriftKind.COVARIATE, f"{said} inputs says: the relation has not changed.")


def _fallen(evidence: Evidence, baseline: Mapping[str, float]) -> Metric | None:
    """Return the first metric that has lost more than chance takes; None where none has."""
    held = ((metric, baseline.get(metric.name)) for metric in evidence.metrics)
    return next((metric for metric, before in held if before is not None and _is_fall(metric, before)), None)


def _is_fall(metric: Metric, before: float) -> bool:
    """Return whether a metric on n labels is lower than `before` beyond chance.

    Accuracy is held to the deviation of a binomial share; of other metrics none is known, and a tenth counts.
    """
    loss = lost(metric.name, before, metric.value)
    if metric.name == "accuracy":
        return loss > FALL * sqrt(max(before * (1.0 - before), 0.25 / metric.n) / metric.n)
    return loss > SHARE * (1.0 if metric.name in ("mae", "rmse") else max(abs(before), SHARE))


def _moved(evidence: Evidence) -> str:
    """Return which inputs have moved, in words; empty where none has."""
    kinds = ("value", "missing", "unseen", "vocabulary")
    columns = sorted(
        {s.column for s in evidence.scores if s.kind in kinds and s.drifted and s.column in _inputs(evidence)}
    )
    together = [one for one in evidence.together if one.drifted]
    if columns:
        rest = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
        return ", ".join(columns[:3]) + rest
    if not together:
        return ""
    carriers = ", ".join(carrier.column for carrier in together[0].carriers[:3])
    return f"together, not one by one{': ' + carriers if carriers else ''}"


def _inputs(evidence: Evidence) -> set[str]:
    """Return the columns that count: all but the answer and the label, whose gaps are not compared."""
    return {s.column for s in evidence.scores if s.kind in ("missing", "unseen", "vocabulary")}


def _labels_moved(evidence: Evidence) -> bool:
    return any(score.drifted for score in evidence.scores if score.kind == "label")


def _words(fell: Metric, first: bool = True) -> str:
    said = f"{fell.name} has worsened to {fell.value:.3g} on {fell.n} labels"
    return said[0].upper() + said[1:] if first else said
