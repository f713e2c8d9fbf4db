"""Uploads and files that were taken in before into the store, and what becomes of a file afterwards."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from maintainer.daemon.context import Context
from maintainer.domain.policy import Policy
from maintainer.errors import InputError, StoreError
from maintainer.ingest import names
from maintainer.ingest.inbox import put_away
from maintainer.ingest.memory import Unmoved
from maintainer.store import artifacts
from maintainer.store.batch import Batch, Ingested
from maintainer.store.intake import ingest_labels, ingest_samples
from maintainer.store.mark import mark_of
from maintainer.store.quarantine import quarantine_file
from maintainer.store.reading import format_of
from maintainer.store.taking import ingest

PREDICTIONS = "_predict"  # the folder of the spool for rows to be answered; no model can be called so
TAKERS = {names.ANY: ingest, names.SAMPLES: ingest_samples, names.LABELS: ingest_labels}


def batch_of(context: Context, policy: Policy, path: Path, source: str, declared: str = "auto") -> Batch:
    """Return a file as a batch of a model that arrives now."""
    form = format_of(Path(source), declared)
    champion = artifacts.champion_of(context.model_dir(policy.model))
    return Batch(context.schema(policy), path, form, source, context.clock(), champion)


@contextmanager
def upload(context: Context, folder: str, name: str, labels: bool = False) -> Generator[Path]:
    """Give the path where an upload is written before it is acknowledged; the name cannot leave the spool.

    Until the block ends the clock leaves the file alone; what was received in part only is removed then.

    Raises:
        InputError: the name cannot be that of a file.
    """
    path = _upload_path(context, folder, name, labels)
    context.uploads.add(path)
    try:
        yield path
    finally:
        context.uploads.discard(path)
        partial_of(path).unlink(missing_ok=True)


def _upload_path(context: Context, folder: str, name: str, labels: bool) -> Path:
    spool = context.settings.state / "spool" / folder
    file_name = names.spool_name(name, names.LABELS if labels else names.SAMPLES)
    try:
        spool.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{spool} cannot be made: {error.strerror or error}") from error
    return spool / file_name


def partial_of(path: Path) -> Path:
    """Return where an upload lies while it is being received."""
    return path.with_name(path.name + artifacts.PARTIAL)


def publish_upload(path: Path) -> None:
    """Make an upload durable and visible to whoever takes in what lies in the spool."""
    partial = partial_of(path)
    artifacts.sync(partial)
    partial.rename(path)
    artifacts.sync(path.parent)


def take_upload(context: Context, model: str, path: Path, name: str, labels: bool) -> Ingested:
    """Take in an uploaded file that lies in the spool; it is kept in done/, or deleted when it was refused.

    Raises:
        InputError: nothing of it can be read; nothing was stored.
        StoreError: the store does not answer; the file stays in the spool and is taken in later.
    """
    policy = context.policy(model)
    what = names.LABELS if labels else names.SAMPLES
    try:
        batch = batch_of(context, policy, path, Path(name).name)
        done = TAKERS[what](context.database, batch)
    except InputError:
        path.unlink(missing_ok=True)
        raise
    keep(context, batch, what)
    return done


def keep(context: Context, batch: Batch, what: str) -> Path:
    """Move a file that was taken in to done/, where a rebuild finds it, once it is safe in the database.

    Return where it lies now. Until it is there, only this is tried again.

    Raises:
        StoreError: the database could not write it out, or it cannot be moved.
    """
    unmoved, path = context.inbox.unmoved, batch.path
    mark = mark_of(path)
    unmoved[path] = Unmoved(batch, what, mark)
    kept = names.Kept(batch.now, what, batch.format, batch.source)
    try:
        with context.busy():
            context.database.checkpoint()
        target = put_away(path, context.settings.state / "inbox" / batch.schema.model / "done" / kept.file_name)
    except StoreError as error:
        unmoved[path] = Unmoved(batch, what, mark, f"taken in and not in done/ yet: {error}")
        raise
    del unmoved[path]
    return target


def set_aside(context: Context, policy: Policy, path: Path, reason: str) -> str:
    """Move a file that cannot be taken in to quarantine/, and keep the reason; return it in a sentence.

    Raises:
        StoreError: the reason cannot be kept, or the file not be moved.
    """
    now, name = context.clock(), names.short(path.name)
    quarantine_file(context.database, Batch(context.schema(policy), path, "", name, now), reason)
    put_away(path, context.settings.state / "inbox" / policy.model / "quarantine" / names.set_aside_name(now, name))
    return f"{reason}; moved to quarantine/"


def sentence(name: str, done: Ingested) -> str:
    """Return in words what became of a file."""
    parts = [f"{done.stored} stored", f"{done.duplicate} duplicate", f"{done.quarantined} quarantined"]
    if done.labels or done.labels_quarantined:
        parts.append(f"{done.labels} labels")
    if done.labels_quarantined:
        parts.append(f"{done.labels_quarantined} labels quarantined")
    if done.unmatched:
        parts.append(f"{done.unmatched} labels without a sample yet")
    for what, columns in (("unknown columns left out", done.unknown_columns), ("absent", done.absent_columns)):
        if columns:
            parts.append(f"{what}: {', '.join(columns[:10])}")
    return f"{name}: {', '.join(parts)}"


def document(done: Ingested) -> dict[str, object]:
    """Return what became of a file as JSON."""
    return asdict(done)


def taken_in(context: Context) -> dict[str, list[Path]]:
    """Return by model the files that were ever taken in, oldest first."""
    folders = sorted((context.settings.state / "inbox").glob("*/done"))
    found = {folder.parent.name: sorted(folder.glob("*")) for folder in folders}
    return {model: files for model, files in found.items() if files}


def rebuild(context: Context) -> tuple[list[str], list[str]]:
    """Take in again every file that was ever taken in, as of the time it arrived.

    Return a sentence for each that was and for each that was not, which is then to be tried again.
    """
    context.inbox.unmoved.clear()  # taken in, but into the database that is being replaced
    done: list[str] = []
    failed: list[str] = []
    for model, files in taken_in(context).items():
        policy = context.policy(model)
        for path in files:
            try:
                done.append(take_again(context, policy, path))
            except InputError as error:
                failed.append(f"{path} was not taken in: {error}")
    return done, failed


def take_again(context: Context, policy: Policy, path: Path) -> str:
    """Take in a file of done/ again, as of the time it arrived; return in a sentence what became of it.

    Raises:
        InputError: it cannot be read, or fits no policy any more.
        StoreError: the store does not answer.
    """
    kept = names.kept(path)
    if kept is None:
        return sentence(path.name, ingest(context.database, batch_of(context, policy, path, path.name)))
    batch = batch_of(context, policy, path, kept.name, kept.format)
    then = replace(batch, now=kept.arrived, champion=_champion_at(context, policy.model, kept.arrived))
    return sentence(path.name, TAKERS.get(kept.what, ingest)(context.database, then))


def _champion_at(context: Context, model: str, moment: datetime) -> str | None:
    """Return the version that served at a moment: the one that gave the answers logged then."""
    before = [event.version for event in context.control.champions(model) if event.happened_at <= moment]
    return before[-1] if before else None
