"""What can be asked of the program, whoever asks: the clock, the API, the command line in process, the backtest."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from maintainer.daemon import inboxes, intake, machine
from maintainer.daemon.answering import answer_file
from maintainer.daemon.assemble import Assembly
from maintainer.daemon.checking import Checked, run_check
from maintainer.daemon.comparing import compare
from maintainer.daemon.context import Context
from maintainer.daemon.evidently import write_evidently_report
from maintainer.daemon.lab import Lab
from maintainer.daemon.labelling import Wanted, label_queue
from maintainer.daemon.reproducing import reproduce
from maintainer.daemon.starting import next_run, take_base
from maintainer.domain.policy import Policy
from maintainer.domain.run import Run
from maintainer.errors import MaintainerError, RefusedError
from maintainer.promote import versions
from maintainer.store import artifacts
from maintainer.store.intake import Ingested

log = logging.getLogger(__name__)

RETRY, RETRY_AT_MOST = timedelta(minutes=1), timedelta(hours=1)  # rest after a setback; doubles with each in a row


@dataclass(frozen=True, slots=True)
class Rest:
    """A span in which something that failed is left alone."""

    begin: datetime
    end: datetime

    @classmethod
    def after(cls, setbacks: int, now: datetime) -> Rest:
        """Return the rest after so many setbacks in a row; one at least is counted."""
        return cls(now, now + min(RETRY * 2.0 ** min(max(setbacks, 1) - 1, 10), RETRY_AT_MOST))

    def lasts(self, now: datetime) -> bool:
        """Return whether it is not over; a clock that was set back ends it."""
        return self.begin <= now < self.end


@dataclass(frozen=True, slots=True)
class Failed:
    """Checks of a model that failed in a row, and the rest until it is tried again."""

    times: int
    words: str
    rest: Rest


class Operations:
    """One way in to everything the program does.

    With a `runner` (one thread) runs go on in the background; without one they are done before the call returns.
    """

    def __init__(
        self, context: Context, runner: Executor | None = None, tell: Callable[[str], None] | None = None
    ) -> None:
        self.context = context
        self._tell = tell  # of what went on in the background
        self.lab = Lab(runner)
        self._runner = runner
        self._flying: set[str] = set()  # runs that the runner has and has not finished with
        self._rests: dict[str, Rest] = {}  # of runs that were put off; a new process tries at once
        self.failed: dict[str, Failed] = {}  # model -> its checks that failed in a row
        self._checking = threading.Lock()
        self._asking = threading.Lock()  # two who ask for samples to label at a time get different ones
        self._recovered = False
        self.broken: dict[str, str] = {}  # model -> how a defect ended its part of the last tick

    @property
    def assembly(self) -> Assembly:
        """Return what does the phases of runs."""
        held = self.context
        return Assembly(held.settings, held.control, held.database, held.clock, held.nursery, held.warm.ask)

    # --- what comes in

    def take_upload(self, model: str, path: Path, name: str, labels: bool) -> Ingested:
        """Take in a file that lies in the spool; see `intake.take_upload`."""
        return intake.take_upload(self.context, model, path, name, labels)

    def take_base(self, model: str, archive: Path) -> Path:
        """Make a packed directory what new weights of a model start from; see `starting.take_base`."""
        return take_base(self.context, self.context.policy(model), archive)

    def predict(self, model: str, path: Path) -> dict[str, Any]:
        """Return the champion's answers to the rows of a file."""
        return answer_file(self.context, self.context.policy(model), path)

    def label_queue(self, model: str, wanted: Wanted) -> dict[str, Any]:
        """Return the samples most worth a label; they are remembered as given out."""
        with self._asking:
            return label_queue(self.context, self.context.policy(model), wanted)

    # --- checks and runs

    def check(self, model: str, scheduled: bool = False) -> Checked:
        """Check a model now; only a scheduled check starts the run that the triggers ask for, and counts for them."""
        with self._checking:
            checked = run_check(self.context, self.context.policy(model), scheduled)
        self.failed.pop(model, None)
        return checked

    def _check_due(self, model: str) -> Checked:
        """Make the check that is due; after one that fails the next is not due before a rest."""
        try:
            with self.context.busy():  # for a check or an upload that another asked for, and its own statements
                return self.check(model, scheduled=True)
        except Exception as error:
            times = self.failed[model].times + 1 if model in self.failed else 1
            words = str(error) or type(error).__name__
            self.failed[model] = Failed(times, words, Rest.after(times, self.context.clock()))
            raise

    def evidently_report(self, check_id: str) -> Path:
        """Write Evidently's own report of a check, from bounded samples of its windows; return its path."""
        return write_evidently_report(self.context, check_id)

    def start_run(self, model: str, reason: str, bootstrap: bool = False) -> str:
        """Start a run now because a person wants it, or go on with the one that was paused; return its id.

        Raises:
            RefusedError: one is under way, or a bootstrap is asked for where there is a champion, or the reverse.
        """
        policy = self.context.policy(model)
        champion = self.context.champion(model)
        if bootstrap and champion:
            raise RefusedError(f"{model} has a champion, {champion.version}; `maintainer train {model}` tunes it")
        if not bootstrap and not champion:
            raise RefusedError(f"{model} has no champion yet; `maintainer bootstrap {model}` makes the first")
        run = self.paused_run(model)
        if run is None:
            record = next_run(self.context, policy, reason)
            self.context.control.create_run(record)
            run = record.id
        self.drive(run)
        return run

    def reproduce(self, run_id: str, threads: int | None) -> str:
        """Begin to train a past run again and compare; return the id of the experiment."""
        return self.lab.begin(f"reproduce-{run_id}", reproduce(self.context, run_id, threads))

    def compare(self, run_id: str) -> str:
        """Begin to train other strategies on what a past run learned from; return the id of the experiment."""
        return self.lab.begin(f"compare-{run_id}", compare(self.context, run_id))

    def paused_run(self, model: str) -> str | None:
        """Return the run of a model that is not over and that nobody works on."""
        waiting = (record.id for record in self.context.control.open_runs(model))
        return next((run for run in waiting if not self.under_way(run)), None)

    def under_way(self, run_id: str) -> bool:
        """Return whether a run is being worked on, or waits for its turn."""
        return run_id in self._flying

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
        except Exception:  # a defect: nobody asks the runner what became of it
            log.exception("run %s broke", run_id)
        finally:
            self._flying.discard(run_id)

    def _advance(self, run_id: str) -> str:
        self._rests[run_id] = Rest.after(1, self.context.clock())  # should the journal itself be what fails
        run = machine.advance(self.context.control, run_id, self.assembly, self.context.clock)
        self._rests[run_id] = Rest.after(run.put_off, self.context.clock())
        if run.over:
            del self._rests[run_id]
        return told(run)

    def _resting(self, run_id: str) -> bool:
        """Return whether a run met with a setback so lately that it is left alone for now."""
        return run_id in self._rests and self._rests[run_id].lasts(self.context.clock())

    def recover(self) -> list[str]:
        """Note what was cut short when the process before this one ended: runs, changes of a champion, uploads."""
        sentences = [*self._reconcile(), *inboxes.tidy_spool(self.context)]
        for record in self.context.control.open_runs():
            run = machine.recover(self.context.control, record.id, self.context.clock)
            if not run.over:
                sentences.append(f"run {record.id} goes on with {run.phase}")
        return sentences

    def _reconcile(self) -> list[str]:
        """Note champions that no event tells of, but for those that a run under way is about to tell of."""
        held = self.context
        coming = {(record.model, record.version) for record in held.control.open_runs()}
        folders = sorted((held.settings.state / "models").glob("*"))
        found = [
            versions.reconcile(held.control, folder, folder.name, held.clock())
            for folder in folders
            if (folder.name, artifacts.champion_of(folder)) not in coming
        ]
        return [sentence for sentence in found if sentence is not None]

    # --- the clock

    def tick(self) -> list[str]:
        """Do everything that is due now; return one sentence for each thing that was done or went wrong."""
        self.context.alive.begin()
        sentences = [] if self._recovered else self.recover()
        self._recovered = True
        sentences += self.context.load_policies()
        sentences += [f"not in force: {problem}" for problem in self.context.problems]
        for model in sorted(self.context.policies):
            if self.context.stopping.is_set():
                break
            self.context.alive()
            sentences += self._tick_alone(model)
        for kept in (self.context.warm, self.context.nursery):
            kept.release_idle(self.context.settings.worker_idle_seconds)
        return sentences

    def _tick_alone(self, model: str) -> list[str]:
        """Do everything that is due for one model; whatever goes wrong with it, the others have their turn."""
        try:
            sentences = self.tick_model(self.context.policy(model))
        except MaintainerError as error:
            sentences = [f"{model}: {self.context.said(error)}"]
        except Exception as error:  # a defect of ours
            broke = f"its part of the tick broke: {type(error).__name__}: {' '.join(str(error).split())[:500]}"
            if self.broken.get(model) != broke:  # what breaks at every tick is logged once
                log.exception("%s: its part of the tick broke", model)
            self.broken[model] = broke
            return [f"{model}: {broke}"]
        self.broken.pop(model, None)
        return sentences

    def tick_model(self, policy: Policy) -> list[str]:
        """Do everything that is due for one model."""
        sentences = inboxes.take_in(self.context, policy)
        for record in self.context.control.open_runs(policy.model):
            if not self._resting(record.id):
                sentences += self.drive(record.id)
        if self.context.champion(policy.model) and self.next_check(policy) <= self.context.clock():
            checked = self._check_due(policy.model)
            sentences.append(f"{policy.model}: {checked.decision.reason}")
            if checked.run_id is not None:
                sentences += self.drive(checked.run_id)
        return sentences

    def next_check(self, policy: Policy) -> datetime:
        """Return when the next check of a model is due, whatever checks a person asked for since the last."""
        last, now = self.context.control.scheduled_check(policy.model), self.context.clock()
        failed = self.failed.get(policy.model)
        if failed and failed.rest.lasts(now):
            return failed.rest.end
        start = self.context.champion(policy.model)
        if last:  # one in the future was made before the clock was set back
            return last.happened_at + policy.checks.every if last.happened_at <= now else now
        return min(start.created_at, now) if start else now + timedelta(days=36500)

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
