"""The record of a run that starts now, and what the first one of a model starts from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from maintainer.daemon.context import Context
from maintainer.domain.policy import Policy, policy_hash
from maintainer.errors import RefusedError
from maintainer.store import bases
from maintainer.store.control import RunRecord
from maintainer.store.windows import Reader


def next_run(
    context: Context, policy: Policy, reason: str, triggers: tuple[str, ...] = (), check_id: str | None = None
) -> RunRecord:
    """Return the record of a run that would start now.

    Raises:
        RefusedError: one is under way.
    """
    model = policy.model
    under_way = context.control.open_runs(model)
    if under_way:
        raise RefusedError(f"run {under_way[0].id} of {model} is under way; one run of a model at a time")
    number = _next_number(context, model)
    champion = context.champion(model)
    now = context.clock()
    return RunRecord(
        id=f"{model}-{number:04d}",
        model=model,
        number=number,
        created_at=now,
        reason=reason,
        triggers=triggers,
        policy_hash=policy_hash(policy),
        champion=champion.version if champion else None,
        version=f"v{number:04d}",
        check_id=check_id,
        labels_known=Reader(context.database, context.schema(policy), now).labels_known(),
    )


def _next_number(context: Context, model: str) -> int:
    """Return a number above all that the journal and the disk know: a lost journal must not meet old artifacts."""
    journal = (record.number for record in context.control.runs(model, limit=1))
    runs = _numbers(context.settings.state / "runs", f"{model}-")
    versions = _numbers(context.model_dir(model) / "versions", "v")
    return 1 + max((*journal, *runs, *versions), default=0)


def _numbers(folder: Path, before: str) -> Iterator[int]:
    """Yield the numbers in the names of a folder's entries that are `before` and a number."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if match := re.fullmatch(re.escape(before) + r"(\d{4,})", path.name):
            yield int(match[1])


def take_base(context: Context, policy: Policy, archive: Path) -> Path:
    """Make a packed `save_pretrained` directory what new weights of a model start from; return where it lies.

    Raises:
        RefusedError: the model starts from nothing, or from what its policy names, or it has a champion already.
        InputError: it is no such archive.
    """
    model, base = policy.model, policy.base
    if base.family != "huggingface" or base.path is not None:
        found = f"base.path {base.path}" if base.path else f"base.family {base.family}"
        raise RefusedError(f"policy {model} has {found}; --from wants base: {{family: huggingface}} without a path")
    if champion := context.champion(model):
        raise RefusedError(f"{model} has a champion, {champion.version}; `maintainer train {model}` tunes it")
    target = context.settings.base_dir(model, None)
    bases.unpack(archive, target)
    return target
