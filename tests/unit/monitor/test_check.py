"""Putting a check together."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import log, sqrt

import numpy as np
import pytest

from maintainer.domain.evidence import DriftScore, Metric
from maintainer.domain.policy import Policy
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import ColumnKind, Window
from maintainer.monitor.check import Seen, assemble, requests, sample_error
from maintainer.monitor.exchange import Calibrated, CalibrationReply, DriftReply, DriftRequest
from maintainer.monitor.measured import Measured

NOW = datetime(2026, 11, 1, tzinfo=UTC)
WINDOW = Window.before(NOW, timedelta(days=7))


def policy(**checks: object) -> Policy:
    features = {"a": {"type": "number"}, "b": {"type": "number"}, "c": {"type": "category"}}
    task = {"kind": "tabular-classification", "features": features, "label": "y"}
    return Policy.model_validate({"version": 1, "model": "m", "task": task, "checks": checks})


def seen(rows: int = 1000, **more: object) -> Seen:
    return Seen("v1", NOW, WINDOW, WINDOW, 5000, rows, **more)  # pyright: ignore


def profile(rows: int = 1000, present: int | None = None, names: str = "abc") -> dict[str, ColumnCounts]:
    there = rows if present is None else present
    kinds = {"a": ColumnKind.NUMBER, "b": ColumnKind.NUMBER}
    found = {n: ColumnCounts(kinds.get(n, ColumnKind.CATEGORY), rows, 0, (rows,), words=("x",)) for n in names}
    found["prediction"] = ColumnCounts(ColumnKind.CATEGORY, rows, rows - there, (there,) if there else ())
    return found


def reply(*scores: tuple[str, str, float]) -> DriftReply:
    return DriftReply(scores=tuple(DriftScore(c, kind, "psi", score, 0.1) for c, kind, score in scores))


def test_all_inputs_and_the_answer_are_compared_with_the_policys_method_and_threshold():
    rules = policy(drift={"method": {"a": "psi"}, "threshold": {"b": 0.4}})
    known = [("a", "value", 0.07), ("a", "missing", 0.02), ("prediction", "value", 0.09)]
    told = tuple(Calibrated(name=n, kind=kind, threshold=t, usual=(0.01, 0.05)) for n, kind, t in known)
    calibrated = CalibrationReply(thresholds=told, level=0.001, alarms=1.0, block_seconds=60.0)
    asked = requests(rules, replace(seen(), calibrated=calibrated), profile(), profile())
    assert asked is not None
    assert [(p.name, p.method, p.threshold) for p in asked.columns] == [
        ("a", "psi", 0.07),  # calibrated
        ("b", "auto", 0.4),
        ("c", "auto", 0.0),  # nothing is known of it: only the floor counts
        ("prediction", "auto", 0.09),
    ]
    assert [p.missing_threshold for p in asked.columns] == [0.02, 0.4, 0.0, 0.0]
    assert asked.level == 0.001
    assert DriftRequest.model_validate_json(asked.model_dump_json()) == asked


def test_columns_that_the_policy_does_not_list_are_left_out():
    asked = requests(policy(drift={"columns": ["b"]}), seen(), profile(), profile(present=0))
    assert asked is not None
    assert [p.name for p in asked.columns] == ["b"]


def test_a_champion_without_a_reference_gives_no_drift_evidence_and_a_note_that_says_why():
    rules, alone = policy(), replace(seen(), reference_rows=0)
    assert requests(rules, alone, profile(0), profile()) is None
    evidence = assemble(rules, alone, None, Measured())
    assert not [name for name in evidence.values if name.startswith("drift.")]
    assert any("the champion has no reference" in note for note in evidence.notes)


def test_too_few_rows_give_no_drift_evidence_and_a_note_with_both_numbers():
    rules = policy(window={"min_samples": 500})
    assert requests(rules, seen(499), profile(), profile(499)) is None
    evidence = assemble(rules, seen(499), None, Measured())
    assert not evidence.scores
    assert not [name for name in evidence.values if name.startswith("drift.")]
    assert any("499" in note and "500" in note for note in evidence.notes)


def test_a_column_counts_once_whether_its_values_or_its_gaps_drifted():
    found = reply(("a", "value", 0.5), ("a", "missing", 0.6), ("b", "value", 0.0), ("b", "missing", 0.3))
    evidence = assemble(policy(), seen(), reply(*((s.column, s.kind, s.score) for s in found.scores)), Measured())
    assert evidence.values["drift.share"] == 1.0
    assert evidence.values["drift.score.a"] == 0.5
    assert evidence.values["drift.missing.b"] == 0.3


def test_weights_count_in_the_share_of_drifted_columns():
    found = reply(("a", "value", 0.5), ("b", "value", 0.0), ("c", "value", 0.0))
    rules = policy(drift={"weights": {"a": 6.0}})
    assert assemble(rules, seen(), found, Measured()).values["drift.share"] == pytest.approx(6 / 8)


def test_the_answers_drift_is_evidence_of_its_own_and_no_part_of_the_share():
    found = reply(("a", "value", 0.0), ("prediction", "value", 0.9), ("prediction", "missing", 0.9))
    evidence = assemble(policy(), seen(), found, Measured())
    assert evidence.values["drift.prediction"] == 0.9
    assert evidence.values["drift.share"] == 0.0
    assert "drift.missing.prediction" not in evidence.values


def test_a_score_that_chance_may_reach_is_no_drift():
    scores = (
        DriftScore("a", "value", "psi", 0.3, 0.1, floor=0.4),
        DriftScore("b", "value", "psi", 0.3, 0.1, floor=0.2),
    )
    evidence = assemble(policy(), seen(), DriftReply(scores=scores), Measured())
    assert [s.drifted for s in scores] == [False, True]
    assert [s.limit for s in scores] == pytest.approx([0.4, 0.2])
    assert (evidence.values["drift.share"], evidence.values["drift.score.a"]) == (0.5, 0.3)


def test_a_score_on_the_threshold_is_not_past_it():
    assert assemble(policy(), seen(), reply(("a", "value", 0.1)), Measured()).values["drift.share"] == 0.0


def test_a_sample_of_either_window_brings_its_bound_for_all_columns_at_once_and_says_so():
    found = reply(("a", "value", 0.0), ("a", "missing", 0.0), ("b", "value", 0.0))
    evidence = assemble(policy(), seen(10**6, sample_rows=20_000, reference_sample_rows=1000), found, Measured())
    assert evidence.sample_error == pytest.approx(sqrt(log(2 * 2 * 2 / 0.05) / 40_000))
    assert evidence.reference_sample_error == pytest.approx(sqrt(log(2 * 2 * 2 / 0.05) / 2000))
    assert any("20000 of 1000000 rows of the current" in note for note in evidence.notes)
    assert any("1000 of 5000 rows of the reference" in note for note in evidence.notes)
    whole = assemble(policy(), seen(1000), found, Measured())
    assert (whole.sample_error, whole.reference_sample_error, whole.notes) == (None, None, ())


def test_the_bound_of_samples_holds_for_every_column_of_both_windows_at_once():
    rng = np.random.default_rng(0)
    bound, ranks = sample_error(500, 10), np.arange(501) / 500
    assert bound is not None
    samples = np.sort(rng.random((300, 20, 500)), axis=2)  # 300 checks of 10 columns in two windows
    off = np.maximum(ranks[1:] - samples, samples - ranks[:-1]).max(axis=(1, 2))
    assert np.mean(off > bound) < 0.08


def test_the_note_of_a_check_soon_after_a_promotion_says_from_when_samples_count():
    after = seen(3)
    after = replace(after, reference=Window(WINDOW.start - timedelta(days=9), WINDOW.start))
    note = assemble(policy(), after, None, Measured()).notes[0]
    assert note == "drift not measured: 3 samples since the champion's reference ended, 500 wanted (min_samples)"


def test_facts_counted_elsewhere_and_quality_are_evidence_too():
    measured = Measured((Metric("accuracy", 0.5, 2),))
    evidence = assemble(policy(), seen(facts={"labels.new": 7.0}), None, measured)
    assert evidence.values["labels.new"] == 7.0
    assert evidence.values["quality.accuracy"] == 0.5


def test_the_daemons_side_loads_neither_evidently_nor_pandas():
    code = "import sys, maintainer.monitor.check; print({'evidently', 'pandas', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"


def test_a_figure_that_is_not_finite_is_absent_and_noted():
    measured = Measured((Metric("accuracy", float("inf"), 3), Metric("f1_macro", 0.5, 3)))
    evidence = assemble(policy(), seen(facts={"labels.new": float("nan")}), None, measured)
    assert dict(evidence.values) == {"quality.f1_macro": 0.5}
    assert [metric.name for metric in evidence.metrics] == ["f1_macro"]
    assert "labels.new, quality.accuracy not measured: the figure is not finite" in evidence.notes
