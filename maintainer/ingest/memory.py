"""What is known of files from one look at the inboxes to the next; a new process begins with nothing of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from maintainer.store.batch import Batch
from maintainer.store.mark import Mark


@dataclass(frozen=True, slots=True)
class Unmoved:
    """A file whose rows are in the database, and which could not be moved to done/."""

    batch: Batch
    what: str
    mark: Mark | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """A file as it was when it was taken in, now in done/: whoever writes it may not have finished."""

    model: str
    mark: Mark
    until: datetime  # how long it is looked at


@dataclass
class Memory:
    """Files by their path."""

    unmoved: dict[Path, Unmoved] = field(default_factory=dict[Path, Unmoved])
    moved: dict[Path, Moved] = field(default_factory=dict[Path, Moved])
    future: dict[Path, Mark] = field(default_factory=dict[Path, Mark])  # seen once with a time of change to come
    failed: set[Path] = field(default_factory=set[Path])  # that met an error which was not theirs; tried last
