"""Versions of a model: immutable directories named by their manifest."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from maintainer.domain.sample import TaskKind


class Role(StrEnum):
    """What a version is to its model."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    RETIRED = "retired"


class Span(BaseModel):
    """A half-open span of event time [start, end), aware UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    start: datetime
    end: datetime


class Manifest(BaseModel):
    """What a version is made of; written last, so that a directory with a manifest is whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    version: str
    parent: str | None  # the champion it was tuned from
    run: str
    created_at: datetime
    task: TaskKind
    family: str
    classes: tuple[str, ...]
    trained: Span  # event time of the newest window it learned from
    held_out: Span  # event time of the samples after those, which judged it
    memory_from: datetime  # the oldest sample it learned from, replay included
    block_seconds: float | None  # length of the time blocks that keep parts apart (see Split)
    split: str = "time"  # the rule that gives a sample its part: time, stratified, or group and the column
    metrics: dict[str, float]  # on the current holdout of its run
    baseline: dict[str, float]  # what "against: champion" means, see metrics.faded
    strategy: str
    alpha: float  # the place on the frontier; 1 is the tuned end
    seed: int
    threads: int
    policy_hash: str
    data_hash: str
    packages: dict[str, str]
    files: dict[str, str]  # name -> sha256

    @property
    def learned(self) -> bool:
        """Return whether it has learned from samples of the store; one that was adopted has not."""
        return self.trained.start < self.trained.end
