"""The HTML that a check and a run leave behind, drawn from what was kept of them."""

from __future__ import annotations

from pathlib import Path

from maintainer.daemon.lineage import rows
from maintainer.domain.phase import CollectResult, ExportResult, GateResult, TrainResult
from maintainer.domain.policy import Policy
from maintainer.report.files import write
from maintainer.report.run import RunView, render_run
from maintainer.settings import Settings
from maintainer.store import artifacts
from maintainer.store.control import Control, RunRecord
from maintainer.store.results import find_result


def report_path(settings: Settings, name: str) -> Path:
    """Return where the report of a run or a check lies."""
    return settings.state / "reports" / f"{name}.html"


def report_run(settings: Settings, control: Control, record: RunRecord, policy: Policy) -> Path:
    """Write the report of a run, however far it got; return its path."""
    run_dir = settings.run_dir(record.id)
    version_dir = settings.models_dir(record.model) / "versions"
    view = RunView(
        policy=policy,
        run=control.state(record.id),
        events=tuple(control.events(record.id)),
        reason=record.reason,
        triggers=record.triggers,
        collect=find_result(CollectResult, run_dir, "collect"),
        train=find_result(TrainResult, run_dir, "train"),
        export=find_result(ExportResult, run_dir, "export"),
        gate=find_result(GateResult, run_dir, "gate"),
        champion=artifacts.read_manifest(version_dir / record.champion) if record.champion else None,
        version=record.version,
        policy_hash=record.policy_hash,
        check_id=record.check_id,
        line=rows(settings, record),
    )
    path = report_path(settings, record.id)
    write(path, render_run(view))
    return path
