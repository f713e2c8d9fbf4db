"""A folder that files are dropped into: which are whole, and where they go once they were taken in."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from maintainer.errors import RefusedError, StoreError
from maintainer.ingest.names import later, readable
from maintainer.store.mark import Mark, mark_of

SETTLE_SECONDS = 2.0  # a file that changed later than this may still be being written
DOUBT_SECONDS = 60.0  # how long a file that looks half-written is waited for
UNFINISHED = (".partial", ".tmp", ".part", ".crdownload", ".swp")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file in the inbox as it was seen, and how many seconds it has been left alone."""

    path: Path
    age_seconds: float  # below zero where its time of change lies in the future
    mark: Mark

    @property
    def settled(self) -> bool:
        """Return whether it can be read: unchanged for a while, and text that ends in a line end."""
        return self.age_seconds >= DOUBT_SECONDS or (self.age_seconds >= SETTLE_SECONDS and _ends_well(self.path))

    @property
    def doubtful(self) -> bool:
        """Return whether a failure to read it may only mean that its writer has not finished."""
        return 0 <= self.age_seconds < DOUBT_SECONDS


def _ends_well(path: Path) -> bool:
    try:
        size = path.stat().st_size
        if path.suffix.lower() in (".parquet", ".pq") or size == 0:
            return size > 0
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"
    except OSError:  # gone again, or not to be read: who takes it in says so once it is left alone
        return False


def inbox_below(state: Path, relative: str) -> Path:
    """Return a source's folder.

    Raises:
        RefusedError: it would lie outside the state directory.
    """
    folder = (state / relative).resolve()
    if not folder.is_relative_to(state.resolve()):
        raise RefusedError(f"source path {relative!r} leaves the state directory {state}")
    return folder


def dropped(path: Path, wall_seconds: float) -> Dropped | None:
    """Return a file as it is now; None where it is gone."""
    mark = mark_of(path)
    return None if mark is None else Dropped(path, wall_seconds - mark[2] / 1e9, mark)


def scan(folder: Path, wall_seconds: float) -> list[Dropped]:
    """Return the files of a folder that are not hidden or marked as unfinished, oldest first.

    Raises:
        StoreError: the folder cannot be listed.
    """
    paths = [path for path, mode in _entries(folder) if stat.S_ISREG(mode)]
    found = [seen for path in paths if (seen := dropped(path, wall_seconds)) is not None]
    return sorted(found, key=lambda seen: (-seen.age_seconds, seen.path.name))


def remarks(folder: Path, wall_seconds: float) -> list[str]:
    """Say what of a folder is not taken in although it is not hidden or marked as unfinished, and why.

    Raises:
        StoreError: the folder cannot be listed.
    """
    said: list[str] = []
    for path, mode in sorted(_entries(folder)):
        if stat.S_ISREG(mode):
            seen = dropped(path, wall_seconds)
            if seen is not None and seen.age_seconds < 0:
                said.append(f"{readable(path.name)} says it was changed in the future: taken in once it stays the same")
        elif not stat.S_ISDIR(mode):
            what = "a link" if stat.S_ISLNK(mode) else "a pipe, socket or device"
            said.append(f"{readable(path.name)} is {what} and not taken in; wanted a file")
    return said


def _entries(folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield what a folder holds, with its mode, save what is hidden, unfinished or gone by now."""
    try:
        paths = list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise StoreError(f"{folder} cannot be listed: {error.strerror or error}") from error
    for path in paths:
        if not path.name.startswith(".") and path.suffix.lower() not in UNFINISHED:
            try:
                yield path, path.lstat().st_mode
            except FileNotFoundError:
                continue


def put_away(path: Path, target: Path) -> Path:
    """Move a file to where it is kept; nothing there is overwritten.

    Raises:
        StoreError: it cannot be moved.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        while target.exists():
            target = later(target)
        os.replace(path, target)
    except OSError as error:
        said = f"{readable(str(path))} cannot be moved to {target.parent}: {error.strerror or error}"
        raise StoreError(said) from error
    return target
