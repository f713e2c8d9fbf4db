"""The one door to Evidently's statistical tests; Evidently and pandas are untyped, so their answers are cast here."""
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import os
import warnings
from functools import cache

os.environ["DO_NOT_TRACK"] = "1"  # before Evidently is imported: it reports its use otherwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maintainer.domain.sample import ColumnKind

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # Evidently 0.7 touches numpy.core while it is imported
    from evidently.legacy.calculations.stattests import StatTest, get_stattest, register_stattest
    from evidently.legacy.core import ColumnType

KS = "ks_distance"  # Evidently's own "ks" gives a p-value, which means nothing on reduced data


def distance(method: str, kind: ColumnKind, reference: NDArray[np.generic], current: NDArray[np.generic]) -> float:
    """Return the score of one of Evidently's tests, by its name, between two columns without missing values."""
    _register()
    column = ColumnType.Numerical if kind is ColumnKind.NUMBER else ColumnType.Categorical
    before, now = pd.Series(reference), pd.Series(current)
    test = get_stattest(before, now, column, method)
    return float(test(before, now, column, None).drift_score)


def evidently_name(method: str) -> str:
    """Return the name under which Evidently knows the method of a score."""
    _register()
    return KS if method == "ks" else method


@cache
def _register() -> None:
    test = StatTest(KS, "Kolmogorov-Smirnov distance", [ColumnType.Numerical], default_threshold=0.1)
    register_stattest(test, default_impl=_ks_distance)


def _ks_distance(reference: pd.Series, current: pd.Series, kind: ColumnType, threshold: float) -> tuple[float, bool]:
    """Return the largest gap between the two empirical distribution functions, 0 to 1; higher is more different.

    The statistic D of Smirnov 1948, https://doi.org/10.1214/aoms/1177730256.
    """
    del kind
    sides = [np.sort(np.asarray(side, dtype=np.float64)) for side in (reference, current)]
    steps = np.concatenate(sides)
    before, now = (np.searchsorted(side, steps, side="right") / side.size for side in sides)
    score = float(np.abs(before - now).max())
    return score, score >= threshold
