"""The result document that each phase of a run leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from maintainer.domain.phase import CollectResult, ExportResult, GateResult, TrainResult
from maintainer.errors import NotFoundError

Result = TypeVar("Result", CollectResult, TrainResult, ExportResult, GateResult)


def find_result(kind: type[Result], run_dir: Path, phase: str) -> Result | None:
    """Return the result document of a phase; None when the run did not get there."""
    path = run_dir / phase / "result.json"
    return kind.model_validate_json(path.read_text()) if path.exists() else None


def read_result(kind: type[Result], run_dir: Path, phase: str) -> Result:
    """Return the result document of a phase that must have been done.

    Raises:
        NotFoundError: it was not.
    """
    result = find_result(kind, run_dir, phase)
    if result is None:
        raise NotFoundError(f"{run_dir / phase} has no result.json")
    return result
