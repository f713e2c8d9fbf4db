"""Each gate of a policy held against the figures: passed, failed, or inconclusive where too few samples speak.

Inconclusive is never let through. Without a champion there is nothing to be worse than: the comparing gates pass and
say so, and `beats_trivial` asks instead that the first model be no worse than a constant answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

import numpy as np

from maintainer.domain.gates import aim
from maintainer.domain.metrics import REGRESSION
from maintainer.domain.phase import GateFinding, GateVerdict
from maintainer.domain.policy import (
    ComparedMetric,
    Gate,
    LatencyGate,
    NegativeFlipsGate,
    NonInferiorGate,
    ParityGate,
    SizeGate,
    SuperiorGate,
)
from maintainer.domain.sample import TaskKind
from maintainer.domain.statistics import Resampling, fewest, fewest_at, highest_share, share_at_most
from maintainer.gate.compare import Comparison, compare
from maintainer.gate.figures import Answered, Figures, Pairs, Speeds
from maintainer.gate.words import percent, samples, signed, span, unsigned

FEWEST = 30  # labelled samples under which no comparison is concluded
MIB = 1 << 20
PASSED, FAILED, INCONCLUSIVE = GateVerdict.PASSED, GateVerdict.FAILED, GateVerdict.INCONCLUSIVE


def judge_all(gates: Sequence[Gate], figures: Figures, how: Resampling) -> tuple[GateFinding, ...]:
    """Return a finding for each gate; a first model must be no worse than a constant answer as well."""
    findings = [judge(gate, figures, how) for gate in gates]
    if figures.bootstrap:
        findings.append(beats_trivial(aim(gates, figures.task), figures, how))
    return tuple(findings)


def judge(gate: Gate, figures: Figures, how: Resampling) -> GateFinding:
    """Return what one gate finds; `how` says how to resample, the gate at which confidence."""
    match gate:
        case ParityGate(tolerance=limit):
            told = f"the model and its ONNX file differ by {figures.parity:.2g} at most"
            return _at_most("parity", figures.parity, limit, f"{told}; {limit:.2g} is allowed")
        case SizeGate(mib_at_most=limit):
            size = figures.size_bytes / MIB
            return _at_most("size", size, limit, f"the ONNX file has {size:.2f} MiB; {limit:g} MiB are allowed")
        case LatencyGate(p95_ms_at_most=limit, batch=batch):
            return _latency(batch, limit, figures.speeds.get(batch))
        case SuperiorGate(metric=metric, on=on):
            name = f"superior {metric} on {on}"
            found = _comparable(name, 0.0, on, figures)
            return found if isinstance(found, GateFinding) else _superior(name, gate, found, how)
        case NonInferiorGate(metric=metric, on=on, margin=margin):
            name = f"non-inferior {metric} on {on}"
            found = _comparable(name, -margin, on, figures)
            return found if isinstance(found, GateFinding) else _non_inferior(name, gate, found, how)
        case NegativeFlipsGate(on=on, at_most=limit):
            name = f"negative flips on {on}"
            found = _comparable(name, limit, on, figures)
            return found if isinstance(found, GateFinding) else _flips(name, gate, found, figures.task, how)
        case _:
            assert_never(gate)


def _at_most(name: str, value: float, limit: float, sentence: str) -> GateFinding:
    verdict = PASSED if value <= limit else FAILED  # a value that is no number fails
    return GateFinding(gate=name, verdict=verdict, value=value, limit=limit, sentence=sentence)


def _latency(batch: int, limit: float, speeds: Speeds | None) -> GateFinding:
    name = f"latency at batch {batch}"
    if speeds is None:
        sentence = "no call was timed"
        return GateFinding(gate=name, verdict=INCONCLUSIVE, value=None, limit=limit, sentence=sentence)
    new, old = speeds.challenger, speeds.champion
    beside = f"; the champion takes {old.p95:.2f} ms" if old else ""
    told = f"95 of 100 calls with {batch} row{'' if batch == 1 else 's'} end within {new.p95:.2f} ms"
    found = _at_most(
        name, new.p95, limit, f"{told} (p50 {new.p50:.2f}, p99 {new.p99:.2f}){beside}; {limit:g} ms are allowed"
    )
    return found.model_copy(update={"n": new.calls})


def _comparable(name: str, limit: float, on: str, figures: Figures) -> tuple[Pairs, Answered] | GateFinding:
    """Return what to compare, or the finding where there is nothing to."""
    if figures.bootstrap:
        sentence = "no champion to compare with"
        return GateFinding(gate=name, verdict=PASSED, value=None, limit=limit, sentence=sentence)
    pairs = figures.holdouts.get(on)
    if pairs is None or pairs.n == 0 or pairs.champion is None:
        return _no_samples(name, limit, on)
    return pairs, pairs.champion


def _no_samples(name: str, limit: float, on: str) -> GateFinding:
    sentence = f"the {on} holdout has no labelled samples to judge by"
    return GateFinding(gate=name, verdict=INCONCLUSIVE, value=None, limit=limit, n=0, sentence=sentence)


def _superior(name: str, gate: SuperiorGate, found: tuple[Pairs, Answered], how: Resampling) -> GateFinding:
    seen = compare(gate.metric, *found, replace(how, confidence=gate.confidence))
    if seen.n < FEWEST:
        verdict, words = INCONCLUSIVE, f"too few samples, at least {FEWEST} are needed"
    elif seen.low > 0 and (seen.p is None or seen.p <= 1 - gate.confidence):
        verdict, words = PASSED, "better beyond chance"
    elif not (seen.gain > 0 and seen.high > 0):
        verdict, words = FAILED, "not better"
    else:
        verdict, words = INCONCLUSIVE, "better, but it may be chance"
    return _told(name, verdict, 0.0, seen, f"{_sentence(seen, gate.on, gate.confidence)}: {words}")


def _non_inferior(name: str, gate: NonInferiorGate, found: tuple[Pairs, Answered], how: Resampling) -> GateFinding:
    seen = compare(gate.metric, *found, replace(how, confidence=gate.confidence))
    margin = unsigned(gate.metric, gate.margin)
    needed = fewest_for_margin(gate)
    if seen.n < needed:
        verdict, words = INCONCLUSIVE, f"too few samples, at least {needed} are needed"
    elif seen.low > -gate.margin:
        verdict, words = PASSED, f"a loss of {margin} or more is ruled out"
    elif not seen.gain >= -gate.margin:
        verdict, words = FAILED, f"worse by more than {margin}"
    else:
        verdict, words = INCONCLUSIVE, f"a loss of more than {margin} cannot be ruled out"
    return _told(name, verdict, -gate.margin, seen, f"{_sentence(seen, gate.on, gate.confidence)}: {words}")


def fewest_for_margin(gate: NonInferiorGate) -> int:
    """Return the samples under which the gate says nothing.

    Resampling F1 sees no spread where both models happen to agree on every sample; so there must be enough samples
    that agreement on all of them rules out disagreement on a share as large as the margin.
    """
    return max(FEWEST, fewest(min(gate.margin, 0.5), gate.confidence)) if gate.metric == "f1_macro" else FEWEST


def _told(name: str, verdict: GateVerdict, limit: float, seen: Comparison, sentence: str) -> GateFinding:
    return GateFinding(
        gate=name,
        verdict=verdict,
        value=seen.gain if np.isfinite(seen.gain) else None,
        limit=limit,
        interval=seen.interval,
        n=seen.n,
        sentence=sentence,
    )


def _sentence(seen: Comparison, on: str, confidence: float, other: str = "the champion") -> str:
    bounds = span(seen.metric, seen.low, seen.high)
    chance = "" if seen.p is None else f", McNemar p {seen.p:.2g}"
    return (
        f"{seen.metric} {seen.after:.4g} where {other} has {seen.before:.4g} on {samples(seen.n)} of the {on} holdout, "
        f"a gain of {signed(seen.metric, seen.gain)} (one-sided {100 * confidence:g} % bounds {bounds}{chance})"
    )


def right_within(task: TaskKind, tolerance: float) -> float | None:
    """Return how near, as a share of the labels' spread, an answer must be to be right; None where it must be equal."""
    return tolerance if task is TaskKind.REGRESSION else None


