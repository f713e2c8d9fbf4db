"""What tells that a file is still the one that was looked at, without reading it."""

from __future__ import annotations

from pathlib import Path

Mark = tuple[int, int, int]  # inode, size in bytes and time of change in nanoseconds


def mark_of(path: Path) -> Mark | None:
    """Return what changes when a file does; None where there is no file.

    Raises:
        OSError: it may not be looked at.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
