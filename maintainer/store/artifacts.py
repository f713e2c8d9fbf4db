"""Write-once directories and the champion pointer: written beside, made visible by one rename."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from maintainer.domain.model import Manifest
from maintainer.errors import NotFoundError, StoreError, UnreadableError

PARTIAL = ".partial"
KEPT = ".kept"
MANIFEST = "manifest.json"


def sync(path: Path) -> None:
    """Force a file or a directory to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write a file beside and publish it in one rename, durably."""
    partial = path.with_name(path.name + PARTIAL)
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        sync(partial)
        os.replace(partial, path)
        sync(path.parent)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error


def fresh_partial(target: Path) -> Path:
    """Return an empty directory beside `target` to be filled and then published."""
    partial = target.with_name(target.name + PARTIAL)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    except OSError as error:
        raise StoreError(f"{partial} cannot be made: {error.strerror or error}") from error
    return partial


def kept_beside(target: Path) -> Path:
    """Return the directory beside `target` that outlives a killed attempt at filling it."""
    kept = target.with_name(target.name + KEPT)
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{kept} cannot be made: {error.strerror or error}") from error
    return kept


def drop_kept(target: Path) -> None:
    """Delete what an attempt at `target` kept, now that it is published."""
    shutil.rmtree(target.with_name(target.name + KEPT), ignore_errors=True)


def publish_partial(target: Path) -> None:
    """Make a filled partial directory visible under its name, durably and in one rename."""
    partial = target.with_name(target.name + PARTIAL)
    try:
        for file in partial.iterdir():
            sync(file)
        sync(partial)
        os.rename(partial, target)
        sync(target.parent)
    except OSError as error:
        raise StoreError(f"{target} cannot be published: {error.strerror or error}") from error


@contextmanager
def publish(target: Path) -> Generator[Path]:
    """Give a directory to fill; when the block ends without error it appears as `target`."""
    yield fresh_partial(target)
    publish_partial(target)


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(version_dir: Path) -> Manifest:
    """Return the manifest of a version.

    Raises:
        NotFoundError: no such version, or one that was never finished.
        UnreadableError: it is no manifest.
    """
    try:
        return Manifest.model_validate_json((version_dir / MANIFEST).read_text())
    except FileNotFoundError as error:
        raise NotFoundError(f"{version_dir} has no {MANIFEST}: no such version") from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors(include_url=False)]
        raise UnreadableError(f"{version_dir / MANIFEST} cannot be read: {'; '.join(faults[:5])}") from error
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{version_dir / MANIFEST} cannot be read: {error}") from error


def problems_of(version_dir: Path) -> list[str]:
    """Return what is wrong with a version's files against its manifest; empty when it is whole.

    Raises:
        NotFoundError: no such version, or one that was never finished.
        StoreError: its manifest cannot be read, or is none.
    """
    manifest = read_manifest(version_dir)
    found: list[str] = []
    for name, digest in manifest.files.items():
        path = version_dir / name
        if not path.is_file():
            found.append(f"{path} is missing")
        elif sha256(path) != digest:
            found.append(f"{path} differs from its sha256 in the manifest")
    return found


def champion_of(model_dir: Path) -> str | None:
    """Return the version that the champion pointer names; None when there is none."""
    link = model_dir / "champion"
    return os.path.basename(os.readlink(link)) if link.is_symlink() else None


def point_champion(model_dir: Path, version: str) -> None:
    """Swap the champion pointer to a version in one rename, durably."""
    link, beside = model_dir / "champion", model_dir / f"champion{PARTIAL}"
    try:
        beside.unlink(missing_ok=True)
        beside.symlink_to(Path("versions") / version)
        os.replace(beside, link)
        sync(model_dir)
    except OSError as error:
        raise StoreError(f"{link} cannot be swapped to {version}: {error.strerror or error}") from error
