"""What a heavy phase's child is told, and what it may cost: for a run itself and for a rerun beside it."""

from __future__ import annotations

from pathlib import Path

from maintainer.compute.jobs import Job
from maintainer.daemon.lineage import periods
from maintainer.daemon.worker import STAGES
from maintainer.domain.phase import CollectResult, PhaseSpec
from maintainer.domain.policy import Policy
from maintainer.domain.run import Phase
from maintainer.settings import Settings
from maintainer.store import artifacts
from maintainer.store.control import RunRecord
from maintainer.store.results import find_result


def version_dir(settings: Settings, record: RunRecord, version: str) -> Path:
    """Return where a version of a run's model lies."""
    return settings.models_dir(record.model).absolute() / "versions" / version


def phase_spec(settings: Settings, record: RunRecord, policy: Policy, phase: Phase) -> PhaseSpec:
    """Return the spec of a phase of a run, its output in the partial directory beside its place.

    Raises:
        NotFoundError: the champion that the run starts from is gone.
    """
    run_dir = settings.run_dir(record.id).absolute()
    champion = version_dir(settings, record, record.champion) if record.champion else None
    known = artifacts.read_manifest(champion).classes if champion else policy.task.classes
    line = periods(settings, record, _block(run_dir)) if phase is Phase.GATE else ()
    return PhaseSpec(
        phase=phase,
        run=record.id,
        version=record.version,
        policy=policy,
        classes=known,
        inputs=_inputs(settings, run_dir, policy),
        champion=str(champion) if champion else None,
        out=str(run_dir / f"{phase}{artifacts.PARTIAL}"),
        threads=settings.threads,
        keep=str(run_dir / f"{phase}{artifacts.KEPT}"),
        periods=line,
    )


def _inputs(settings: Settings, run_dir: Path, policy: Policy) -> dict[str, str]:
    """Return the outputs of the phases that are done, and the directory that new weights come from."""
    found = {str(done): str(run_dir / done) for done in Phase if (run_dir / done).exists()}
    if policy.base.family == "huggingface":
        found["base"] = str(settings.base_dir(policy.model, policy.base.path).absolute())
    return found


def _block(run_dir: Path) -> float | None:
    collected = find_result(CollectResult, run_dir, Phase.COLLECT)
    return collected.block_seconds if collected else None


def job_of(spec: PhaseSpec, folder: Path) -> Job:
    """Write the spec into a folder; return the job that does it, its log beside."""
    path = folder / f"{spec.phase}.json"
    artifacts.write_text(path, spec.model_dump_json(indent=2, by_alias=True) + "\n")
    rules = spec.policy.run
    return Job(
        module="maintainer.daemon.worker",
        arguments=(str(path), str(rules.memory)),
        log=folder / f"{spec.phase}.log",
        timeout_seconds=rules.timeout.total_seconds(),
        memory_bytes=rules.memory,
        loads=(STAGES[spec.phase],),
    )
