"""Thresholds of a check, calibrated in the warm worker on the reference; found once for a champion and a size."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import floor, log
from pathlib import Path
from tempfile import TemporaryDirectory

from maintainer.daemon.context import Context
from maintainer.domain.policy import Policy, policy_hash
from maintainer.domain.sample import ColumnKind, Schema, Window
from maintainer.monitor.check import Seen, calibration
from maintainer.monitor.exchange import CalibrationReply
from maintainer.store.timed import export_timed
from maintainer.store.windows import Reader

STEP = 1.1  # thresholds are found anew when the rows or the span of a window are so many times others
TIMES = 8  # rows of the reference that are looked at, to those of a check's sample


def calibrated(context: Context, policy: Policy, reader: Reader, seen: Seen) -> CalibrationReply | None:
    """Return the thresholds for windows of this size; None where the policy gives them all.

    Sizes are rounded down to a power of STEP, so that a window that fills up does not ask for new ones at each check;
    a smaller window varies more, so its thresholds are not too low.
    """
    seen = _rounded(seen, policy.checks.window.last)
    key = (policy.model, seen.version, policy_hash(policy), str(seen.current_rows), str(seen.sample_rows))
    key += (str(seen.current.length), str(seen.reference_rows))
    if key in context.calibrations:
        return context.calibrations[key]
    with TemporaryDirectory(dir=context.scratch()) as folder:
        path = Path(folder) / "reference.parquet"
        request = calibration(policy, seen, kinds_of(reader.schema), str(path))
        if request is None:
            return None
        most = policy.checks.window.max_samples * TIMES
        export_timed(reader, seen.reference, seen.version, most, path)
        found = CalibrationReply.model_validate(context.warm.ask("calibrate", request.model_dump(mode="json")))
    stale = [k for k in context.calibrations if k[0] == key[0] and k[:3] != key[:3]]
    for former in stale:
        del context.calibrations[former]
    context.calibrations[key] = found
    return found


def kinds_of(schema: Schema) -> dict[str, ColumnKind]:
    """Return the kind of every compared column and of the answers."""
    return {column.name: column.kind for column in schema.compared} | {schema.prediction: schema.answer_kind}


def _rounded(seen: Seen, whole: timedelta) -> Seen:
    rows = _down(seen.current_rows)
    sampled = None if seen.sample_rows is None else _down(seen.sample_rows)
    length = seen.current.length
    span = length if length >= whole else timedelta(seconds=_down(length.total_seconds()))
    current = Window(seen.current.end - span, seen.current.end)
    return replace(seen, current_rows=rows, sample_rows=sampled, current=current)


def _down(count: float) -> int:
    """Return the largest power of STEP that is not above a number."""
    return max(1, floor(STEP ** floor(log(max(count, 1.0)) / log(STEP) + 1e-9)))
