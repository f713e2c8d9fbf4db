"""What the name of a file in the program's hands says of it: enough to take it in again as it was the first time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from maintainer.errors import InputError

STAMP = "%Y%m%dT%H%M%S%f"
STAMP_LENGTH = 21
LONGEST = 150  # bytes of a name from outside; with what is put in front it stays below the 255 of a file system
ANY, SAMPLES, LABELS = "any", "samples", "labels"  # what a file was sent as


@dataclass(frozen=True, slots=True)
class Sent:
    """A file in the spool: `<number>.<what>-<name>`."""

    what: str
    name: str  # as the sender knows it


@dataclass(frozen=True, slots=True)
class Kept:
    """A file in done/: `<time of arrival>.<what>.<format>-<name>`; the names sort by arrival."""

    arrived: datetime
    what: str
    format: str
    name: str

    @property
    def file_name(self) -> str:
        """Return the name in done/."""
        return f"{_stamp(self.arrived)}.{self.what}.{self.format}-{self.name}"


def spool_name(name: str, what: str) -> str:
    """Return a name in the spool for an upload, unlike any other; what the sender says cannot leave the folder.

    Raises:
        InputError: it is too long, or not a name of a file at all.
    """
    last = Path(name).name
    if not last.isprintable() or not 0 < len(last.encode(errors="replace")) <= LONGEST:
        raise InputError(
            f"file name {last[:LONGEST]!r} cannot be kept; wanted at most {LONGEST} bytes of printable text"
        )
    return f"{uuid4().hex}.{what}-{last}"


def sent(path: Path) -> Sent:
    """Return what the name of a file in the spool says."""
    head, _, name = path.name.partition("-")
    what = head.rpartition(".")[2]
    return Sent(what, name) if name and what in (SAMPLES, LABELS) else Sent(ANY, path.name)


def kept(path: Path) -> Kept | None:
    """Return what the name of a file in done/ says; None where it is not one that the program gave."""
    head, _, name = path.name.partition("-")
    match head.split("."):
        case [stamp, what, form] if name:
            moment = arrived(stamp)
            return None if moment is None else Kept(moment, what, form, name)
        case _:
            return None


def arrived(stamp: str) -> datetime | None:
    """Return the time that a stamp says; None where it is none."""
    try:
        return datetime.strptime(stamp + "+0000", STAMP + "%z")
    except ValueError:
        return None


def set_aside_name(now: datetime, name: str) -> str:
    """Return the name in quarantine/ of a file."""
    return f"{_stamp(now)}-{name}"


def later(path: Path) -> Path:
    """Return the name that a file has when it arrives a microsecond after one that has this name."""
    stamp, rest = path.name[:STAMP_LENGTH], path.name[STAMP_LENGTH:]
    moment = arrived(stamp)
    if moment is None:
        return path.with_name(f"{path.name}~")
    return path.with_name(_stamp(moment + timedelta(microseconds=1)) + rest)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(STAMP)
