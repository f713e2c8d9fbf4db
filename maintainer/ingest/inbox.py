"""A folder that files are dropped into: which are whole, and where they go once they were taken in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from maintainer.errors import RefusedError, StoreError

SETTLE_SECONDS = 2.0  # a file that changed later than this may still be being written
DOUBT_SECONDS = 60.0  # how long a file that looks half-written is waited for
UNFINISHED = (".partial", ".tmp", ".part", ".crdownload", ".swp")
STAMP = "%Y%m%dT%H%M%S%f"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file in the inbox and how many seconds it has been left alone."""

    path: Path
    age_seconds: float

    @property
    def settled(self) -> bool:
        """Return whether it can be read: unchanged for a while, and text that ends in a line end."""
        return self.age_seconds >= DOUBT_SECONDS or (self.age_seconds >= SETTLE_SECONDS and _ends_well(self.path))

    @property
    def doubtful(self) -> bool:
        """Return whether a failure to read it may only mean that its writer has not finished."""
        return self.age_seconds < DOUBT_SECONDS


def _ends_well(path: Path) -> bool:
    if path.suffix.lower() in (".parquet", ".pq") or path.stat().st_size == 0:
        return path.stat().st_size > 0
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def inbox_below(state: Path, relative: str) -> Path:
    """Return a source's folder.

    Raises:
        RefusedError: it would lie outside the state directory.
    """
    folder = (state / relative).resolve()
    if not folder.is_relative_to(state.resolve()):
        raise RefusedError(f"source path {relative!r} leaves the state directory {state}")
    return folder


def scan(folder: Path, wall_seconds: float) -> list[Dropped]:
    """Return the files of a folder that are not hidden or marked as unfinished, oldest first."""
    if not folder.is_dir():
        return []
    found: list[Dropped] = []
    for path in folder.iterdir():
        if path.name.startswith(".") or path.suffix in UNFINISHED or not path.is_file() or path.is_symlink():
            continue
        found.append(Dropped(path, wall_seconds - path.stat().st_mtime))
    return sorted(found, key=lambda dropped: (-dropped.age_seconds, dropped.path.name))


def put_away(path: Path, folder: Path, now: datetime) -> Path:
    """Move a file to a folder under a name that begins with the time; the names sort by arrival."""
    target = folder / f"{now.strftime(STAMP)}-{path.name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while target.exists():
            target = folder / f"{now.strftime(STAMP)}-{number}-{path.name}"
            number += 1
        os.replace(path, target)
    except OSError as error:
        raise StoreError(f"{path} cannot be moved to {folder}: {error.strerror or error}") from error
    return target


def arrived(path: Path) -> datetime | None:
    """Return the time in the name of a file that was put away; None where there is none."""
    try:
        return datetime.strptime(path.name.split("-")[0] + "+0000", STAMP + "%z")
    except ValueError:
        return None
