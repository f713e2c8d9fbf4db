"""R[i, j] over the versions of a line, put together from what each run measured, and the figures made of it."""

from __future__ import annotations

from dataclasses import dataclass

from maintainer.domain import metrics
from maintainer.domain.phase import PeriodFigure, TrainResult


@dataclass(frozen=True, slots=True)
class Row:
    """What the run of one version measured on the periods until then."""

    version: str
    metric: str  # empty where nothing was measured
    figures: tuple[PeriodFigure, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The table of a line, and the figures of continual learning; None where there is nothing to make one of."""

    metric: str
    versions: tuple[str, ...]
    table: tuple[tuple[float | None, ...], ...]  # R[i][j]: version i on the period that judged version j
    rows: tuple[int | None, ...]  # samples of each period
    average: float | None
    plasticity: float | None
    backward: float | None
    forward: float | None
    forgetting: float | None

    @property
    def relative(self) -> bool:
        """Return whether losses are shares of the former value, not points."""
        return self.metric in metrics.RELATIVE


def matrix(line: tuple[Row, ...]) -> Matrix | None:
    """Return the matrix of a line, oldest version first; None with fewer than two versions that were measured.

    Row i is what the run of version i measured for its challenger; one cell to the right of the diagonal is what the
    next run measured for version i, then its champion. Runs that were made for another metric have no figures.
    """
    metric = line[-1].metric if line else ""
    kept = [row for row in line if row.metric == metric and row.figures]
    if len(kept) < 2 or metric not in metrics.HIGHER_IS_BETTER:
        return None
    versions = tuple(row.version for row in kept)
    challenger = [{f.version: f.challenger for f in row.figures} for row in kept]
    champion = [{f.version: f.champion for f in row.figures} for row in kept]
    own = {f.version: f for row in kept for f in row.figures if f.version == row.version}
    size = len(kept)
    table = tuple(
        tuple(
            challenger[i].get(versions[j]) if j <= i else champion[j].get(versions[j]) if j == i + 1 else None
            for j in range(size)
        )
        for i in range(size)
    )
    constant = [own[version].constant if version in own else None for version in versions]
    return Matrix(
        metric=metric,
        versions=versions,
        table=table,
        rows=tuple(own[version].n if version in own else None for version in versions),
        average=metrics.average(table),
        plasticity=metrics.plasticity(table),
        backward=metrics.backward_transfer(table, metric),
        forward=metrics.forward_transfer(table, constant, metric),
        forgetting=metrics.forgetting(table, metric),
    )


@dataclass(frozen=True, slots=True)
class Dip:
    """The worst that former data saw while the tuned weights were made, beside where they began."""

    start: float
    worst: float
    epoch: int
    lost: float  # points of the metric, or a share for mae and rmse


def dip(train: TrainResult) -> Dip | None:
    """Return the stability gap of a training by epochs; None where former data were not looked at."""
    start = next((point.former for point in train.frontier if point.alpha == 0.0), None)
    if train.metric not in metrics.HIGHER_IS_BETTER:
        return None
    worst = metrics.worst_through(train.metric, [epoch.former for epoch in train.epochs])
    if start is None or worst is None:
        return None
    epoch = next(epoch.epoch for epoch in train.epochs if epoch.former == worst)
    return Dip(start, worst, epoch, metrics.lost(train.metric, start, worst))
