"""What is well, what is wrong and what to do about it; and the repairs that cannot make things worse.

Probed are the two databases, the disk, permissions, the path of the socket, the clock, policies, the folders that
files are taken from, champions and packages.
"""

from __future__ import annotations

import os
import shutil
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from maintainer.daemon.context import Context
from maintainer.daemon.inboxes import notes, source_problems
from maintainer.daemon.intake import rebuild, taken_in
from maintainer.daemon.operations import Operations
from maintainer.daemon.service import SOCKET_PATH_BYTES
from maintainer.errors import BusyError, MaintainerError, NewerError, RefusedError, StoreError
from maintainer.ingest import names
from maintainer.store import artifacts
from maintainer.store.control import REMEDY, Crowning
from maintainer.store.database import read_everything, set_aside
from maintainer.store.intake import arrivals

FREE_BYTES = 1 << 30
SHIFT = timedelta(milliseconds=1)  # a name in done/ that is taken moves on by microseconds
PACKAGES = ("duckdb", "torch", "onnxruntime", "evidently")

Finding = dict[str, str]


def examine(held: Operations) -> dict[str, Any]:
    """Return what each probe found, as `ok`, `warning` or `wrong`, and what to do about it."""
    probes: list[Callable[[Operations], list[Finding]]] = [_control, _store, _disk, _permissions, _socket, _clock]
    probes += [_policies, _sources, _inboxes, _versions, _packages]
    found = [finding for probe in probes for finding in probe(held)]
    return {"well": all(finding["level"] != "wrong" for finding in found), "findings": found}


def _said(level: str, about: str, found: str, do: str = "") -> Finding:
    return {"level": level, "about": about, "found": found, "do": do}


def _control(held: Operations) -> list[Finding]:
    """Probe what is needed for everything else first."""
    try:
        held.context.control.read_everything()
    except StoreError as error:
        return [_said("wrong", "control.db", str(error), REMEDY)]
    lost = [model for model in _models(held) if forgotten(held.context, model)]
    if lost:
        found = f"it does not know the champion of {', '.join(lost)}: it was lost, or is not the one of these models"
        do = "put a backup of it back while no daemon runs; or have `maintainer doctor --repair` tell it the versions"
        return [_said("wrong", "control.db", found, do)]
    return [_said("ok", "control.db", "is whole")]


def _models(held: Operations) -> list[str]:
    return sorted(path.name for path in (held.context.settings.state / "models").glob("*") if path.is_dir())


def forgotten(context: Context, model: str) -> bool:
    """Return whether a model has a champion and control.db never heard of one."""
    return artifacts.champion_of(context.model_dir(model)) is not None and not context.control.champions(model)


def _permissions(held: Operations) -> list[Finding]:
    state = held.context.settings.state
    folders = [state, *(path for path in sorted(state.iterdir()) if path.is_dir())]
    closed = [str(path) for path in folders if not os.access(path, os.R_OK | os.W_OK | os.X_OK)]
    if closed:
        do = "give them to the user that runs maintainer"
        return [_said("wrong", "permissions", f"{', '.join(closed)} cannot be read and written", do)]
    return [
        _said("ok", "permissions", f"{state} and its folders can be read and written; process {os.getpid()} owns it")
    ]


def _socket(held: Operations) -> list[Finding]:
    path = held.context.settings.socket
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        found = f"{path} is longer than the {SOCKET_PATH_BYTES} bytes of a socket's path: no daemon can listen there"
        return [_said("warning", "socket", found, "use a shorter state directory")]
    return [_said("ok", "socket", str(path))]


def _clock(held: Operations) -> list[Finding]:
    context, now = held.context, held.context.clock()
    seen = [run.created_at for run in context.control.runs(limit=1)]
    seen += [check.happened_at for model in _models(held) for check in context.control.checks(model)]
    if seen and max(seen) > now:
        found = f"it is {now:%Y-%m-%d %H:%M:%S} UTC, and the journal tells of {max(seen):%Y-%m-%d %H:%M:%S}"
        return [_said("warning", "clock", found, "see that the clock is right; it was ahead, or was set back")]
    return [_said("ok", "clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")]


def _disk(held: Operations) -> list[Finding]:
    state = held.context.settings.state
    free = shutil.disk_usage(state).free
    words = f"{free / (1 << 30):.1f} GiB free below {state}"
    if free < FREE_BYTES:
        return [_said("warning", "disk", words, "free some space: below 1 GiB a run may not find room")]
    return [_said("ok", "disk", words)]


def _store(held: Operations) -> list[Finding]:
    if _unfinished(held).exists():
        found = "a rebuild was begun and not finished: rows are missing"
        do = "maintainer doctor --repair; a file of inbox/*/done that it names as not taken in: mend it or move it away"
        return [_said("wrong", "samples.duckdb", found, do)]
    try:
        tables, missing = read_everything(held.context.database), _untaken(held)
    except BusyError as error:
        return [_said("wrong", "samples.duckdb", str(error), "end the other process")]
    except NewerError as error:
        return [_said("wrong", "samples.duckdb", str(error), "install the newer version again")]
    except MaintainerError as error:
        return [_said("wrong", "samples.duckdb", str(error), "maintainer doctor --repair")]
    if missing:
        found = f"knows nothing of {len(missing)} files that were taken in, from {missing[0]} on: it was lost or is old"
        return [_said("wrong", "samples.duckdb", found, "maintainer doctor --repair")]
    return [_said("ok", "samples.duckdb", f"opens, and all of its {tables} tables can be read")]


