"""Files from the inboxes, the spool and the API into the store; each ends in done/ or quarantine/."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from maintainer.daemon.context import Context
from maintainer.domain.policy import Policy
from maintainer.errors import InputError, RefusedError, StoreError
from maintainer.ingest import names
from maintainer.ingest.inbox import Dropped, inbox_below, put_away, scan
from maintainer.store import artifacts
from maintainer.store.batch import Batch, Ingested
from maintainer.store.intake import ingest_labels, ingest_samples
from maintainer.store.quarantine import quarantine_file
from maintainer.store.reading import format_of
from maintainer.store.taking import ingest

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
    _keep(context, batch, what)
    return done


def take_in(context: Context, policy: Policy) -> list[str]:
    """Take in what lies in a model's spool and inboxes; return one sentence for each file.

    Where the store does not answer, or a source cannot be, the files stay where they are until the next tick.
    """
    sentences: list[str] = []
    try:
        for dropped, declared in _waiting(context, policy):
            sentences.append(_take_file(context, policy, dropped, declared))
    except (RefusedError, StoreError) as error:
        sentences.append(f"{policy.model}: {context.said(error)}")
    return [sentence for sentence in sentences if sentence]


def _waiting(context: Context, policy: Policy) -> Iterator[tuple[Dropped, str]]:
    """Yield the files to be taken in, each with its declared format."""
    for path in sorted((context.settings.state / "spool" / policy.model).glob("*")):
        if path not in context.uploads and not path.name.endswith(artifacts.PARTIAL):
            yield Dropped(path, float("inf")), "auto"
    for source in policy.sources:
        for dropped in scan(inbox_below(context.settings.state, source.path), time.time()):
            if dropped.settled:
                yield dropped, source.format


def source_problems(context: Context, policy: Policy) -> list[str]:
    """Return what is wrong with the folders that a model takes files from."""
    found: list[str] = []
    for source in policy.sources:
        try:
            inbox_below(context.settings.state, source.path)
        except RefusedError as error:
            found.append(str(error))
    return found


def _take_file(context: Context, policy: Policy, dropped: Dropped, declared: str) -> str:
    path, sent = dropped.path, names.sent(dropped.path)
    try:
        batch = batch_of(context, policy, path, sent.name, declared)
        with context.busy():
            done = TAKERS[sent.what](context.database, batch)
    except InputError as error:
        if dropped.doubtful:
            return ""  # its writer may not have finished; looked at again
        _set_aside(context, policy, path, str(error))
        return f"{policy.model}: {error}; moved to quarantine/"
    _keep(context, batch, sent.what)
    return f"{policy.model}: {sentence(sent.name, done)}"


def _keep(context: Context, batch: Batch, what: str) -> None:
    """Move a file that was taken in to done/, where a rebuild finds it, once it is safe in the database."""
    with context.busy():
        context.database.checkpoint()
    kept = names.Kept(batch.now, what, batch.format, batch.source)
    put_away(batch.path, context.settings.state / "inbox" / batch.schema.model / "done" / kept.file_name)


def _set_aside(context: Context, policy: Policy, path: Path, reason: str) -> None:
    batch = Batch(context.schema(policy), path, "", path.name, context.clock())
    with context.busy():
        quarantine_file(context.database, batch, reason)
    name = names.set_aside_name(batch.now, path.name)
    put_away(path, context.settings.state / "inbox" / policy.model / "quarantine" / name)


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
    done: list[str] = []
    failed: list[str] = []
    for model, files in taken_in(context).items():
        policy = context.policy(model)
        for path in files:
            try:
                done.append(_take_again(context, policy, path))
            except InputError as error:
                failed.append(f"{path} was not taken in: {error}")
    return done, failed


def _take_again(context: Context, policy: Policy, path: Path) -> str:
    kept = names.kept(path)
    if kept is None:
        return sentence(path.name, ingest(context.database, batch_of(context, policy, path, path.name)))
    batch = batch_of(context, policy, path, kept.name, kept.format)
    then = replace(batch, now=kept.arrived, champion=_champion_at(context, policy.model, kept.arrived))
    return _taken_again(context, then, kept.what)


def _taken_again(context: Context, batch: Batch, what: str) -> str:
    try:
        return sentence(batch.path.name, TAKERS.get(what, ingest)(context.database, batch))
    except InputError as error:  # of a policy that has other columns now: dealt with, and kept with its reason
        quarantine_file(context.database, batch, str(error))
        return f"{batch.path} was not taken in: {error}"


def _champion_at(context: Context, model: str, moment: datetime) -> str | None:
    """Return the version that served at a moment: the one that gave the answers logged then."""
    before = [event.version for event in context.control.champions(model) if event.happened_at <= moment]
    return before[-1] if before else None
