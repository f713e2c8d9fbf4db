"""One maintenance run as the fold of its journal: phases, events, verdicts, and the two rules `apply` and `replay`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

ATTEMPTS = 3  # starts of one phase that may be cut short before the run is given up
PATIENCE = 24  # times that one phase may be put off before each further one counts as cut short


class Phase(StrEnum):
    """The stages of a run, in order."""

    COLLECT = "collect"
    TRAIN = "train"
    EXPORT = "export"
    GATE = "gate"
    PROMOTE = "promote"
    REPORT = "report"


class Kind(StrEnum):
    """What a journal row says of a phase."""

    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # found running at start-up: the process died
    PAUSED = "paused"  # asked to stop; costs no attempt
    PUT_OFF = "put off"  # the disk was full or the store busy; costs no attempt unless it lasts


class Verdict(StrEnum):
    """How a run ended."""

    PROMOTED = "promoted"
    REJECTED = "rejected"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the journal; (run, seq) is its primary key."""

    run: str
    seq: int
    kind: Kind
    phase: Phase
    happened_at: datetime
    verdict: Verdict | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Where a run stands: derived from its events, never stored."""

    id: str
    seq: int = 0  # events applied
    phase: Phase = Phase.COLLECT  # the phase that runs or comes next
    running: bool = False
    paused: bool = False  # asked to stop, or the disk was full: to be taken up later
    attempts: int = 0  # starts of this phase that were cut short
    put_off: int = 0  # starts of this phase that met a full disk or a busy store
    setback: str = ""  # what ended the last start of this phase
    verdict: Verdict | None = None
    reason: str = ""  # why the verdict
    over: bool = False

    @property
    def exhausted(self) -> bool:
        """Return whether this phase was cut short too often to be tried again."""
        return self.attempts >= ATTEMPTS


def after(phase: Phase, verdict: Verdict | None) -> Phase | None:
    """Return the phase that follows, None at the end: once there is a verdict only the report is left."""
    if phase is Phase.REPORT:
        return None
    if verdict is not None:
        return Phase.REPORT
    phases = list(Phase)
    return phases[phases.index(phase) + 1]


def apply(run: Run, event: Event) -> Run:
    """Return the run after one more event.

    Raises ValueError where the event cannot follow: another run's, a gap in seq, or past the end.
    """
    if event.run != run.id or event.seq != run.seq + 1 or run.over:
        raise ValueError(f"event {event.run}#{event.seq} cannot follow {run.id}#{run.seq} (over: {run.over})")
    run = replace(run, seq=event.seq, phase=event.phase, running=False, paused=False)
    match event.kind:
        case Kind.STARTED:
            return replace(run, running=True)
        case Kind.PAUSED:
            return replace(run, paused=True)
        case Kind.PUT_OFF:
            lasting = run.put_off >= PATIENCE
            attempts = run.attempts + lasting
            return replace(run, paused=True, attempts=attempts, put_off=run.put_off + 1, setback=event.note)
        case Kind.INTERRUPTED:
            return replace(run, attempts=run.attempts + 1, setback=event.note)
        case Kind.FINISHED | Kind.FAILED:
            return _leave(run, event)


def _leave(run: Run, event: Event) -> Run:
    verdict = run.verdict or event.verdict or (Verdict.FAILED if event.kind is Kind.FAILED else None)
    reason = event.note if verdict and not run.verdict else run.reason
    follows = after(event.phase, verdict)
    return replace(
        run,
        attempts=0,
        put_off=0,
        setback="",
        verdict=verdict,
        reason=reason,
        phase=follows or event.phase,
        over=follows is None,
    )


def replay(run_id: str, events: Iterable[Event]) -> Run:
    """Return the run that its events, in order of seq, tell of."""
    run = Run(run_id)
    for event in events:
        run = apply(run, event)
    return run
