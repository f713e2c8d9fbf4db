"""Publish a version, point the champion at it, take it back: each visible in one rename."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path

from maintainer.domain.metrics import faded
from maintainer.domain.model import Manifest, Span
from maintainer.domain.phase import CollectResult, GateResult, TrainResult
from maintainer.domain.policy import Policy
from maintainer.domain.sample import TaskKind
from maintainer.errors import NotFoundError, RefusedError
from maintainer.store import artifacts
from maintainer.store.control import Control, Crowning, RunRecord
from maintainer.store.results import read_result

FILES = {"train": ("model.safetensors", "encoder.json", "importance.safetensors"), "export": ("model.onnx",)}
OF_TEXT = ("config.json", "tokenizer.json")  # what the training of a family that reads text leaves besides
PACKAGES = ("torch", "onnx", "onnxruntime", "numpy", "maintainer")
CHANGING = threading.Lock()  # held while the champion changes: runs and the API are threads of the state's one process


@dataclass(frozen=True, slots=True)
class Finished:
    """A run whose gates hold, and the directory it lies in."""

    record: RunRecord
    policy: Policy
    run_dir: Path
    now: datetime


def publish_version(model_dir: Path, finished: Finished) -> Path:
    """Publish the challenger of a finished run as a version; return its directory, which may be there already."""
    target = model_dir / "versions" / finished.record.version
    if not target.exists():
        with artifacts.publish(target) as partial:
            for phase, names in FILES.items():
                more = [name for name in OF_TEXT if phase == "train" and (finished.run_dir / phase / name).exists()]
                for name in (*names, *more):
                    shutil.copyfile(finished.run_dir / phase / name, partial / name)
            manifest = _manifest(finished, partial, _parent_baseline(target.parent, finished.record.champion))
            artifacts.write_text(partial / artifacts.MANIFEST, manifest.model_dump_json(indent=2) + "\n")
    return target


def _parent_baseline(versions: Path, parent: str | None) -> dict[str, float]:
    return artifacts.read_manifest(versions / parent).baseline if parent else {}


def _manifest(finished: Finished, files: Path, parent_baseline: dict[str, float]) -> Manifest:
    collected = read_result(CollectResult, finished.run_dir, "collect")
    trained = read_result(TrainResult, finished.run_dir, "train")
    judged = read_result(GateResult, finished.run_dir, "gate")
    record = finished.record
    own = judged.challenger.get("current", {})
    return Manifest(
        model=record.model,
        version=record.version,
        parent=record.champion,
        run=record.id,
        created_at=finished.now,
        task=TaskKind(finished.policy.task.kind),
        family=finished.policy.base.family,
        classes=trained.classes,
        trained=collected.trained,
        held_out=Span(start=collected.trained.end, end=collected.current_holdout.end),
        memory_from=collected.memory_from,
        block_seconds=collected.block_seconds,
        split=collected.split,
        metrics=own,
        baseline=faded(own, parent_baseline),
        strategy=trained.strategy,
        alpha=trained.alpha,
        seed=trained.seed,
        threads=trained.threads,
        policy_hash=record.policy_hash,
        data_hash=collected.data_hash,
        packages={name: installed(name) for name in PACKAGES},
        files={path.name: artifacts.sha256(path) for path in sorted(files.iterdir())},
    )


def promote(control: Control, model_dir: Path, finished: Finished) -> str:
    """Publish the challenger and make it the champion; return the sentence for the journal.

    Raises:
        RefusedError: the champion is no longer the one that the challenger was held against.
    """
    record = finished.record
    with CHANGING:
        serving = artifacts.champion_of(model_dir)
        if serving not in (record.champion, record.version):
            raise RefusedError(
                f"the champion of {record.model} is {serving or 'none'} by now; {record.version} was judged against"
                f" {record.champion or 'none'}"
            )
        publish_version(model_dir, finished)
        artifacts.point_champion(model_dir, record.version)
        control.crown(Crowning(record.model, record.version, finished.now, f"run {record.id}", "maintainer", "promote"))
    before = f"instead of {record.champion}" if record.champion else "as the first champion"
    return f"{record.version} serves {before}"


@dataclass(frozen=True, slots=True)
class Rollback:
    """Who wants which former champion back."""

    model: str
    to: str | None  # a version; None for the one that served before
    actor: str
    now: datetime


def rollback(control: Control, model_dir: Path, wanted: Rollback) -> tuple[str, str]:
    """Make a former champion serve again; return (from, to).

    Raises:
        NotFoundError: there is no such version, or no former champion.
        RefusedError: it serves already, or its files are not what its manifest says.
    """
    with CHANGING:
        return _rollback(control, model_dir, wanted)


def _rollback(control: Control, model_dir: Path, wanted: Rollback) -> tuple[str, str]:
    model, serving = wanted.model, artifacts.champion_of(model_dir)
    if serving is None:
        raise NotFoundError(f"{model} has no champion to roll back from")
    chosen = wanted.to or former_of(control, model, serving)
    if chosen is None:
        raise NotFoundError(f"{model} has no former champion; {serving} is the first")
    if chosen == serving:
        raise RefusedError(f"{chosen} is the champion of {model} already")
    if not _plain_name(chosen) or not (model_dir / "versions" / chosen).is_dir():
        have = ", ".join(path.name for path in _versions(model_dir))
        raise NotFoundError(f"{model} has no version {chosen!r}; it has {have}")
    problems = artifacts.problems_of(model_dir / "versions" / chosen)
    if problems:
        raise RefusedError(f"{chosen} cannot serve: {'; '.join(problems)}")
    artifacts.point_champion(model_dir, chosen)
    control.crown(Crowning(model, chosen, wanted.now, f"rollback from {serving}", wanted.actor, "rollback"))
    return serving, chosen


def reconcile(control: Control, model_dir: Path, model: str, now: datetime) -> str | None:
    """Note which version serves where the history says another; return that in words, None where they agree.

    They differ when a process was killed after it had swapped the pointer and before it had said so.
    """
    with CHANGING:
        serving, events = artifacts.champion_of(model_dir), control.champions(model)
        told = events[-1].version if events else None
        if serving is None or serving == told:
            return None
        control.crown(Crowning(model, serving, now, f"found in place of {told or 'none'}", "maintainer", "reconcile"))
    return f"{serving} serves {model} where the history said {told or 'none'}; it says so now"


def former_of(control: Control, model: str, serving: str) -> str | None:
    """Return the version that served before the present one came, rollbacks unwound; None for the first."""
    stack: list[str] = []
    for event in control.champions(model):
        if event.version in stack:
            del stack[stack.index(event.version) :]
        stack.append(event.version)
    before = stack[: stack.index(serving)] if serving in stack else stack
    return before[-1] if before else None


def _plain_name(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and "\\" not in name


def prune(control: Control, model_dir: Path, model: str, keep: int) -> list[str]:
    """Delete the oldest versions beyond `keep`, never the champion nor the one to roll back to; return their names."""
    with CHANGING:
        serving, versions = artifacts.champion_of(model_dir), _versions(model_dir)
        protected = {serving, former_of(control, model, serving) if serving else None}
        gone = [path for path in versions[: max(len(versions) - keep, 0)] if path.name not in protected]
        for path in gone:
            shutil.rmtree(path)
    return [path.name for path in gone]


def _versions(model_dir: Path) -> list[Path]:
    """Return the directories of a model's versions, oldest first: v9999 is older than v10000."""
    found = [path for path in (model_dir / "versions").iterdir() if not path.name.endswith(artifacts.PARTIAL)]
    return sorted(found, key=lambda path: (len(path.name), path.name))
