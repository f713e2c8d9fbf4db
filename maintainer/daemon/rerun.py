"""A past run's phases done once more in a folder of their own: journal, champion and the run's files stay."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from maintainer.compute.jobs import Nursery
from maintainer.daemon.collect import data_digest
from maintainer.daemon.context import Context
from maintainer.daemon.phases import job_of, phase_spec, version_dir
from maintainer.domain.phase import CollectResult
from maintainer.domain.policy import Policy
from maintainer.domain.run import Phase
from maintainer.errors import NotFoundError, RefusedError
from maintainer.settings import Settings
from maintainer.store import artifacts
from maintainer.store.control import RunRecord
from maintainer.store.results import find_result


@dataclass(frozen=True, slots=True)
class Past:
    """A run with what it is made again from; see `past_run`."""

    settings: Settings
    record: RunRecord
    policy: Policy  # the one it ran under
    stopping: threading.Event

    @property
    def folder(self) -> Path:
        """Return where the run lies."""
        return self.settings.run_dir(self.record.id).absolute()


def past_run(context: Context, run_id: str) -> Past:
    """Return a run whose data and whose champion are there and unchanged.

    Raises:
        NotFoundError: no such run, or something that it was made from is gone; names it.
        RefusedError: something that it was made from is not what it was.
    """
    record = context.control.run(run_id)
    policy = Policy.model_validate_json(context.control.policy(record.policy_hash))
    past = Past(context.settings, record, policy, context.stopping)
    _require_data(past)
    if record.champion is not None:
        _require_champion(past, record.champion)
    return past


def _require_data(past: Past) -> None:
    folder, run = past.folder / Phase.COLLECT, past.record.id
    collected = find_result(CollectResult, past.folder, Phase.COLLECT)
    if collected is None:
        raise NotFoundError(f"run {run} cannot be made again: {folder / 'result.json'} is gone, or was never written")
    for name in collected.rows:
        if not (folder / f"{name}.parquet").is_file():
            raise NotFoundError(f"run {run} cannot be made again: {folder / name}.parquet is gone")
    found = data_digest(folder, sorted(collected.rows))
    if found != collected.data_hash:
        raise RefusedError(
            f"run {run} cannot be made again: the files in {folder} have the hash {found[:12]}, the run learned from "
            f"{collected.data_hash[:12]}"
        )


def _require_champion(past: Past, version: str) -> None:
    folder = version_dir(past.settings, past.record, version)
    if not folder.is_dir():
        raise NotFoundError(
            f"run {past.record.id} cannot be made again: it began at the champion {version}, and {folder} is gone "
            f"(promotion.keep_versions is {past.policy.promotion.keep_versions})"
        )
    if problems := artifacts.problems_of(folder):
        raise RefusedError(f"run {past.record.id} cannot be made again from {version}: {'; '.join(problems)}")


@dataclass(frozen=True, slots=True)
class Rerun:
    """A run's phases in an empty folder, perhaps under another policy or with other threads."""

    past: Past
    policy: Policy
    folder: Path
    threads: int

    def perform(self, phase: Phase) -> Path:
        """Do one phase from what the run collected and what was done here before; return its output.

        Raises:
            InputError: the phase refused its input.
            ChildError: its child crashed, or ran out of memory or past its deadline.
            InterruptedRunError: the program is stopping.
        """
        target = self.folder / phase
        spec = phase_spec(self.past.settings, self.past.record, self.policy, phase)
        mine = {done: str(self.folder / done) for done in Phase if (self.folder / done).exists()}
        spec = spec.model_copy(
            update={
                "inputs": {Phase.COLLECT: str(self.past.folder / Phase.COLLECT)} | mine,
                "out": str(artifacts.fresh_partial(target)),
                "threads": self.threads,
                "keep": None,
                "periods": (),
            }
        )
        fresh = Nursery(self.folder / "nursery.log", self.past.stopping, self.threads)
        try:
            fresh.run(job_of(spec, self.folder))
        finally:
            fresh.release_idle(0)
        artifacts.publish_partial(target)
        return target
