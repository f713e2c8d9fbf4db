"""A report on disk: whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

from maintainer.errors import StoreError


def write(path: Path, html: str) -> None:
    """Write a page beside its place and rename it there, with a newline at the end.

    Raises:
        StoreError: the disk refuses; what was at `path` before is still there.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as out:
            out.write((html.rstrip("\n") + "\n").encode("utf-8", "replace"))
            out.flush()
            os.fsync(out.fileno())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreError(f"the report {path} cannot be written: {error}") from error