def _flips(
    name: str, gate: NegativeFlipsGate, found: tuple[Pairs, Answered], task: TaskKind, how: Resampling
) -> GateFinding:
    pairs, champion = found
    near = right_within(task, gate.tolerance)
    if near is not None and pairs.spread == 0:
        told = f"all labels of the {gate.on} holdout are equal: nothing says how near an answer must be to be right"
        return GateFinding(gate=name, verdict=INCONCLUSIVE, value=None, limit=gate.at_most, n=pairs.n, sentence=told)
    flipped = pairs.right(champion, near) & ~pairs.right(pairs.challenger, near)
    rate, highest = float(flipped.mean()), highest_share(flipped, replace(how, confidence=gate.confidence))
    limit = percent(gate.at_most)
    if pairs.n < FEWEST:
        verdict, words = INCONCLUSIVE, f"too few samples, at least {FEWEST} are needed"
    elif highest <= gate.at_most:
        verdict, words = PASSED, f"more than {limit} is ruled out"
    elif rate > gate.at_most:
        verdict, words = FAILED, f"{limit} are allowed"
    else:
        more = _would_decide(gate, rate, highest, pairs.n)
        verdict, words = INCONCLUSIVE, f"more than {limit} cannot be ruled out{more}"
    told = f"{percent(rate)} of {samples(pairs.n)} of the {gate.on} holdout were right and are wrong now"
    return GateFinding(
        gate=name,
        verdict=verdict,
        value=rate,
        limit=gate.at_most,
        interval=(0.0, highest),
        n=pairs.n,
        sentence=f"{told} (at most {percent(highest)} with {100 * gate.confidence:g} % confidence): {words}",
    )


