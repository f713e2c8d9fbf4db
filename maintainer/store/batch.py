"""What is taken in and what became of it: the values that go into an intake and come out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from maintainer.domain.sample import Schema
from maintainer.store.reading import Source


@dataclass(frozen=True, slots=True)
class Batch:
    """What is taken in, for whom, and when."""

    schema: Schema
    path: Path
    format: str
    source: str  # the name of the file as the sender knows it
    now: datetime
    champion: str | None = None  # the version that answered, where predictions are logged

    @property
    def file(self) -> Source:
        """Return the file as what is to be read."""
        return Source(self.path, self.format, self.source)


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch.

    Of samples rows = stored + duplicate + quarantined, and their labels are counted beside them. Of late labels
    rows = labels + duplicate + quarantined; nothing is `stored`.
    """

    rows: int = 0
    stored: int = 0  # samples
    duplicate: int = 0  # known before, or twice in the file; of labels also those older than what is known
    quarantined: int = 0
    labels: int = 0  # that say something new; of refused samples too, where it is known whose they are
    labels_quarantined: int = 0  # of samples, whatever became of the sample itself
    unmatched: int = 0  # labels whose sample is not here (yet)
    unknown_columns: tuple[str, ...] = ()
    absent_columns: tuple[str, ...] = ()


def utc(moment: datetime) -> datetime:
    """Return an aware moment as DuckDB keeps it: naive UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)
