"""Which kind of drift the evidence tells of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from maintainer.decide.decision import RunFacts, decide
from maintainer.decide.diagnosis import diagnose
from maintainer.domain.evidence import DriftScore, Evidence, Finding, Metric, TriggerMode, TriggerState
from maintainer.domain.kinds import Carrier, ColumnFault, DriftKind, Together
from maintainer.domain.policy import Policy
from maintainer.domain.sample import Window

NOW = datetime(2026, 5, 1, tzinfo=UTC)
WINDOW = Window.before(NOW, timedelta(days=7))
STUCK = ColumnFault("a", "stuck", "a is stuck at 7; the reference has 900 values")


def scores(inputs: bool = False, labels: bool = False, answers: bool = False) -> tuple[DriftScore, ...]:
    return (
        DriftScore("a", "value", "m", 0.9 * inputs, 0.1),
        DriftScore("a", "missing", "m", 0.0, 0.1),
        DriftScore("prediction", "value", "m", 0.9 * answers, 0.1),
        DriftScore("y", "label", "m", 0.9 * labels, 0.1),
    )


def evidence(seen: tuple[DriftScore, ...], accuracy: float | None = None, n: int = 1000, **more: object) -> Evidence:
    metrics = () if accuracy is None else (Metric("accuracy", accuracy, n),)
    return Evidence("m", "v1", NOW, WINDOW, WINDOW, 1000, 1000, scores=seen, metrics=metrics, **more)  # pyright: ignore


def kind(seen: Evidence) -> DriftKind | None:
    found = diagnose(seen, {"accuracy": 0.9})
    return None if found is None else found.kind


@pytest.mark.parametrize(
    ("inputs", "labels", "accuracy", "wanted"),
    [
        (False, False, None, DriftKind.NONE),
        (False, False, 0.9, DriftKind.NONE),
        (False, False, 0.7, DriftKind.CONCEPT),
        (False, True, 0.9, DriftKind.CONCEPT),  # p(y) is the mean of p(y|x) over p(x)
        (False, True, 0.7, DriftKind.CONCEPT),
        (True, False, None, DriftKind.COVARIATE),
        (True, False, 0.9, DriftKind.COVARIATE),
        (True, False, 0.7, DriftKind.COVARIATE),
        (True, True, 0.9, DriftKind.PRIOR),
        (True, True, None, DriftKind.PRIOR),
    ],
)
def test_the_kind_follows_from_what_has_moved(
    inputs: bool, labels: bool, accuracy: float | None, wanted: DriftKind
) -> None:
    assert kind(evidence(scores(inputs, labels), accuracy)) is wanted


def test_a_loss_within_chance_is_none_and_answers_that_move_alone_are_no_input() -> None:
    assert kind(evidence(scores(), 0.88, 100)) is DriftKind.NONE
    assert kind(evidence(scores(), 0.88, 10_000)) is DriftKind.CONCEPT
    assert kind(evidence(scores(answers=True))) is DriftKind.NONE


def test_beside_moved_inputs_the_estimate_without_labels_tells_whose_the_loss_is() -> None:
    explained = evidence(scores(inputs=True), 0.7, values={"estimated.accuracy": 0.71})
    changed = evidence(scores(inputs=True), 0.7, values={"estimated.accuracy": 0.89})
    assert (kind(explained), kind(changed)) == (DriftKind.COVARIATE, DriftKind.CONCEPT)


def test_columns_that_moved_together_alone_are_covariate_drift_and_are_named() -> None:
    moved = Together("drift.multivariate", "m", 0.3, 1e-6, (500, 500), (Carrier("a", 0.6), Carrier("b", 0.4)))
    found = diagnose(evidence(scores(), together=(moved,)), {})
    assert found is not None and found.kind is DriftKind.COVARIATE
    assert "together, not one by one: a, b" in found.sentence


def test_a_fault_goes_before_everything_and_without_any_figure_nothing_is_said() -> None:
    found = diagnose(evidence(scores(True, True), 0.2, faults=(STUCK,)), {"accuracy": 0.9})
    assert found is not None and found.kind is DriftKind.DATA_FAULT and STUCK.sentence in found.sentence
    assert diagnose(evidence(()), {"accuracy": 0.9}) is None


def test_errors_of_a_regression_count_from_a_tenth() -> None:
    def of(mae: float) -> DriftKind | None:
        seen = Evidence("m", "v1", NOW, WINDOW, WINDOW, 9, 9, scores=scores(), metrics=(Metric("mae", mae, 500),))
        found = diagnose(seen, {"mae": 2.0})
        return None if found is None else found.kind

    assert (of(2.15), of(2.25)) == (DriftKind.NONE, DriftKind.CONCEPT)


@pytest.mark.parametrize("metric", ["drift.share", "quality.accuracy", "labels.new", "champion.age"])
def test_no_trigger_starts_a_run_on_a_column_at_fault_and_the_decision_says_so(metric: str) -> None:
    policy = Policy.model_validate(
        {
            "version": 1,
            "model": "m",
            "task": {"kind": "tabular-classification", "features": {"a": {"type": "number"}}, "label": "y"},
        }
    )
    finding = Finding("t", metric, 1.0, 0.1, True, TriggerState(TriggerMode.FIRED), "it holds")
    facts = RunFacts(labels_available=10_000, run_starts=(), running=False)
    assert decide(policy, [finding], facts, NOW).start
    held = decide(policy, [finding], RunFacts(10_000, (), False, faults=(STUCK,)), NOW)
    assert not held.start
    assert "waits for a person, because a looks like a data fault (a is stuck at 7" in held.reason
