"""What an operator reads: where models, checks and runs stand, as plain documents."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from maintainer.daemon.doctor import forgotten
from maintainer.daemon.inboxes import notes, source_problems
from maintainer.daemon.operations import Operations
from maintainer.daemon.reports import report_path
from maintainer.daemon.waiting import waiting
from maintainer.domain.evidence import DriftScore
from maintainer.domain.kinds import Together
from maintainer.domain.phase import ExportResult, GateResult, TrainResult
from maintainer.domain.policy import Policy
from maintainer.errors import MaintainerError, NotFoundError
from maintainer.store.control import CheckRecord, RunRecord
from maintainer.store.results import find_result
from maintainer.store.windows import Reader

SCORES = TypeAdapter(list[DriftScore])
TOGETHER = TypeAdapter(tuple[Together, ...])


def overview(held: Operations) -> dict[str, Any]:
    """Return where every model stands, and what is wrong with the policy files."""
    held.context.load_policies()
    models: list[dict[str, Any]] = []
    for model in sorted(held.context.policies):
        try:
            models.append(of_model(held, model))
        except MaintainerError as error:
            models.append({"model": model, "problem": str(error)})
    return {"models": models, "policy_problems": held.context.problems, "state": str(held.context.settings.state)}


def of_model(held: Operations, model: str) -> dict[str, Any]:
    """Return where one model stands."""
    context, policy = held.context, held.context.policy(model)
    champion = context.champion(model)
    now = context.clock()
    reader = Reader(context.database, context.schema(policy), now)
    checks = context.control.checks(model)
    runs_of = context.control.runs(model, limit=1)
    return {
        "model": model,
        "mode": policy.mode,
        "champion": None if champion is None else champion.version,
        "champion_since": None if champion is None else champion.created_at.isoformat(),
        "champion_metrics": {} if champion is None else champion.metrics,
        "samples": reader.samples_since(datetime(1970, 1, 1, tzinfo=now.tzinfo)),
        "labels": reader.labels_known(),
        "quarantined": reader.quarantined(),
        "inbox": notes(context, policy),
        "waiting_for_labels": _waiting(held, policy, reader),
        "next_check": held.next_check(policy).isoformat() if champion else None,
        "last_check": of_check_record(checks[0]) if checks else None,
        "last_run": of_run_record(held, runs_of[0]) if runs_of else None,
        "problem": _problem(held, policy, champion is not None),
        "policy_problems": context.problems,
    }


def _waiting(held: Operations, policy: Policy, reader: Reader) -> list[dict[str, Any]]:
    champion = held.context.champion(policy.model)
    if champion is None:
        return []
    return [asdict(one) for one in waiting(held.context, policy, champion.version, reader)]


def _problem(held: Operations, policy: Policy, champion: bool) -> str | None:
    model, found = policy.model, source_problems(held.context, policy)
    if model in held.failed:
        failed = held.failed[model]
        found.append(f"the check failed {failed.times} times in a row, at last: {failed.words}")
    if model in held.broken:
        found.append(f"{held.broken[model]}; the log has the traceback")
    if forgotten(held.context, model):
        found.append("control.db does not know the champion; `maintainer doctor` says what to do")
    if not champion:
        found.append(f"no champion yet; `maintainer bootstrap {model}` makes the first")
    return "; ".join(found) or None


def of_check(held: Operations, check_id: str) -> dict[str, Any]:
    """Return one check with its evidence, and the path of its report."""
    record = held.context.control.check(check_id)
    path = report_path(held.context.settings, check_id)
    return {**of_check_record(record), "evidence": json.loads(record.evidence), "report": str(path)}


def of_check_record(record: CheckRecord) -> dict[str, Any]:
    """Return the findings and the decision of a check."""
    evidence = json.loads(record.evidence)
    return {
        "check": record.id,
        "model": record.model,
        "at": record.happened_at.isoformat(),
        "decision": json.loads(record.decision),
        "findings": json.loads(record.findings),
        "values": evidence["values"],
        "drifted": sorted({score.column for score in SCORES.validate_python(evidence["scores"]) if score.drifted}),
        "together": [one.evidence for one in TOGETHER.validate_python(evidence.get("together", ())) if one.drifted],
        "faults": evidence.get("faults", []),
        "diagnosis": evidence.get("diagnosis"),
        "notes": evidence["notes"],
        "estimates": evidence.get("estimates", []),
    }


def runs(held: Operations, model: str | None) -> list[dict[str, Any]]:
    """Return runs, newest first.

    Raises:
        NotFoundError: there is neither a policy nor a run of the model.
    """
    records = held.context.control.runs(model)
    if model is not None and not records:
        held.context.policy(model)
    return [of_run_record(held, record) for record in records]


def of_run_record(held: Operations, record: RunRecord) -> dict[str, Any]:
    """Return where a run stands."""
    run = held.context.control.state(record.id)
    return {
        "run": record.id,
        "model": record.model,
        "created_at": record.created_at.isoformat(),
        "reason": record.reason,
        "triggers": list(record.triggers),
        "champion": record.champion,
        "version": record.version,
        "policy": record.policy_hash,
        "phase": run.phase,
        "running": run.running,
        "paused": not run.over and not held.under_way(record.id),
        "over": run.over,
        "verdict": run.verdict,
        "why": run.reason,
    }


def of_run(held: Operations, run_id: str) -> dict[str, Any]:
    """Return a run with its journal, gates and figures."""
    context = held.context
    record = context.control.run(run_id)
    run_dir = context.settings.run_dir(run_id)
    results = {
        "train": find_result(TrainResult, run_dir, "train"),
        "export": find_result(ExportResult, run_dir, "export"),
        "gate": find_result(GateResult, run_dir, "gate"),
    }
    events = [
        {
            "seq": e.seq,
            "kind": e.kind,
            "phase": e.phase,
            "at": e.happened_at.isoformat(),
            "verdict": e.verdict,
            "note": e.note,
        }
        for e in context.control.events(run_id)
    ]
    return {
        **of_run_record(held, record),
        "events": events,
        **{name: result.model_dump(mode="json") if result else None for name, result in results.items()},
        "report": str(report_path(context.settings, run_id)),
    }


def report_of(held: Operations, name: str) -> Path:
    """Return the path of the report of a run, a check, or the newest of a model.

    Raises:
        NotFoundError: there is none of that name.
    """
    context = held.context
    context.load_policies()
    names = [name]
    if name in context.policies:
        newest = [(c.happened_at, c.id) for c in context.control.checks(name)]
        newest += [(r.created_at + timedelta(microseconds=1), r.id) for r in context.control.runs(name, limit=1)]
        names = [found for _, found in sorted(newest, reverse=True)]
    for found in names:
        path = report_path(context.settings, found)
        if Path(found).name == found and path.exists():
            return path.absolute()
    raise NotFoundError(f"no report of {name!r}; wanted a model, a run (`maintainer runs`) or a check id")
