"""One step of one run: note that a phase starts, do it, note how it ended; safe to be killed at any line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from maintainer.domain.run import ATTEMPTS, Event, Kind, Phase, Run, Verdict
from maintainer.errors import ChildError, InterruptedRunError, MaintainerError, StoreError, UnreadableError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a phase leads to: a verdict ends the run (after its report), None goes on."""

    note: str
    verdict: Verdict | None = None


class Journal(Protocol):
    """Where events are kept."""

    def append(self, event: Event) -> None:
        """Append one event; refuse a sequence number that is taken."""
        ...

    def state(self, run_id: str) -> Run:
        """Return the fold of a run's events."""
        ...


class Stages(Protocol):
    """What does the phases."""

    def perform(self, run_id: str, phase: Phase) -> Outcome:
        """Do a phase; called again after a kill, it returns at once when its output is there."""
        ...


Clock = Callable[[], datetime]


def recover(journal: Journal, run_id: str, clock: Clock) -> Run:
    """Note that a run which is marked as running was cut short: its process is gone."""
    run = journal.state(run_id)
    return _note(journal, run, Kind.INTERRUPTED, clock, Outcome("found running at start-up")) if run.running else run


def step(journal: Journal, run: Run, stages: Stages, clock: Clock) -> Run:
    """Do the next phase of a run and return where it stands.

    Raises:
        StoreError: the journal cannot be written; the step is done again later.
    """
    if run.over:
        return run
    if run.exhausted:
        last = f", at last: {run.setback}" if run.setback else ""
        return _note(journal, run, Kind.FAILED, clock, Outcome(f"{run.phase} was cut short {ATTEMPTS} times{last}"))
    run = _note(journal, run, Kind.STARTED, clock, Outcome(""))
    try:
        outcome = stages.perform(run.id, run.phase)
    except InterruptedRunError as error:
        return _note(journal, run, Kind.PAUSED, clock, Outcome(str(error)))
    except (ChildError, UnreadableError) as error:
        return _note(journal, run, Kind.INTERRUPTED, clock, Outcome(str(error)))
    except StoreError as error:  # a full disk or a busy store: not the run's fault
        return _note(journal, run, Kind.PUT_OFF, clock, Outcome(str(error)))
    except MaintainerError as error:
        return _note(journal, run, Kind.FAILED, clock, Outcome(str(error)))
    except Exception as error:  # a defect of ours must not take the daemon and the other models with it
        log.exception("run %s: %s broke", run.id, run.phase)
        return _note(journal, run, Kind.INTERRUPTED, clock, Outcome(f"{type(error).__name__}: {error}"))
    return _note(journal, run, Kind.FINISHED, clock, outcome)


def advance(journal: Journal, run_id: str, stages: Stages, clock: Clock) -> Run:
    """Do the phases of a run until it is over or paused."""
    run = step(journal, journal.state(run_id), stages, clock)
    while not run.over and not run.paused:
        run = step(journal, run, stages, clock)
    return run


def _note(journal: Journal, run: Run, kind: Kind, clock: Clock, outcome: Outcome) -> Run:
    event = Event(run.id, run.seq + 1, kind, run.phase, clock(), outcome.verdict, outcome.note)
    journal.append(event)
    return journal.state(run.id)