def _would_decide(gate: NegativeFlipsGate, rate: float, highest: float, n: int) -> str:
    """Return how many samples would do at this rate of flips, if they come in such bursts."""
    if rate >= gate.at_most:
        return ""
    bursts = (highest - rate) / (share_at_most(round(rate * n), n, gate.confidence) - rate)
    needed = round(fewest_at(rate, gate.at_most, gate.confidence) * bursts**2)
    return f"; about {samples(needed)} would do it at this rate"


def trivial_answer(metric: ComparedMetric, pairs: Pairs) -> Answered:
    """Return the best constant answer to a holdout: its majority class and class shares, its median or its mean."""
    if metric in REGRESSION:
        constant = np.median(pairs.labels) if metric == "mae" else np.mean(pairs.labels)
        return Answered(np.full(pairs.n, float(constant)), np.zeros((pairs.n, 0)))
    classes = pairs.challenger.classes
    shares = np.bincount(pairs.labels.astype(np.int64), minlength=classes) / pairs.n
    return Answered(np.full(pairs.n, int(shares.argmax())), np.broadcast_to(shares, (pairs.n, classes)))


def beats_trivial(metric: ComparedMetric, figures: Figures, how: Resampling) -> GateFinding:
    """Return whether a first model is not worse, beyond chance, than the best constant answer to the current holdout.

    There is no champion to protect yet, and the newest part of a drifting history is the hardest: a model that is about
    as good as a constant there is let through, with those words; one that is worse knows something wrong.
    """
    name = "not worse than a constant answer"
    if figures.adopted:
        sentence = "not judged: no labelled samples"
        return GateFinding(gate=name, verdict=PASSED, value=None, limit=0.0, n=0, sentence=sentence)
    pairs = figures.holdouts.get("current")
    if pairs is None or pairs.n == 0:
        return _no_samples(name, 0.0, "current")
    seen = compare(metric, pairs, trivial_answer(metric, pairs), how)
    verdict, words = (PASSED, "better") if seen.gain > 0 else (PASSED, "not better, nor worse beyond chance")
    if seen.high <= 0:
        verdict, words = FAILED, "worse beyond chance"
    if seen.n < FEWEST:
        verdict, words = INCONCLUSIVE, f"too few samples, at least {FEWEST} are needed"
    sentence = _sentence(seen, "current", how.confidence, other="a constant answer")
    return _told(name, verdict, 0.0, seen, f"{sentence}: {words}")
