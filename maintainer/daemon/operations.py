"""What can be asked of the program, whoever asks: the clock, the API, the command line in process, the backtest."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from maintainer.daemon import inboxes, intake, machine
from maintainer.daemon.answering import answer_file
from maintainer.daemon.assemble import Assembly
from maintainer.daemon.checking import Checked, run_check, write_evidently_report
from maintainer.daemon.context import Context
from maintainer.daemon.starting import next_run
from maintainer.domain.policy import Policy
from maintainer.domain.run import Run
from maintainer.errors import MaintainerError, RefusedError
from maintainer.promote import versions
from maintainer.store.intake import Ingested

log = logging.getLogger(__name__)

RETRY = timedelta(minutes=1)  # after which a run that met a full disk or a broken store is tried again


class Operations:
    """One way in to everything the program does.

    With a `runner` (one thread) runs go on in the background; without one they are done before the call returns.
    """

    def __init__(
        self, context: Context, runner: Executor | None = None, tell: Callable[[str], None] | None = None
    ) -> None:
        self.context = context
        self._tell = tell  # of what went on in the background
        self._runner = runner
        self._flying: set[str] = set()  # runs that the runner has and has not finished with
        self._paused: dict[str, datetime] = {}  # run -> when it was paused; a new process tries at once
        self._checking = threading.Lock()
        self._recovered = False

    @property
    def assembly(self) -> Assembly:
        """Return what does the phases of runs."""
        held = self.context
        return Assembly(held.settings, held.control, held.database, held.clock, held.stopping)

    # --- what comes in

    def take_upload(self, model: str, path: Path, name: str, labels: bool) -> Ingested:
        """Take in a file that lies in the spool; see `intake.take_upload`."""
        return intake.take_upload(self.context, model, path, name, labels)

    def predict(self, model: str, path: Path) -> dict[str, Any]:
        """Return the champion's answers to the rows of a file."""
        return answer_file(self.context, self.context.policy(model), path)

    # --- checks and runs

    def check(self, model: str, may_start: bool = False) -> Checked:
        """Check a model now; when it may, start the run that its triggers ask for."""
        with self._checking:
            return run_check(self.context, self.context.policy(model), may_start)

    def evidently_report(self, check_id: str) -> Path:
        """Write Evidently's own report of a check, from bounded samples of its windows; return its path."""
        return write_evidently_report(self.context, check_id)

    def start_run(self, model: str, reason: str, bootstrap: bool = False) -> str:
        """Start a run now because a person wants it; return its id.

        Raises:
            RefusedError: one is under way, or a bootstrap is asked for where there is a champion, or the reverse.
        """
        policy = self.context.policy(model)
        champion = self.context.champion(model)
        if bootstrap and champion:
            raise RefusedError(f"{model} has a champion, {champion.version}; `maintainer train {model}` tunes it")
        if not bootstrap and not champion:
            raise RefusedError(f"{model} has no champion yet; `maintainer bootstrap {model}` makes the first")
        record = next_run(self.context, policy, reason)
        self.context.control.create_run(record)
        self.drive(record.id)
        return record.id

    def drive(self, run_id: str) -> list[str]:
        """Do the phases of a run until it is over or paused, here or in the background."""
        if self._runner is None:
            return [self._advance(run_id)]
        if run_id not in self._flying:
            self._flying.add(run_id)
            self._runner.submit(self._fly, run_id)
        return []

    def _fly(self, run_id: str) -> None:
        try:
            sentence = self._advance(run_id)
            log.info("%s", sentence)
            if self._tell is not None:
                self._tell(sentence)
        except MaintainerError as error:
            log.warning("run %s: %s", run_id, error)
        finally:
            self._flying.discard(run_id)

    def _advance(self, run_id: str) -> str:
        run = machine.advance(self.context.control, run_id, self.assembly, self.context.clock)
        self._paused.pop(run_id, None)
        if run.paused:
            self._paused[run_id] = self.context.clock()
        return told(run)

    def _rests(self, run_id: str) -> bool:
        """Return whether a run was paused so lately that it is left alone for now."""
        return run_id in self._paused and self.context.clock() < self._paused[run_id] + RETRY

    def recover(self) -> list[str]:
        """Note which runs were cut short when the process before this one ended, and clear what it left half done."""
        sentences = inboxes.tidy_spool(self.context)
        for record in self.context.control.open_runs():
            run = machine.recover(self.context.control, record.id, self.context.clock)
            if not run.over:
                sentences.append(f"run {record.id} goes on with {run.phase}")
        return sentences

    # --- the clock

    def tick(self) -> list[str]:
        """Do everything that is due now; return one sentence for each thing that was done or went wrong."""
        sentences = [] if self._recovered else self.recover()
        self._recovered = True
        sentences += self.context.load_policies()
        for model in sorted(self.context.policies):
            if self.context.stopping.is_set():
                break
            self.context.alive()
            try:
                sentences += self.tick_model(self.context.policy(model))
            except MaintainerError as error:
                sentences.append(f"{model}: {self.context.said(error)}")
        self.context.warm.release_idle(self.context.settings.worker_idle_seconds)
        return sentences

    def tick_model(self, policy: Policy) -> list[str]:
        """Do everything that is due for one model."""
        sentences = inboxes.take_in(self.context, policy)
        for record in self.context.control.open_runs(policy.model):
            if not self._rests(record.id):
                sentences += self.drive(record.id)
        if self.context.champion(policy.model) and self.next_check(policy) <= self.context.clock():
            checked = self.check(policy.model, may_start=True)
            sentences.append(f"{policy.model}: {checked.decision.reason}")
            if checked.run_id is not None:
                sentences += self.drive(checked.run_id)
        return sentences

    def next_check(self, policy: Policy) -> datetime:
        """Return when the next check of a model is due."""
        last = self.context.control.checks(policy.model)
        start = self.context.champion(policy.model)
        if last:
            return last[0].happened_at + policy.checks.every
        return start.created_at if start else self.context.clock() + timedelta(days=36500)

    # --- the champion

    def rollback(self, model: str, to: str | None, actor: str) -> tuple[str, str]:
        """Make a former champion serve again; return (from, to)."""
        self.context.policy(model)
        held, wanted = self.context, versions.Rollback(model, to, actor, self.context.clock())
        return versions.rollback(held.control, held.model_dir(model), wanted)


def told(run: Run) -> str:
    """Return in one sentence where a run stands."""
    if run.over and run.verdict is not None:
        return f"run {run.id} {run.verdict}: {run.reason}"
    return f"run {run.id} is at {run.phase}" + (", paused" if run.paused else "")
