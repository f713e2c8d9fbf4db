"""The table over versions is put together from what each run measured alone."""

from __future__ import annotations

import pytest

from maintainer.domain.phase import EpochRecord, FrontierPoint, PeriodFigure, TrainResult
from maintainer.report.matrix import Row, dip, matrix


def figure(version: str, challenger: float, champion: float | None, constant: float = 0.5) -> PeriodFigure:
    return PeriodFigure(version=version, n=100, challenger=challenger, champion=champion, constant=constant)


LINE = (
    Row("v1", "accuracy", (figure("v1", 0.9, None),)),
    Row("v2", "accuracy", (figure("v1", 0.7, 0.9), figure("v2", 0.8, 0.6))),
    Row("v3", "accuracy", (figure("v1", 0.8, 0.7), figure("v2", 0.6, 0.8), figure("v3", 0.9, 0.55))),
)


def test_rows_are_challengers_and_the_next_runs_champion_stands_right_of_the_diagonal() -> None:
    found = matrix(LINE)
    assert found is not None
    assert found.table == ((0.9, 0.6, None), (0.7, 0.8, 0.55), (0.8, 0.6, 0.9))
    assert found.average == pytest.approx((0.8 + 0.6 + 0.9) / 3)
    assert found.plasticity == pytest.approx((0.9 + 0.8 + 0.9) / 3)
    assert found.backward == pytest.approx(((0.8 - 0.9) + (0.6 - 0.8)) / 2)
    assert found.forgetting == pytest.approx(((0.9 - 0.8) + (0.8 - 0.6)) / 2)
    assert found.forward == pytest.approx(((0.6 - 0.5) + (0.55 - 0.5)) / 2)
    assert found.rows == (100, 100, 100)


def test_one_version_or_none_has_no_matrix() -> None:
    assert matrix(()) is None
    assert matrix(LINE[:1]) is None
    assert matrix((*LINE[:2], Row("v3", "", ()))) is None


def test_versions_whose_runs_measured_nothing_or_another_metric_are_left_out() -> None:
    found = matrix((Row("v0", "", ()), Row("v1", "f1_macro", LINE[0].figures), *LINE[1:]))
    assert found is not None
    assert found.versions == ("v2", "v3")
    assert found.table == ((0.8, 0.55), (0.6, 0.9))


def test_the_dip_is_the_worst_epoch_beside_where_training_began() -> None:
    epochs = tuple(EpochRecord(epoch=i + 1, loss=1.0, new=0.5, former=f) for i, f in enumerate((0.8, 0.6, 0.85)))
    point = FrontierPoint(alpha=0.0, new=0.5, former=0.9, inside_budget=True)
    train = TrainResult(
        challenger=True, reason="", strategy="replay", metric="accuracy", alpha=1.0, frontier=(point,), epochs=epochs,
        classes=(), seconds=1.0, threads=1, seed=0,
    )  # fmt: skip
    found = dip(train)
    assert found is not None
    assert (found.start, found.worst, found.epoch) == (0.9, 0.6, 2)
    assert found.lost == pytest.approx(0.3)
    assert dip(train.model_copy(update={"epochs": ()})) is None
