"""Evidently's own HTML report of two bounded Parquet samples; its API is untyped, so it is held in this one place."""
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ["DO_NOT_TRACK"] = "1"  # before Evidently is imported: it reports its use otherwise

import numpy as np
import pandas as pd

from maintainer.domain.sample import ColumnKind
from maintainer.errors import InputError
from maintainer.monitor.stattests import evidently_name

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # Evidently 0.7 touches numpy.core while it is imported
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset


@dataclass(frozen=True, slots=True)
class Compared:
    """A column, and how a check compared it."""

    name: str
    kind: ColumnKind
    method: str  # as in DriftScore
    threshold: float


def write(reference_parquet: Path, current_parquet: Path, columns: Sequence[Compared], out_html: Path) -> None:
    """Write the drift report of the columns that have values in both files; self-contained, about 4 MB.

    Evidently takes each column's method and threshold from the check.

    Raises:
        InputError: a file cannot be read, or no column has values in both.
    """
    frames = [_read(path, columns) for path in (reference_parquet, current_parquet)]
    shown = [c for c in columns if all(frame[c.name].notna().any() for frame in frames)]
    if not shown:
        raise InputError(f"{reference_parquet.name}, {current_parquet.name}: no column has values in both windows")
    definition = DataDefinition(
        numerical_columns=[c.name for c in shown if c.kind is ColumnKind.NUMBER],
        categorical_columns=[c.name for c in shown if c.kind is ColumnKind.CATEGORY],
    )
    names = [c.name for c in shown]
    reference, current = (Dataset.from_pandas(pd.DataFrame(frame[names]), definition) for frame in frames)
    partial = out_html.with_name(f"{out_html.name}.partial")
    preset = DataDriftPreset(
        per_column_method={c.name: evidently_name(c.method) for c in shown},
        per_column_threshold={c.name: c.threshold for c in shown},
    )
    Report([preset]).run(current, reference).save_html(str(partial))
    partial.rename(out_html)


def _read(path: Path, columns: Sequence[Compared]) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path, columns=[c.name for c in columns])
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read as a sample for the report: {error}") from error
    numbers = [c.name for c in columns if c.kind is ColumnKind.NUMBER]
    frame[numbers] = frame[numbers].astype("float64").replace([np.inf, -np.inf], np.nan)
    others = [c.name for c in columns if c.kind is ColumnKind.CATEGORY]
    frame[others] = frame[others].astype(object)  # Evidently's tests count plain objects; None stays missing
    return frame
