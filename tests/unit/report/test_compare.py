"""Whether anti-forgetting was worth it, as the figures say."""

from __future__ import annotations

import pytest

from maintainer.report.compare import Comparison, Figures, Tried, in_words, lines, render_compare


def figures(value: float | None, flips: float | None = 0.01) -> Figures | None:
    return None if value is None else Figures(value, flips, 500)


def comparison(
    finetune: tuple[float | None, float | None], frontier: tuple[float | None, float | None], metric: str = "accuracy"
) -> Comparison:
    def tried(name: str, new: float | None, former: float | None, seconds: float) -> Tried:
        why = "" if new is not None else "no challenger beats the champion"
        return Tried(name, figures(new), figures(former) if new is not None else None, seconds, why)

    return Comparison(
        run="tiny-0002", model="tiny", champion="v0001", own="frontier", metric=metric, budget=0.01,
        new=figures(0.7, None), former=figures(0.9, None),
        tried=(
            tried("finetune", *finetune, 2.0), tried("replay", 0.8, 0.88, 3.0), tried("scratch", 0.85, 0.9, 20.0),
            tried("frontier", *frontier, 4.0),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("finetune", "frontier", "said"),
    [
        ((0.84, 0.80), (0.83, 0.895), "Anti-forgetting was worth it: plain fine-tuning loses 0.100 of accuracy"),
        ((0.84, 0.895), (0.83, 0.90), "Anti-forgetting was not needed here"),
        ((0.80, 0.895), (0.83, 0.90), "Plain fine-tuning kept the budget as well, and frontier did better on new data"),
        ((0.84, 0.80), (0.83, 0.85), "Neither kept the forgetting budget"),
    ],
)
def test_the_answer_follows_from_the_budget_and_the_gain(
    finetune: tuple[float, float], frontier: tuple[float, float], said: str
) -> None:
    found = comparison(finetune, frontier)
    assert found.answer.startswith(said)
    assert "2 times the seconds" in found.answer
    assert found.answer in render_compare(found)


def test_a_strategy_without_a_challenger_stays_where_the_champion_is() -> None:
    found = comparison((0.84, 0.80), (None, None))
    row = lines(found)[-1]
    assert (row.name, row.new, row.former, row.forgot) == ("frontier", found.new, found.former, 0.0)
    assert row.behind == pytest.approx(0.85 - 0.7)
    assert "no challenger" in row.remark and "no challenger" in in_words(found.tried[-1])
    assert found.answer == (
        "Within the forgetting budget of 0.010 of accuracy frontier found nothing better than the champion: plain "
        "fine-tuning loses 0.100 of accuracy on former data, and on new data gains 0.140 of accuracy."
    )


def test_without_former_data_nothing_is_claimed() -> None:
    found = comparison((0.84, None), (0.83, None))
    assert found.answer.startswith("Nothing says whether")
    page = render_compare(found)
    assert "finetune" in page and "scratch" in page


def test_a_lower_error_is_the_better_one() -> None:
    found = comparison((1.0, 2.0), (0.9, 0.9), metric="mae")
    assert found.answer.startswith("Anti-forgetting was worth it")
    assert "frontier is 10 % better" in found.answer.replace("\xa0", " ")
    assert "lower is better" in render_compare(found)
