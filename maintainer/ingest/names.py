"""What the name of a file in the program's hands says of it: enough to take it in again as it was the first time."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from maintainer.errors import InputError

STAMP = "%Y%m%dT%H%M%S%f"
STAMP_LENGTH = 21
LONGEST = 150  # bytes of an upload's name; with what is put in front it stays below the 255 of a file system
KEPT_LONGEST = 200  # bytes of a name in done/ and quarantine/, behind the at most 38 that are put in front
ENDING_LONGEST = 20  # bytes of an ending that a name keeps when it is cut
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
    return f"{_stamp(now)}-{short(name)}"


def readable(name: str) -> str:
    r"""Return the name of a file as text: bytes that are not UTF-8 are said as \xe9."""
    return os.fsencode(name).decode(errors="backslashreplace")


def short(name: str) -> str:
    """Return a name that can be kept: one that is too long is cut, and its hash tells it from others cut like it."""
    text = readable(name)
    if len(text.encode()) <= KEPT_LONGEST:
        return text
    ending = Path(text).suffix if len(Path(text).suffix.encode()) <= ENDING_LONGEST else ""
    tail = f"~{sha256(text.encode()).hexdigest()[:8]}{ending}"
    return text.encode()[: KEPT_LONGEST - len(tail.encode())].decode(errors="ignore") + tail


def later(path: Path) -> Path:
    """Return the name that a file has when it arrives a microsecond after one that has this name."""
    stamp, rest = path.name[:STAMP_LENGTH], path.name[STAMP_LENGTH:]
    moment = arrived(stamp)
    if moment is None:
        return path.with_name(f"{path.name}~")
    return path.with_name(_stamp(moment + timedelta(microseconds=1)) + rest)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(STAMP)
