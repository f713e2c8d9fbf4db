"""Each kind of gate: passed, failed, inconclusive, and in words."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from pydantic import TypeAdapter

from maintainer.domain.gates import aim
from maintainer.domain.phase import GateFinding, GateVerdict
from maintainer.domain.policy import Gate
from maintainer.domain.sample import TaskKind
from maintainer.domain.statistics import Resampling
from maintainer.gate.figures import Answered, Figures, Latency, Pairs, Speeds
from maintainer.gate.gates import judge, judge_all

PASSED, FAILED, INCONCLUSIVE = GateVerdict.PASSED, GateVerdict.FAILED, GateVerdict.INCONCLUSIVE
HOW = Resampling(resamples=500)


def gate(kind: str, **told) -> Gate:
    return TypeAdapter(Gate).validate_python({"kind": kind, **told})


def says(classes: np.ndarray, c: int = 2, sure: float = 0.9) -> Answered:
    chances = np.full((len(classes), c), (1 - sure) / (c - 1))
    chances[np.arange(len(classes)), classes] = sure
    return Answered(classes, chances)


def flipped(n: int, only_champion: int, only_challenger: int, both_wrong: int = 0) -> Pairs:
    """All labels are 1; the flips are strewn over time."""
    order = np.random.default_rng(0).permutation(n)
    champion, challenger = np.ones(n, np.int64), np.ones(n, np.int64)
    wrong = np.split(order, np.cumsum([only_challenger, only_champion, both_wrong]))
    champion[np.concatenate([wrong[0], wrong[2]])] = 0
    challenger[np.concatenate([wrong[1], wrong[2]])] = 0
    return Pairs(np.ones(n, np.int64), says(challenger), says(champion))


def classification(pairs: Pairs | None, on: str = "current", **more) -> Figures:
    holdouts = {} if pairs is None else {on: pairs}
    told = {"parity": 0.0, "size_bytes": 1, "bootstrap": False} | more
    return Figures(TaskKind.CLASSIFICATION, holdouts=holdouts, **told)


def errors(n: int, before: float, after: float, seed: int = 0) -> Pairs:
    """A regression whose absolute errors have these means; labels have an interquartile range of about 100."""
    rng = np.random.default_rng(seed)
    labels = rng.uniform(0, 200, n)
    noise = rng.normal(size=(2, n)) * np.sqrt(np.pi / 2)
    none = np.zeros((n, 0))
    return Pairs(labels, Answered(labels + after * noise[0], none), Answered(labels + before * noise[1], none))


def regression(pairs: Pairs, on: str = "current", **more) -> Figures:
    told = {"parity": 0.0, "size_bytes": 1, "bootstrap": False} | more
    return Figures(TaskKind.REGRESSION, holdouts={on: pairs}, **told)


def judged(asked: Gate, figures: Figures) -> GateFinding:
    finding = judge(asked, figures, HOW)
    assert GateFinding.model_validate_json(finding.model_dump_json()) == finding
    assert finding.sentence and "nan" not in finding.sentence
    return finding


@pytest.mark.parametrize(
    ("only_champion", "only_challenger", "verdict"),
    [
        (20, 60, PASSED),
        (28, 36, INCONCLUSIVE),
        (30, 30, FAILED),
        (60, 20, FAILED),
        (0, 0, FAILED),
        (0, 4, INCONCLUSIVE),
    ],
)
def test_superior_accuracy_needs_more_wins_than_chance_gives(only_champion, only_challenger, verdict):
    asked = gate("superior", metric="accuracy")
    found = judged(asked, classification(flipped(1000, only_champion, only_challenger)))
    assert found.verdict is verdict
    assert found.gate == "superior accuracy on current"
    assert (found.value, found.limit, found.n) == (pytest.approx((only_challenger - only_champion) / 1000), 0.0, 1000)
    assert found.interval is not None and found.interval[0] <= found.value <= found.interval[1]


def test_a_sentence_has_both_figures_the_bounds_the_sample_size_and_the_p_value():
    found = judged(gate("superior", metric="accuracy"), classification(flipped(1000, 20, 60)))
    start = "accuracy 0.98 where the champion has 0.94 on 1,000 samples of the current holdout, a gain of +4.00 points"
    assert found.sentence.startswith(start)
    chance = sum(comb(80, k) for k in range(60, 81)) / 2**80
    assert f"(one-sided 95 % bounds +2.58 to +5.70 points, McNemar p {chance:.2g})" in found.sentence
    assert found.sentence.endswith("better beyond chance")


def test_wins_that_come_in_one_stretch_of_time_are_not_taken_for_independent():
    pairs = flipped(1000, 0, 0)
    for model, at in ((pairs.champion, slice(100, 130)), (pairs.challenger, slice(600, 612))):
        assert model is not None
        model.answers[at], model.chances[at] = 0, [0.9, 0.1]
    found = judged(gate("superior", metric="accuracy"), classification(pairs))
    assert "McNemar p 0.004" in found.sentence
    assert found.verdict is INCONCLUSIVE


@pytest.mark.parametrize(
    ("n", "only_champion", "only_challenger", "verdict"),
    [
        (2000, 20, 20, PASSED),
        (200, 2, 2, INCONCLUSIVE),
        (2000, 70, 20, FAILED),
        (2000, 30, 15, INCONCLUSIVE),
        (100, 0, 0, INCONCLUSIVE),
    ],
)
def test_non_inferior_rules_out_the_margin_or_says_that_it_cannot(n, only_champion, only_challenger, verdict):
    asked = gate("non-inferior", metric="accuracy", margin=0.01)
    found = judged(asked, classification(flipped(n, only_champion, only_challenger), on="reference"))
    assert found.verdict is verdict
    assert found.limit == -0.01
    assert "1.00 points" in found.sentence


@pytest.mark.parametrize(("after", "verdict"), [(8.0, PASSED), (9.95, INCONCLUSIVE), (12.0, FAILED)])
@pytest.mark.parametrize("metric", ["mae", "rmse"])
def test_an_error_must_shrink_by_more_than_chance(metric, after, verdict):
    found = judged(gate("superior", metric=metric), regression(errors(1000, 10.0, after, seed=3)))
    assert found.verdict is verdict
    assert found.value == pytest.approx(1 - after / 10, abs=0.08)
    assert "%" in found.sentence and "McNemar" not in found.sentence


@pytest.mark.parametrize("pairs", [flipped(1000, 28, 44), flipped(1000, 27, 45)])
def test_the_gates_confidence_decides(pairs):
    bold = judged(gate("superior", metric="accuracy", confidence=0.9), classification(pairs))
    timid = judged(gate("superior", metric="accuracy", confidence=0.999), classification(pairs))
    assert (bold.verdict, timid.verdict) == (PASSED, INCONCLUSIVE)
    assert bold.interval is not None and timid.interval is not None and timid.interval[0] < bold.interval[0]
    assert "one-sided 99.9 % bounds" in timid.sentence


def test_a_margin_of_an_error_is_a_share_of_the_champions():
    asked = gate("non-inferior", metric="mae", on="current", margin=0.2)
    assert judged(asked, regression(errors(2000, 10.0, 10.5))).verdict is PASSED
    assert judged(asked, regression(errors(2000, 10_000.0, 10_500.0))).verdict is PASSED
    assert judged(asked, regression(errors(2000, 10.0, 13.0))).verdict is FAILED


@pytest.mark.parametrize("metric", ["f1_macro", "log_loss"])
def test_every_classification_metric_can_be_gated(metric):
    better, worse = flipped(1000, 10, 150, 50), flipped(1000, 150, 10, 50)
    assert judged(gate("superior", metric=metric), classification(better)).verdict is PASSED
    assert judged(gate("superior", metric=metric), classification(worse)).verdict is FAILED
    held = gate("non-inferior", metric=metric, on="current")
    assert judged(held, classification(better)).verdict is PASSED
    assert judged(held, classification(worse)).verdict is FAILED


def test_every_regression_metric_can_be_gated():
    for metric in ("mae", "rmse", "r2"):
        assert judged(gate("superior", metric=metric), regression(errors(500, 30, 20))).verdict is PASSED
        assert judged(gate("superior", metric=metric), regression(errors(500, 20, 30))).verdict is FAILED


@pytest.mark.parametrize("n", [1, 2, 5, 29])
@pytest.mark.parametrize("kind", ["superior", "non-inferior"])
def test_few_samples_are_inconclusive_whatever_they_say(kind, n):
    for pairs in (flipped(n, 0, n), flipped(n, n, 0), flipped(n, 0, 0)):
        found = judged(gate(kind, metric="accuracy", on="current"), classification(pairs))
        assert found.verdict is INCONCLUSIVE
        assert f"{n} sample" in found.sentence and "at least 30" in found.sentence
    found = judged(gate(kind, metric="mae", on="current"), regression(errors(n, 30, 1)))
    assert found.verdict is INCONCLUSIVE


def test_agreement_on_few_samples_is_no_proof_for_f1():
    asked = gate("non-inferior", metric="f1_macro", on="current", margin=0.01)
    assert judged(asked, classification(flipped(298, 0, 0, 20))).verdict is INCONCLUSIVE
    assert judged(asked, classification(flipped(299, 0, 0, 20))).verdict is PASSED


@pytest.mark.parametrize("pairs", [None, flipped(0, 0, 0)])
@pytest.mark.parametrize("kind", ["superior", "non-inferior", "negative-flips"])
def test_without_a_holdout_a_comparison_is_inconclusive_in_words(kind, pairs):
    told = {} if kind == "negative-flips" else {"metric": "accuracy"}
    found = judged(gate(kind, on="reference", **told), classification(pairs, on="reference"))
    assert found.verdict is INCONCLUSIVE
    assert found.value is None and found.n == 0
    assert found.sentence == "the reference holdout has no labelled samples to judge by"


@pytest.mark.parametrize(
    ("n", "flips", "verdict"),
    [
        (500, 4, PASSED),
        (500, 5, INCONCLUSIVE),
        (500, 10, INCONCLUSIVE),
        (500, 11, FAILED),
        (28, 0, INCONCLUSIVE),
        (5, 1, INCONCLUSIVE),
    ],
)
def test_negative_flips_above_the_limit_must_be_ruled_out(n, flips, verdict):
    found = judged(gate("negative-flips", at_most=0.02), classification(flipped(n, flips, 0), on="reference"))
    assert found.verdict is verdict
    assert found.value == pytest.approx(flips / n)
    assert found.interval is not None and found.interval[0] == 0.0 and found.interval[1] > flips / n


@pytest.mark.parametrize(("n", "flips", "said"), [(148, 0, "149"), (400, 4, "581"), (500, 10, None)])
def test_inconclusive_flips_say_how_many_samples_would_decide(n, flips, said):
    found = judged(gate("negative-flips", at_most=0.02), classification(flipped(n, flips, 5), on="reference"))
    assert found.verdict is INCONCLUSIVE
    end = f"; about {said} samples would do it at this rate" if said else ""
    assert found.sentence.endswith(f"more than 2.00 % cannot be ruled out{end}")


@pytest.mark.parametrize("n", [30, 60, 200])
def test_a_true_rate_of_flips_above_the_limit_seldom_passes(n):
    asked, passed = gate("negative-flips", at_most=0.05), 0
    for seed in range(200):
        flips = int(np.random.default_rng(seed).binomial(n, 0.05))
        passed += judge(asked, classification(flipped(n, flips, 0), on="reference"), HOW).verdict is PASSED
    assert passed <= 0.05 * 200 + 2.5 * np.sqrt(200 * 0.05 * 0.95)


def test_flips_in_one_stretch_of_time_count_as_fewer():
    pairs = flipped(1000, 0, 0)
    pairs.challenger.answers[400:412] = 0
    asked = gate("negative-flips", at_most=0.02)
    burst = judged(asked, classification(pairs, on="reference"))
    strewn = judged(asked, classification(flipped(1000, 12, 0), on="reference"))
    assert (burst.value, burst.verdict) == (strewn.value, INCONCLUSIVE)
    assert strewn.verdict is PASSED


def test_a_recovery_from_a_champion_that_is_right_by_chance_is_let_through():
    rng = np.random.default_rng(1)

    def answers(share: float) -> np.ndarray:
        return (rng.random(2000) < share).astype(np.int64)

    broken = Pairs(np.ones(2000, np.int64), says(answers(0.92)), says(answers(0.47)))
    figures = classification(None)
    holdouts = {"current": broken, "reference": flipped(2000, 20, 20, 150)}
    figures = Figures(TaskKind.CLASSIFICATION, figures.parity, figures.size_bytes, figures.bootstrap, holdouts)
    assert judged(gate("negative-flips"), figures).verdict is PASSED
    assert judged(gate("negative-flips", on="current"), figures).value == pytest.approx(0.47 * 0.08, abs=0.01)


def of_numbers(labels: np.ndarray, challenger: np.ndarray, champion: np.ndarray) -> Figures:
    none = np.zeros((len(labels), 0))
    return regression(Pairs(labels, Answered(challenger, none), Answered(champion, none)), on="reference")


def test_flips_of_a_regression_are_answers_that_leave_the_tolerance():
    labels = np.linspace(0, 200, 401)  # interquartile range 100: right is within 10
    figures = of_numbers(labels, labels + np.where(np.arange(401) < 20, 10.1, 9.9), labels + 9.9)
    found = judged(gate("negative-flips", at_most=0.04), figures)
    assert found.value == pytest.approx(20 / 401)
    assert found.verdict is FAILED
    assert judged(gate("negative-flips", at_most=0.04, tolerance=0.2), figures).value == 0.0


def test_flips_are_seen_where_most_labels_are_one_value():
    labels = np.where(np.arange(1000) % 5 == 0, 50.0, 0.0)  # quartiles 0 and 0, mean deviation from the median 10
    worse = np.where(np.arange(1000) % 4 == 0, 30.0, labels + 0.5)
    found = judged(gate("negative-flips"), of_numbers(labels, worse, labels + 0.5))
    assert (found.verdict, found.value) == (FAILED, 0.25)


def test_flips_among_equal_labels_are_inconclusive():
    found = judged(gate("negative-flips"), of_numbers(np.full(400, 7.0), np.full(400, 9.0), np.full(400, 7.0)))
    assert (found.verdict, found.value) == (INCONCLUSIVE, None)
    assert "all labels of the reference holdout are equal" in found.sentence


def test_file_gates_hold_at_their_limit_and_fail_past_it():
    figures = classification(None, parity=1e-4, size_bytes=50 << 20)
    assert judged(gate("parity"), figures).verdict is PASSED
    assert judged(gate("size"), figures).verdict is PASSED
    figures = classification(None, parity=1.1e-4, size_bytes=(50 << 20) + 1)
    assert judged(gate("parity"), figures).verdict is FAILED
    assert judged(gate("size"), figures).verdict is FAILED
    assert judge(gate("parity"), classification(None, parity=float("nan")), HOW).verdict is FAILED


def test_latency_is_that_of_its_batch_size():
    speeds = {
        1: Speeds(Latency(0.1, 0.2, 0.3, 200), Latency(0.1, 0.4, 0.5, 200)),
        64: Speeds(Latency(4, 6, 9, 200), None),
    }
    figures = classification(None, speeds=speeds)
    found = judged(gate("latency", p95_ms_at_most=5), figures)
    assert (found.verdict, found.value, found.n, found.gate) == (PASSED, 0.2, 200, "latency at batch 1")
    assert "the champion takes 0.40 ms" in found.sentence
    assert judged(gate("latency", p95_ms_at_most=5, batch=64), figures).verdict is FAILED
    assert judged(gate("latency", batch=2), figures).verdict is INCONCLUSIVE


def test_answers_that_are_no_numbers_never_pass():
    pairs = errors(100, 10, 10)
    pairs.challenger.answers[3] = np.nan
    for kind in ("superior", "non-inferior"):
        assert judge(gate(kind, metric="mae", on="current"), regression(pairs), HOW).verdict is FAILED


def first(pairs: Pairs, task: TaskKind = TaskKind.CLASSIFICATION) -> Figures:
    alone = Pairs(pairs.labels, pairs.challenger, None)
    return Figures(task, parity=0.0, size_bytes=1, bootstrap=True, holdouts={"current": alone})


def test_a_first_model_has_no_champion_to_compare_with_and_must_not_be_worse_than_a_constant_answer():
    gates = [gate("superior", metric="accuracy"), gate("non-inferior", metric="accuracy"), gate("negative-flips")]
    labels = np.arange(100) % 4 // 3  # a quarter is 1
    good, poor = np.where(np.arange(100) < 20, 0, labels), 1 - labels
    *others, trivial = judge_all(gates, first(Pairs(labels, says(good), None)), HOW)
    assert {(f.verdict, f.value, f.sentence) for f in others} == {(PASSED, None, "no champion to compare with")}
    assert trivial.gate == "not worse than a constant answer"
    assert trivial.verdict is PASSED and trivial.value == pytest.approx(0.20)
    assert "where a constant answer has 0.75" in trivial.sentence
    assert judge_all([], first(Pairs(labels, says(poor), None)), HOW)[-1].verdict is FAILED
    level = judge_all([], first(Pairs(labels, says(np.zeros(100, int)), None)), HOW)[-1]
    assert level.verdict is PASSED and "nor worse beyond chance" in level.sentence
    assert judge_all([], first(Pairs(labels[:20], says(labels[:20]), None)), HOW)[-1].verdict is INCONCLUSIVE
    nothing = Figures(TaskKind.CLASSIFICATION, parity=0.0, size_bytes=1, bootstrap=True)
    assert judge_all([], nothing, HOW)[-1].verdict is INCONCLUSIVE


def test_a_first_model_that_was_adopted_passes_unjudged_and_its_file_must_hold_all_the_same():
    nothing = Figures(TaskKind.CLASSIFICATION, parity=0.1, size_bytes=1, bootstrap=True, adopted=True)
    parity, trivial = judge_all([gate("parity")], nothing, HOW)
    assert (trivial.verdict, trivial.sentence, trivial.value) == (PASSED, "not judged: no labelled samples", None)
    assert parity.verdict is FAILED


def test_a_first_regression_must_beat_the_median():
    pairs = errors(200, 1, 20)
    assert judge_all([], first(pairs, TaskKind.REGRESSION), HOW)[-1].verdict is PASSED
    pairs = errors(200, 1, 60)
    assert judge_all([], first(pairs, TaskKind.REGRESSION), HOW)[-1].verdict is FAILED


def test_the_trivial_answer_is_judged_by_the_metric_of_the_policy():
    task = TaskKind.CLASSIFICATION
    assert aim([gate("superior", metric="f1_macro")], task) == "f1_macro"
    assert aim([], task) == aim([gate("superior", metric="f1_macro", on="reference")], task)
    assert aim([], TaskKind.REGRESSION) == "mae"


def test_a_run_with_a_champion_is_not_asked_to_beat_a_constant_answer():
    assert len(judge_all([gate("parity")], classification(flipped(100, 0, 0)), HOW)) == 1


def test_the_same_seed_gives_the_same_findings():
    asked, figures = gate("superior", metric="mae"), regression(errors(300, 10, 9))
    assert judge(asked, figures, Resampling(seed=5)) == judge(asked, figures, Resampling(seed=5))
    assert judge(asked, figures, Resampling(seed=5)).interval != judge(asked, figures, Resampling(seed=6)).interval
