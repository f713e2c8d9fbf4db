"""The versions that a run's challenger comes from, and what their runs left behind."""

from __future__ import annotations

from maintainer.domain.model import Manifest
from maintainer.domain.phase import GateResult, Period
from maintainer.domain.run import Phase
from maintainer.report.matrix import Row
from maintainer.settings import Settings
from maintainer.store import artifacts
from maintainer.store.control import RunRecord
from maintainer.store.results import find_result

MOST = 12  # versions that are looked back at


def ancestors(settings: Settings, record: RunRecord) -> list[Manifest]:
    """Return the champion that a run begins at and the ones before it, oldest first; what was pruned ends the line."""
    found: list[Manifest] = []
    version = record.champion
    while version is not None and len(found) < MOST:
        folder = settings.models_dir(record.model) / "versions" / version
        if not (folder / artifacts.MANIFEST).exists():
            break
        found.append(artifacts.read_manifest(folder))
        version = found[-1].parent
    return found[::-1]


def periods(settings: Settings, record: RunRecord, own_block_seconds: float | None) -> tuple[Period, ...]:
    """Return the holdouts that judged the line, oldest first, then the run's own; those that are gone are left out."""
    line = [(m.version, m.run, m.block_seconds) for m in ancestors(settings, record)]
    line.append((record.version, record.id, own_block_seconds))
    files = [
        Period(version=version, holdout=str(path.absolute()), block_seconds=block)
        for version, run, block in line
        if (path := settings.run_dir(run) / Phase.COLLECT / "current_holdout.parquet").is_file()
    ]
    return tuple(files)


def rows(settings: Settings, record: RunRecord) -> tuple[Row, ...]:
    """Return what each run of the line measured on the periods until then, oldest first; the last is this run's own."""
    line = [(m.version, m.run) for m in ancestors(settings, record)]
    line.append((record.version, record.id))
    found: list[Row] = []
    for version, run in line:
        gate = find_result(GateResult, settings.run_dir(run), Phase.GATE)
        found.append(Row(version, gate.metric if gate else "", gate.periods if gate else ()))
    return tuple(found)
