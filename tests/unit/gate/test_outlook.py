"""A gate is called hopeless only where the best challenger there can be does not pass it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from maintainer.domain.phase import GateVerdict
from maintainer.domain.policy import Gate
from maintainer.domain.sample import TaskKind
from maintainer.domain.statistics import Resampling, mcnemar, tango
from maintainer.gate.figures import Answered, Figures, Pairs
from maintainer.gate.gates import judge
from maintainer.gate.outlook import Holdout, shortfalls


def gate(kind: str, **told: object) -> Gate:
    return TypeAdapter(Gate).validate_python({"kind": kind, **told})


GATES = [
    gate("superior", metric="accuracy", on="current"),
    gate("superior", metric="accuracy", on="current", confidence=0.999),
    gate("non-inferior", metric="accuracy", on="current", margin=0.01),
    gate("non-inferior", metric="accuracy", on="current", margin=0.1),
    gate("non-inferior", metric="f1_macro", on="current", margin=0.05),
    gate("negative-flips", on="current", at_most=0.05),
]


def said(right: np.ndarray) -> Answered:
    answers = right.astype(np.int64)  # every label is 1
    chances = np.stack([1.0 - answers, answers.astype(np.float64)], axis=1)
    return Answered(answers, chances)


def figures(champion: np.ndarray, challenger: np.ndarray) -> Figures:
    pairs = Pairs(np.ones(champion.size, np.int64), said(challenger), said(champion))
    return Figures(TaskKind.CLASSIFICATION, 0.0, 1, bootstrap=False, holdouts={"current": pairs})


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    place=st.integers(0, len(GATES) - 1),
    n=st.integers(1, 160),
    wrong=st.floats(0, 0.5),
    kept=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_no_challenger_passes_a_gate_that_is_called_hopeless(
    place: int, n: int, wrong: float, kept: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    champion = rng.random(n) >= wrong
    held = {"current": Holdout(n, int((~champion).sum()))}
    hopeless = bool(shortfalls([GATES[place]], held, bootstrap=False))
    challengers = (np.ones(n, bool), champion | (rng.random(n) < kept), champion)
    for challenger in challengers:
        verdict = judge(GATES[place], figures(champion, challenger), Resampling(resamples=200)).verdict
        assert not (hopeless and verdict is GateVerdict.PASSED)


@given(n=st.integers(1, 80), data=st.data())
def test_the_exact_bounds_are_best_where_no_flip_is_negative_and_every_error_is_mended(
    n: int, data: st.DataObject
) -> None:
    wrong = data.draw(st.integers(0, n))
    mended = data.draw(st.integers(0, wrong))
    broken = data.draw(st.integers(0, n - wrong))
    assert mcnemar(broken, mended) >= mcnemar(0, wrong) - 1e-12
    assert tango(broken, mended, n, 0.95)[0] <= tango(0, wrong, n, 0.95)[0] + 1e-9


@pytest.mark.parametrize(
    ("held", "needed", "words"),
    [
        (Holdout(12), 30, "needs 30 samples of the current holdout, there are 12"),
        (
            Holdout(100, 2),
            250,
            "the champion has 2 of 100 samples wrong; all of them right would be chance with p 0.25",
        ),
        (Holdout(100, 0), None, "nothing can be better"),
        (Holdout(100, 5), None, ""),
        (Holdout(100, None), None, ""),
    ],
)
def test_superior_needs_thirty_samples_and_five_errors_to_mend(held: Holdout, needed: int | None, words: str) -> None:
    found = shortfalls([GATES[0]], {"current": held}, bootstrap=False)
    assert [(one.needed, words in one.sentence) for one in found] == ([(needed, True)] if words else [])


def test_non_inferior_tells_the_samples_that_would_do() -> None:
    (found,) = shortfalls([GATES[2]], {"current": Holdout(60, 0)}, bootstrap=False)
    assert found.needed is not None
    assert tango(0, 0, found.needed, 0.95)[0] > -0.01 >= tango(0, 0, found.needed - 2, 0.95)[0]
    assert shortfalls([GATES[2]], {"current": Holdout(60, 30)}, bootstrap=False) == ()


def test_flips_need_the_samples_in_which_none_rules_out_the_limit() -> None:
    flips = gate("negative-flips", at_most=0.02, on="reference")
    (found,) = shortfalls([flips], {"reference": Holdout(148)}, bootstrap=False)
    assert (found.needed, found.on) == (149, "reference")
    assert shortfalls([flips], {"reference": Holdout(149)}, bootstrap=False) == ()
    (absent,) = shortfalls([flips], {}, bootstrap=False)
    assert absent.n == 0


def test_a_first_model_needs_thirty_samples_to_be_held_against_a_constant() -> None:
    assert [one.needed for one in shortfalls(GATES, {"current": Holdout(29)}, bootstrap=True)] == [30]
    assert shortfalls(GATES, {"current": Holdout(30)}, bootstrap=True) == ()


def test_gates_of_the_file_are_never_short_of_labels() -> None:
    assert shortfalls([gate("parity"), gate("size"), gate("latency")], {}, bootstrap=False) == ()
