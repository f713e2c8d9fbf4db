"""Labels as targets, and the robust spread of numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maintainer.domain.sample import TaskKind
from maintainer.families.family import Encoder
from maintainer.families.table import Samples

NORMAL = 1.349  # interquartile range of a normal distribution, in deviations
TRIM = 0.001  # share of either tail that may not move a deviation
FAR = 1000.0  # deviations beyond which a label says no more: one of 1e300 must not end a training


def spread(column: NDArray[np.float64]) -> tuple[float, float, bool]:
    """Return the middle and the scale of the finite values of a column, and whether it is constant.

    Median and interquartile range, in deviations of a normal distribution: neither sentinels nor heavy tails move them.
    Where half of the values are one, the deviation around the mean of all without the outermost TRIM takes their place.
    """
    finite = np.sort(column[np.isfinite(column)])
    if finite.size == 0:
        return 0.0, 1.0, True
    low, middle, high = (float(finite[round(share * (finite.size - 1))]) for share in (0.25, 0.5, 0.75))
    if _moves(high / NORMAL - low / NORMAL, max(abs(low), abs(high))):
        return middle, high / NORMAL - low / NORMAL, False
    cut = int(np.ceil((finite.size - 1) * TRIM)) if finite.size > 2 else 0
    for values in (np.clip(finite, finite[cut], finite[finite.size - 1 - cut]), finite):
        unit = max(float(np.abs(values).max()), np.finfo(np.float64).tiny)  # squares of 1e300 stay finite
        mean, scale = float((values / unit).mean()) * unit, float((values / unit).std()) * unit
        if _moves(scale, unit):
            return mean, scale, False
    return middle, 1.0, True


def _moves(scale: float, unit: float) -> bool:
    return scale > 1e-9 * unit and scale > 1e-300


def targets_of(encoder: Encoder, samples: Samples) -> NDArray[np.int64] | NDArray[np.float32]:
    """Return (n,) class indices, -1 for a label that is no class of the encoder, or standardised labels."""
    if encoder.task is TaskKind.REGRESSION:
        deviations = (samples.labels.astype(np.float64) - encoder.target_mean) / encoder.target_scale
        return np.clip(deviations, -FAR, FAR).astype(np.float32)
    places = {value: place for place, value in enumerate(encoder.classes)}
    return np.fromiter((places.get(str(value), -1) for value in samples.labels), np.int64, count=samples.size)
