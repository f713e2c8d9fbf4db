"""The clock's look at the inboxes and the spool: each file on its own, so that none keeps the others waiting."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from maintainer.daemon.context import Context
from maintainer.daemon.intake import PREDICTIONS, TAKERS, batch_of, keep, sentence, set_aside, take_again
from maintainer.domain.policy import Policy
from maintainer.errors import InputError, MaintainerError
from maintainer.ingest import names
from maintainer.ingest.inbox import Dropped, dropped, inbox_below, remarks, scan
from maintainer.ingest.memory import Moved, Unmoved
from maintainer.store import artifacts
from maintainer.store.mark import mark_of

log = logging.getLogger(__name__)

MOST_FAILURES = 3  # in one look at a model's files; then the store is left alone until the next
STILL_WRITTEN = timedelta(minutes=1)  # how long a file in done/ is looked at after it came there or grew

Waiting = tuple[Dropped, str]  # a file and its declared format


def take_in(context: Context, policy: Policy) -> list[str]:
    """Take in what lies in a model's spool and inboxes; return one sentence for each file.

    A file that the store does not take stays where it is until the next tick; one that breaks the program is set aside.
    """
    sentences = [*_move_left(context, policy), *_look_again(context, policy)]
    waiting = _spooled(context, policy)
    for source in policy.sources:
        try:
            folder = inbox_below(context.settings.state, source.path)
            sentences += [f"{policy.model}: {remark}" for remark in remarks(folder, time.time())]
            waiting += [(seen, source.format) for seen in scan(folder, time.time())]
        except MaintainerError as error:
            sentences.append(f"{policy.model}: {context.said(error)}")
    return [*sentences, *_take_each(context, policy, [found for found in waiting if _rests(context, found[0])])]


def notes(context: Context, policy: Policy) -> list[str]:
    """Return what of a model's inboxes needs somebody's attention."""
    found = [unmoved.reason for unmoved in context.inbox.unmoved.values() if _is_of(policy, unmoved)]
    for source in policy.sources:
        with suppress(MaintainerError):  # said by source_problems
            found += remarks(inbox_below(context.settings.state, source.path), time.time())
    return [note for note in found if note]


def source_problems(context: Context, policy: Policy) -> list[str]:
    """Return what is wrong with the folders that a model takes files from."""
    found: list[str] = []
    for source in policy.sources:
        try:
            inbox_below(context.settings.state, source.path)
        except MaintainerError as error:
            found.append(str(error))
    return found


def tidy_spool(context: Context) -> list[str]:
    """Remove what requests left that died with a former process; return a sentence if there was anything."""
    spool, removed = context.settings.state / "spool", 0
    for path in sorted(spool.glob("*/*")):  # first listed: what a request makes from now on is not among them
        upload = path.with_name(path.name.removesuffix(artifacts.PARTIAL))
        dead = path != upload or path.parent.name == PREDICTIONS
        if dead and upload not in context.uploads:
            try:
                path.unlink(missing_ok=True)
                removed += 1
            except OSError as error:
                log.warning("%s cannot be removed: %s", path, error.strerror or error)
    return [f"{removed} files removed from {spool} that were never acknowledged"] if removed else []


def _is_of(policy: Policy, unmoved: Unmoved) -> bool:
    return unmoved.batch.schema.model == policy.model


def _spooled(context: Context, policy: Policy) -> list[Waiting]:
    """Return the uploads that no request has in hand: those that a former process, or a failing store, left behind."""
    listed = sorted((context.settings.state / "spool" / policy.model).glob("*"))  # before it is asked who has them
    left = [path for path in listed if path not in context.uploads and not path.name.endswith(artifacts.PARTIAL)]
    seen = [dropped(path, float("inf")) for path in left]
    return [(upload, "auto") for upload in seen if upload is not None]


def _rests(context: Context, seen: Dropped) -> bool:
    """Return whether a file is to be taken in now."""
    held = context.inbox
    if seen.path in held.unmoved:
        return False
    if seen.age_seconds >= 0:
        return seen.settled
    before, held.future[seen.path] = held.future.get(seen.path), seen.mark
    return before == seen.mark


def _take_each(context: Context, policy: Policy, waiting: list[Waiting]) -> list[str]:
    """Take in files one by one, those last that met an error before."""
    sentences: list[str] = []
    failures, held = 0, context.inbox
    for seen, declared in sorted(waiting, key=lambda found: found[0].path in held.failed):
        try:
            sentences.append(_take_file(context, policy, seen, declared))
            held.failed.discard(seen.path)
            held.future.pop(seen.path, None)
        except Exception as error:  # whatever it is, the other files do not wait for it
            sentences.append(_survived(context, policy, seen.path, error))
            held.failed.add(seen.path)
            failures += 1
        if failures == MOST_FAILURES:
            break
    return [f"{policy.model}: {said}" for said in sentences if said]


def _take_file(context: Context, policy: Policy, seen: Dropped, declared: str) -> str:
    path, sent = seen.path, names.sent(seen.path)
    if mark_of(path) != seen.mark:
        return ""  # it is written again, or was taken in by the request that sent it
    try:
        _require_text(path.name)
        batch = batch_of(context, policy, path, names.short(sent.name), declared)
        with context.busy():
            done = TAKERS[sent.what](context.database, batch)
    except InputError as error:
        if seen.doubtful or mark_of(path) != seen.mark:
            return ""  # its writer may not have finished; looked at again
        return set_aside(context, policy, path, str(error))
    target = keep(context, batch, sent.what)
    context.inbox.moved[target] = Moved(policy.model, seen.mark, context.clock() + STILL_WRITTEN)
    return sentence(batch.source, done)


def _require_text(name: str) -> None:
    if names.readable(name) != name:
        raise InputError(f"{names.readable(name)}: its name is not UTF-8 text")


def _survived(context: Context, policy: Policy, path: Path, error: Exception) -> str:
    """Say what kept a file from being taken in; set it aside where that is no error that was foreseen."""
    name = names.readable(path.name)
    if isinstance(error, MaintainerError):
        return context.said(error) if name in str(error) else f"{name}: {context.said(error)}"
    log.error("%s: %s broke the intake", policy.model, name, exc_info=error)
    reason = f"{name}: {type(error).__name__}: {error}"
    try:
        return set_aside(context, policy, path, reason)
    except Exception as second:
        log.error("%s: %s cannot be set aside", policy.model, name, exc_info=second)
        return f"{reason}; it cannot be moved to quarantine/: {second}"


def _move_left(context: Context, policy: Policy) -> list[str]:
    """Try again to move what was taken in and is still where it was; what has changed since is taken in again."""
    sentences: list[str] = []
    for path, unmoved in list(context.inbox.unmoved.items()):
        if not _is_of(policy, unmoved) or path in context.uploads:
            continue
        if mark_of(path) != unmoved.mark:
            del context.inbox.unmoved[path]
            continue
        try:
            keep(context, unmoved.batch, unmoved.what)
        except MaintainerError as error:
            sentences.append(f"{policy.model}: {context.said(error)}")
    return sentences


def _look_again(context: Context, policy: Policy) -> list[str]:
    """Take in again what has grown in done/: whoever writes it had it open when it was moved."""
    sentences: list[str] = []
    for path, moved in list(context.inbox.moved.items()):
        if moved.model != policy.model:
            continue
        seen = dropped(path, time.time())
        if seen is None or (seen.mark == moved.mark and context.clock() >= moved.until):
            del context.inbox.moved[path]
        elif seen.mark != moved.mark and seen.settled:
            sentences.append(f"{policy.model}: {_grown(context, policy, path)}")
            until = context.clock() + STILL_WRITTEN
            context.inbox.moved[path] = replace(moved, mark=seen.mark, until=until)
    return sentences


def _grown(context: Context, policy: Policy, path: Path) -> str:
    if policy.task.id is None and policy.task.time is None:  # a row is known by its place in the very file
        return f"{path.name} has changed after it was taken in; what is new in it is not"
    try:
        return f"changed after it was taken in: {take_again(context, policy, path)}"
    except MaintainerError as error:
        return context.said(error)
