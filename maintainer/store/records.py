"""The rows of control.db as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run was started with."""

    id: str
    model: str
    number: int
    created_at: datetime
    reason: str
    triggers: tuple[str, ...]
    policy_hash: str
    champion: str | None
    version: str
    check_id: str | None
    labels_known: int


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """One check as it was kept: three JSON documents."""

    id: str
    model: str
    number: int
    happened_at: datetime
    policy_hash: str
    evidence: str
    findings: str
    decision: str


@dataclass(frozen=True, slots=True)
class ChampionEvent:
    """A version began to serve."""

    seq: int
    version: str
    happened_at: datetime
    cause: str


@dataclass(frozen=True, slots=True)
class Crowning:
    """That a version serves from now on, and who did it: a row of the champions' history and one of the audit."""

    model: str
    version: str
    now: datetime
    cause: str
    actor: str
    action: str
