"""Files from the inboxes, the spool and the API into the store; each ends in done/ or quarantine/."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from maintainer.daemon.context import Context
from maintainer.domain.policy import Policy
from maintainer.errors import InputError, StoreError
from maintainer.ingest.inbox import Dropped, arrived, inbox_below, put_away, scan
from maintainer.store import artifacts
from maintainer.store.intake import Batch, Ingested, ingest_labels, ingest_samples, quarantine_file
from maintainer.store.reading import format_of
from maintainer.store.taking import ingest


def batch_of(context: Context, policy: Policy, path: Path, source: str, declared: str = "auto") -> Batch:
    """Return a file as a batch of a model that arrives now."""
    form = format_of(Path(source), declared)
    champion = artifacts.champion_of(context.model_dir(policy.model))
    return Batch(context.schema(policy), path, form, source, context.clock(), champion)


def upload_path(context: Context, folder: str, name: str) -> Path:
    """Return where an upload of this name is written before it is acknowledged; the name cannot leave the spool."""
    spool = context.settings.state / "spool" / folder
    try:
        spool.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{spool} cannot be made: {error.strerror or error}") from error
    return spool / f"{uuid4().hex}-{Path(name).name}"


def publish_upload(partial: Path, path: Path) -> None:
    """Make an upload durable and visible to whoever takes in what lies in the spool."""
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
    try:
        batch = batch_of(context, policy, path, name)
        done = (ingest_labels if labels else ingest_samples)(context.database, batch)
    except InputError:
        path.unlink(missing_ok=True)
        raise
    _keep(context, policy, path)
    return done


def take_in(context: Context, policy: Policy) -> list[str]:
    """Take in what lies in a model's spool and inboxes; return one sentence for each file."""
    sentences: list[str] = []
    for path in sorted((context.settings.state / "spool" / policy.model).glob("*")):
        if not path.name.endswith(artifacts.PARTIAL):
            sentences.append(_take_file(context, policy, Dropped(path, float("inf")), "auto"))
    for source in policy.sources:
        for dropped in scan(inbox_below(context.settings.state, source.path), time.time()):
            if dropped.settled:
                sentences.append(_take_file(context, policy, dropped, source.format))
    return [sentence for sentence in sentences if sentence]


def _take_file(context: Context, policy: Policy, dropped: Dropped, declared: str) -> str:
    path = dropped.path
    try:
        batch = batch_of(context, policy, path, path.name, declared)
        done = ingest(context.database, batch)
    except InputError as error:
        if dropped.doubtful:
            return ""  # its writer may not have finished; looked at again
        _set_aside(context, policy, path, str(error))
        return f"{policy.model}: {error}; moved to quarantine/"
    _keep(context, policy, path)
    return f"{policy.model}: {sentence(path.name, done)}"


def _keep(context: Context, policy: Policy, path: Path) -> None:
    context.database.checkpoint()
    put_away(path, context.settings.state / "inbox" / policy.model / "done", context.clock())


def _set_aside(context: Context, policy: Policy, path: Path, reason: str) -> None:
    batch = Batch(context.schema(policy), path, "", path.name, context.clock())
    quarantine_file(context.database, batch, reason)
    put_away(path, context.settings.state / "inbox" / policy.model / "quarantine", context.clock())


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


def rebuild(context: Context) -> list[str]:
    """Take in again every file that was ever taken in, oldest first, as of the time it arrived."""
    sentences: list[str] = []
    for model in sorted(context.policies):
        policy = context.policy(model)
        for path in sorted((context.settings.state / "inbox" / model / "done").glob("*")):
            batch = batch_of(context, policy, path, path.name)
            moment: datetime = arrived(path) or context.clock()
            again = Batch(batch.schema, path, batch.format, path.name, moment, batch.champion)
            try:
                sentences.append(sentence(path.name, ingest(context.database, again)))
            except InputError as error:
                sentences.append(str(error))
    return sentences