def _untaken(held: Operations) -> list[Path]:
    """Return the files in done/, of models with a policy, that samples.duckdb knows nothing of, oldest first."""
    context = held.context
    context.load_policies()
    found: list[Path] = []
    for model in sorted(context.policies):
        known = arrivals(context.database, model)
        for path in sorted((context.settings.state / "inbox" / model / "done").glob("*")):
            kept = names.kept(path)
            if kept is not None and not _met(known, kept.arrived):
                found.append(path)
    return found


def _met(known: list[datetime], moment: datetime) -> bool:
    """Return whether a file came then, given when files came, oldest first."""
    before = bisect_right(known, moment)
    return before > 0 and moment - known[before - 1] < SHIFT


def _policies(held: Operations) -> list[Finding]:
    held.context.load_policies()
    found = [_said("wrong", "policy", problem, "edit the file") for problem in held.context.problems]
    if not held.context.policies:
        where = held.context.settings.policies
        found.append(_said("warning", "policy", f"no policy in {where}", "maintainer init writes a first one"))
    return found or [_said("ok", "policy", f"{len(held.context.policies)} in force")]


def _sources(held: Operations) -> list[Finding]:
    do = "let the folder itself lie there, such as by a bind mount instead of a link"
    policies = [policy for _, policy in sorted(held.context.policies.items())]
    found = [(policy.model, problem) for policy in policies for problem in source_problems(held.context, policy)]
    return [_said("wrong", model, f"{problem}: its files are not taken in", do) for model, problem in found]


def _inboxes(held: Operations) -> list[Finding]:
    context = held.context
    return [
        _said("warning", f"inbox of {model}", note, "mend what it names; the next look takes it in")
        for model in sorted(context.policies)
        for note in notes(context, context.policies[model])
    ]


def _versions(held: Operations) -> list[Finding]:
    found: list[Finding] = []
    for model in sorted(held.context.policies):
        folder = held.context.model_dir(model)
        serving = artifacts.champion_of(folder)
        if serving is None:
            found.append(_said("warning", model, "no champion yet", f"maintainer bootstrap {model}"))
            continue
        try:
            wrong = artifacts.problems_of(folder / "versions" / serving)
        except MaintainerError as error:
            wrong = [str(error)]
        if wrong:
            found.append(
                _said("wrong", model, f"champion {serving}: {'; '.join(wrong)}", f"maintainer rollback {model}")
            )
        else:
            found.append(_said("ok", model, f"champion {serving} is whole"))
    return found


def _packages(held: Operations) -> list[Finding]:
    del held
    try:
        return [_said("ok", "packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES))]
    except PackageNotFoundError as error:
        return [_said("wrong", "packages", f"{error.name} is not installed", "install maintainer again")]


def repair(held: Operations) -> list[str]:
    """Set a database aside that cannot be read, and rebuild it from the files that were taken in.

    One that can be read and knows nothing of some of them is completed. A rebuild that is cut short, or that could not
    take in every file, is taken up again by the next repair. Where control.db does not know the champions it is told of
    them.

    Raises:
        BusyError: another process has the database.
        NewerError: a newer version of the program wrote it.
        RefusedError: files were taken in for a model that has no policy in force; nothing was set aside.
    """
    context, database, unfinished = held.context, held.context.database, _unfinished(held)
    context.load_policies()
    done = [_remember(context, model) for model in _models(held) if forgotten(context, model)]
    try:
        read_everything(database)
        if not unfinished.exists() and not _untaken(held):
            return done or ["nothing to repair"]
        _require_policies(context)
        artifacts.write_text(unfinished, "rebuilding\n")
    except (BusyError, NewerError):
        raise
    except StoreError:
        _require_policies(context)
        artifacts.write_text(unfinished, "rebuilding\n")
        done.append(f"{database.path} set aside as {set_aside(database, context.clock()).name}")
    _require_policies(context)
    context.adopted.clear()
    context.profiles.clear()
    context.calibrations.clear()
    taken, failed = rebuild(context)
    if not failed:
        unfinished.unlink()
    return [*done, *taken, *failed]


def _require_policies(context: Context) -> None:
    """Refuse to rebuild while there is a model whose rows could not be taken in."""
    without = {model: len(files) for model, files in taken_in(context).items() if model not in context.policies}
    if without:
        told = ", ".join(f"{model} ({count} files in inbox/{model}/done)" for model, count in without.items())
        wanted = "put it back (`maintainer policy check`), or move the files away"
        raise RefusedError(f"samples.duckdb cannot be rebuilt: no policy is in force of {told}; {wanted}")


def _remember(context: Context, model: str) -> str:
    """Tell control.db which versions a model has, in the order they were made, the one that serves last."""
    folder = context.model_dir(model)
    serving = artifacts.champion_of(folder)
    manifests = [
        artifacts.read_manifest(path.parent) for path in (folder / "versions").glob(f"v*/{artifacts.MANIFEST}")
    ]
    for found in sorted(manifests, key=lambda manifest: (manifest.version == serving, manifest.created_at)):
        cause = "found on disk"
        context.control.crown(Crowning(model, found.version, found.created_at, cause, "maintainer", "repair"))
    return f"control.db knows the versions of {model} again"


def _unfinished(held: Operations) -> Path:
    """Return the file that is there while samples.duckdb is being rebuilt."""
    return held.context.database.path.with_suffix(".rebuilding")
