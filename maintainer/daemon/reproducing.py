"""A past run trained once more from what was kept of it, and held against what it was: bit by bit."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from maintainer.daemon.context import Context
from maintainer.daemon.phases import version_dir
from maintainer.daemon.rerun import Past, Rerun, past_run
from maintainer.domain.model import Manifest
from maintainer.domain.phase import Circumstances, TrainResult
from maintainer.domain.policy import Policy
from maintainer.domain.run import Phase
from maintainer.errors import NotFoundError, RefusedError
from maintainer.store import artifacts
from maintainer.store.results import find_result, read_result
from maintainer.store.tensors import Stored, apart, digest_of, read_tensors

WEIGHTS, IMPORTANCES, ENCODER = "model.safetensors", "importance.safetensors", "encoder.json"
SECOND = timedelta(seconds=1)
FIGURES = ("challenger", "strategy", "metric", "alpha", "classes", "epochs", "frontier")


def reproduce(context: Context, run_id: str, threads: int | None) -> Generator[str, None, dict[str, Any]]:
    """Train a run again, with its own number of threads where none is given; return how far it came out the same.

    Raises:
        NotFoundError: no such run, one that did not train, or something that it was made from is gone.
        RefusedError: something that it was made from is not what it was.
    """
    past = past_run(context, run_id)
    then = _trained(past)
    kept = _kept(past, then)
    yield f"training {run_id} again: {then.strategy}, seed {then.seed}, it took {then.seconds:.1f} s"
    with TemporaryDirectory(dir=context.scratch()) as folder:
        made = Rerun(past, _as_it_searched(past.policy, then), Path(folder), threads or then.threads).perform(
            Phase.TRAIN
        )
        now = read_result(TrainResult, Path(folder), Phase.TRAIN)
        files = {name: _tensors(kept, made, name) for name in (WEIGHTS, IMPORTANCES)} if kept else {}
        encoder = kept is None or _bytes(kept / ENCODER) == _bytes(made / ENCODER)
    figures = [
        {"figure": name, "then": old, "now": new}
        for name in FIGURES
        if (old := _plain(then, name)) != (new := _plain(now, name))
    ]
    return {
        "run": run_id,
        "model": past.record.model,
        "version": past.record.version,
        "same": encoder and not figures and all(found["same"] for found in files.values()),
        "challenger": then.challenger,
        "weights": files.get(WEIGHTS),
        "importances": files.get(IMPORTANCES),
        "encoder_same": encoder,
        "figures": figures,
        "circumstances": _circumstances(past, then, now),
        "seconds": now.seconds,
        "seconds_then": then.seconds,
    }


def _trained(past: Past) -> TrainResult:
    then = find_result(TrainResult, past.folder, Phase.TRAIN)
    if then is None:
        path = past.folder / Phase.TRAIN / "result.json"
        raise NotFoundError(
            f"run {past.record.id} has nothing to compare with: {path} is gone, or the run ended before training did"
        )
    return then


def _as_it_searched(policy: Policy, then: TrainResult) -> Policy:
    """Return the policy with as many trials as the run made: the clock may have ended its search, and not this one."""
    rules = policy.train.search
    if not rules.trials:
        return policy
    search = rules.model_copy(update={"trials": len(then.search), "timeout": policy.run.timeout - SECOND})
    return policy.model_copy(update={"train": policy.train.model_copy(update={"search": search})})


def _kept(past: Past, then: TrainResult) -> Path | None:
    """Return the folder with the weights of the run: its version's, else what its training left; None without any."""
    if not then.challenger:
        return None
    version = version_dir(past.settings, past.record, past.record.version)
    folder = version if version.is_dir() else past.folder / Phase.TRAIN
    for name in (WEIGHTS, IMPORTANCES, ENCODER):
        if not (folder / name).is_file():
            raise NotFoundError(f"run {past.record.id} has nothing to compare with: {folder / name} is gone")
    if version.is_dir() and (problems := artifacts.problems_of(version)):
        raise RefusedError(f"run {past.record.id} has nothing to compare with: {'; '.join(problems)}")
    return folder


def _tensors(kept: Path, made: Path, name: str) -> dict[str, Any]:
    """Return how the tensors of one file differ; where the new training made no challenger there are none."""
    old = read_tensors(kept / name)
    new: dict[str, Stored] = read_tensors(made / name) if (made / name).exists() else {}
    different = apart(old, new)
    return {
        "same": not different,
        "tensors": len(old),
        "then": digest_of(old),
        "now": digest_of(new),
        "different": [{"tensor": tensor, "largest_difference": far} for tensor, far in different.items()],
    }


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _plain(result: TrainResult, name: str) -> Any:
    return result.model_dump(mode="json", include={name})[name]


def _circumstances(past: Past, then: TrainResult, now: TrainResult) -> list[dict[str, str]]:
    """Return what is not as it was: packages, processor, threads; what was not noted then is left out."""
    before, after = then.circumstances or _of_manifest(past), now.circumstances
    found = [("threads", str(then.threads), str(now.threads))]
    if before is not None and after is not None:
        names = sorted(before.packages.keys() | after.packages.keys())
        found += [(name, before.packages.get(name, "none"), after.packages.get(name, "none")) for name in names]
        if before.processor:
            found.append(("processor", before.processor, after.processor))
    return [{"what": what, "then": old, "now": new} for what, old, new in found if old != new]


def _of_manifest(past: Past) -> Circumstances | None:
    """Return the packages that the manifest of a promoted version names; the processor was not noted there."""
    folder = version_dir(past.settings, past.record, past.record.version)
    if not (folder / artifacts.MANIFEST).exists():
        return None
    manifest: Manifest = artifacts.read_manifest(folder)
    return Circumstances(packages=manifest.packages, processor="")
