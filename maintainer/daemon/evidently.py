"""Evidently's own report of a check, on demand."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from maintainer.daemon.context import Context
from maintainer.daemon.former_checks import evidence_of
from maintainer.daemon.reports import report_path
from maintainer.domain.sample import Column
from maintainer.errors import RefusedError
from maintainer.store.windows import Reader

ROWS = 5_000  # of each window


def write_evidently_report(context: Context, check_id: str) -> Path:
    """Write Evidently's own report of a check, from bounded samples of its windows; return its path.

    It compares the columns that the check compared, each by the same method and threshold.

    Raises:
        RefusedError: the check compared none.
        StoreError: what was kept of the check cannot be read.
    """
    record = context.control.check(check_id)
    seen = evidence_of(record)
    schema = context.schema(context.policy(record.model))
    kinds = {c.name: c.kind for c in (*schema.compared, Column(schema.prediction, schema.answer_kind))}
    columns = [
        {"name": score.column, "kind": kinds[score.column], "method": score.method, "threshold": score.threshold}
        for score in seen.scores
        if score.kind == "value" and score.column in kinds
    ]
    if not columns:
        raise RefusedError(f"{check_id} compared no column: {'; '.join(seen.notes) or 'the policy has changed since'}")
    reader = Reader(context.database, schema, record.happened_at)
    out = report_path(context.settings, f"{check_id}-evidently").absolute()
    with TemporaryDirectory(dir=context.scratch()) as folder:
        files = {"reference": Path(folder) / "reference.parquet", "current": Path(folder) / "current.parquet"}
        for name, window in (("reference", seen.reference), ("current", seen.current)):
            reader.sample(window, seen.version, ROWS, files[name])
        request = {name: str(path.absolute()) for name, path in files.items()}
        context.warm.ask("evidently", {**request, "columns": columns, "out": str(out)})
    return out
