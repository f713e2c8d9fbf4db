"""What the best challenger there can be would come to at each gate: known before any challenger is trained.

The best one has right all that the champion has right, and all that it has wrong. A gate that even it cannot pass says
that there are too few labels, and no compute is worth spending. Only what holds for every challenger counts here, so no
run is stopped that could pass: the least number of samples of each gate, and for accuracy and flips the exact bounds,
which no blocked bootstrap makes narrower (see compare.py and statistics.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log

from maintainer.domain.policy import Gate, NegativeFlipsGate, NonInferiorGate, SuperiorGate
from maintainer.domain.statistics import fewest, mcnemar, share_at_most, tango
from maintainer.gate.gates import FEWEST, fewest_for_margin
from maintainer.gate.words import percent, samples, unsigned

MOST = 1 << 30  # samples that are looked at for the least number that would do


@dataclass(frozen=True, slots=True)
class Holdout:
    """What is known of a holdout before training."""

    n: int
    wrong: int | None = None  # samples that the champion has wrong; None: not counted, or no champion


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A gate that no challenger can pass on this holdout."""

    gate: str
    on: str
    n: int
    needed: int | None  # samples of the holdout that would do at best; None where no number would
    sentence: str


def shortfalls(gates: Sequence[Gate], holdouts: Mapping[str, Holdout], bootstrap: bool) -> tuple[Shortfall, ...]:
    """Return the gates that nobody can pass, in their order; `holdouts` has "current" and "reference" where not empty.

    Without a champion nothing is compared, but the first model must be held against a constant answer.
    """
    if bootstrap:
        found = holdouts.get("current", Holdout(0))
        short = _too_few("not worse than a constant answer", "current", found.n, FEWEST)
        return (short,) if short else ()
    judged = (_of_gate(gate, holdouts) for gate in gates)
    return tuple(short for short in judged if short is not None)


def _of_gate(gate: Gate, holdouts: Mapping[str, Holdout]) -> Shortfall | None:
    match gate:
        case SuperiorGate(metric=metric, on=on):
            return _superior(gate, f"superior {metric} on {on}", holdouts.get(on, Holdout(0)))
        case NonInferiorGate(metric=metric, on=on):
            return _non_inferior(gate, f"non-inferior {metric} on {on}", holdouts.get(on, Holdout(0)))
        case NegativeFlipsGate(on=on):
            return _flips(gate, f"negative flips on {on}", holdouts.get(on, Holdout(0)))
        case _:  # of the file that serves
            return None


def _too_few(name: str, on: str, n: int, needed: int) -> Shortfall | None:
    if n >= needed:
        return None
    told = f"{name} needs {samples(needed)} of the {on} holdout, there {'is' if n == 1 else 'are'} {n}"
    return Shortfall(name, on, n, needed, told)


def _superior(gate: SuperiorGate, name: str, holdout: Holdout) -> Shortfall | None:
    """Return the shortfall where McNemar's test cannot reach its level: with w wrong ones its p is 1/2^w at least."""
    n, wrong = holdout.n, holdout.wrong
    if (short := _too_few(name, gate.on, n, FEWEST)) or gate.metric != "accuracy" or wrong is None:
        return short
    best = mcnemar(0, wrong)
    if best <= 1 - gate.confidence:
        return None
    told = f"{name}: the champion has {wrong} of {samples(n)} wrong"
    if wrong == 0:
        return Shortfall(name, gate.on, n, None, f"{told}, so nothing can be better")
    flips = ceil(log(1 - gate.confidence) / log(0.5))
    needed = ceil(flips * n / wrong)
    told += f"; all of them right would be chance with p {best:.2g}, about {samples(needed)} would do"
    return Shortfall(name, gate.on, n, needed, told)


def _non_inferior(gate: NonInferiorGate, name: str, holdout: Holdout) -> Shortfall | None:
    """Return the shortfall where the score bound of the gain, were all wrong ones right, allows for the margin."""
    n, wrong = holdout.n, holdout.wrong
    if (short := _too_few(name, gate.on, n, fewest_for_margin(gate))) or gate.metric != "accuracy" or wrong is None:
        return short

    def rules_out(size: int) -> bool:
        return tango(0, round(wrong * size / n), size, gate.confidence)[0] > -gate.margin

    if rules_out(n):
        return None
    needed, margin = _least(rules_out, n), unsigned(gate.metric, gate.margin)
    told = f"{name}: on {samples(n)}, of which the champion has {wrong} wrong, no challenger can rule out a loss of"
    return Shortfall(name, gate.on, n, needed, f"{told} {margin}; about {samples(needed)} would do")


def _flips(gate: NegativeFlipsGate, name: str, holdout: Holdout) -> Shortfall | None:
    n, needed = holdout.n, max(FEWEST, fewest(gate.at_most, gate.confidence))
    if n >= FEWEST and share_at_most(0, n, gate.confidence) <= gate.at_most:
        return None
    told = f"{name}: without a single flip {samples(n)} do not rule out {percent(gate.at_most)}, {needed} would"
    return Shortfall(name, gate.on, n, needed, told)


def _least(holds: Callable[[int], bool], above: int) -> int:
    """Return about the least number above `above` for which something holds that holds from there on."""
    high = above
    while not holds(high) and high < MOST:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
