"""Which stage does which phase: the only place where stages meet."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, assert_never

from maintainer.compute.jobs import Nursery
from maintainer.daemon.collect import collect
from maintainer.daemon.foreseeing import outlook_request
from maintainer.daemon.former_checks import diagnosis_of
from maintainer.daemon.machine import Outcome
from maintainer.daemon.phases import job_of, phase_spec, version_dir
from maintainer.daemon.reports import report_run
from maintainer.domain.model import Manifest
from maintainer.domain.phase import GateResult, TrainResult
from maintainer.domain.policy import Policy, schema_of
from maintainer.domain.run import Phase, Verdict
from maintainer.errors import RefusedError, UnreadableError
from maintainer.promote.versions import Finished, promote, prune
from maintainer.settings import Settings
from maintainer.store import artifacts
from maintainer.store.control import Control, RunRecord
from maintainer.store.database import Database
from maintainer.store.results import read_result
from maintainer.store.windows import Reader


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything the phases need; implements `machine.Stages`."""

    settings: Settings
    control: Control
    database: Database
    clock: Callable[[], datetime]
    nursery: Nursery
    ask: Callable[[str, dict[str, Any]], dict[str, Any]]  # the warm worker: task, request -> answer

    def perform(self, run_id: str, phase: Phase) -> Outcome:
        """Do one phase of a run; its output in place means it was done already.

        Raises:
            RefusedError: what lies in the run's folder is of another run.
        """
        record = self.control.run(run_id)
        _claim(self.settings.run_dir(run_id), record)
        policy = Policy.model_validate_json(self.control.policy(record.policy_hash))
        match phase:
            case Phase.COLLECT:
                return self._collect(record, policy)
            case Phase.TRAIN | Phase.EXPORT | Phase.GATE:
                self._heavy(record, policy, phase)
                return self._judged(record, phase)
            case Phase.PROMOTE:
                return self._promote(record, policy)
            case Phase.REPORT:
                return Outcome(str(report_run(self.settings, self.control, record, policy)))
            case _:
                assert_never(phase)

    def champion(self, record: RunRecord) -> Manifest | None:
        """Return the manifest of the champion that a run starts from."""
        if record.champion is None:
            return None
        return artifacts.read_manifest(version_dir(self.settings, record, record.champion))

    def _collect(self, record: RunRecord, policy: Policy) -> Outcome:
        champion = self.champion(record)
        schema = schema_of(policy, champion.classes if champion else ())
        reader = Reader(self.database, schema, record.created_at)
        target = self.settings.run_dir(record.id).absolute() / Phase.COLLECT
        note = collect(reader, policy, champion, target, diagnosis_of(self.control, record))
        why = self._outlook(record, policy, target)
        return Outcome(why, Verdict.REJECTED) if why else Outcome(note)

    def _outlook(self, record: RunRecord, policy: Policy, collected: Path) -> str:
        """Return why no challenger could pass the gates; empty where one may, and training is worth its compute."""
        champion = version_dir(self.settings, record, record.champion) if record.champion else None
        return str(self.ask("outlook", outlook_request(policy, collected, champion))["why"])

    def _heavy(self, record: RunRecord, policy: Policy, phase: Phase) -> None:
        run_dir = self.settings.run_dir(record.id).absolute()
        target = run_dir / phase
        if target.exists():
            return
        artifacts.fresh_partial(target)
        artifacts.kept_beside(target)
        job = job_of(phase_spec(self.settings, record, policy, phase), run_dir)
        self.nursery.run(job)
        artifacts.publish_partial(target)
        artifacts.drop_kept(target)

    def _judged(self, record: RunRecord, phase: Phase) -> Outcome:
        run_dir = self.settings.run_dir(record.id)
        if phase is Phase.TRAIN:
            trained = read_result(TrainResult, run_dir, phase)
            return Outcome(trained.reason, None if trained.challenger else Verdict.REJECTED)
        if phase is Phase.EXPORT:
            return Outcome("one ONNX file, preprocessing inside")
        judged = read_result(GateResult, run_dir, phase)
        if judged.passed:
            return Outcome(f"all {len(judged.findings)} gates hold")
        reasons = "; ".join(f.sentence for f in judged.findings if f.verdict != "passed")
        return Outcome(reasons, Verdict.REJECTED)

    def _promote(self, record: RunRecord, policy: Policy) -> Outcome:
        model_dir = self.settings.models_dir(record.model)
        finished = Finished(record, policy, self.settings.run_dir(record.id), self.clock())
        sentence = promote(self.control, model_dir, finished)
        gone = prune(self.control, model_dir, record.model, policy.promotion.keep_versions)
        return Outcome(sentence + (f"; deleted {', '.join(gone)}" if gone else ""), Verdict.PROMOTED)


def _claim(run_dir: Path, record: RunRecord) -> None:
    """Mark a folder as that of a run; refuse one that another run of the same name has left, with its outputs."""
    path = run_dir / "run.json"
    mark = {"created_at": record.created_at.isoformat(), "policy": record.policy_hash}
    if not path.exists():
        artifacts.write_text(path, json.dumps(mark) + "\n")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path} cannot be read: {error}") from error
    if found != mark:
        raise RefusedError(f"{run_dir} is of another run: {path.name} says {found}, the journal {mark}; move it away")
