"""What is well, what is wrong and what to do about it; and the repairs that cannot make things worse."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from maintainer.daemon.inboxes import notes
from maintainer.daemon.intake import rebuild
from maintainer.daemon.operations import Operations
from maintainer.errors import BusyError, MaintainerError, NewerError, StoreError
from maintainer.store import artifacts
from maintainer.store.database import read_everything, set_aside

FREE_BYTES = 1 << 30
PACKAGES = ("duckdb", "torch", "onnxruntime", "evidently")

Finding = dict[str, str]


def examine(held: Operations) -> dict[str, Any]:
    """Return every check with `ok`, `warning` or `wrong`, what was found, and what to do."""
    probes: list[Callable[[Operations], list[Finding]]] = [_disk, _store, _policies, _inboxes, _versions, _packages]
    found = [finding for probe in probes for finding in probe(held)]
    return {"well": all(finding["level"] != "wrong" for finding in found), "findings": found}


def _said(level: str, about: str, found: str, do: str = "") -> Finding:
    return {"level": level, "about": about, "found": found, "do": do}


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
        return [_said("wrong", "samples.duckdb", found, "maintainer doctor --repair")]
    try:
        tables = read_everything(held.context.database)
    except BusyError as error:
        return [_said("wrong", "samples.duckdb", str(error), "end the other process")]
    except NewerError as error:
        return [_said("wrong", "samples.duckdb", str(error), "install the newer version again")]
    except MaintainerError as error:
        return [_said("wrong", "samples.duckdb", str(error), "maintainer doctor --repair")]
    return [_said("ok", "samples.duckdb", f"opens, and all of its {tables} tables can be read")]


def _policies(held: Operations) -> list[Finding]:
    held.context.load_policies()
    found = [_said("wrong", "policy", problem, "edit the file") for problem in held.context.problems]
    if not held.context.policies:
        where = held.context.settings.policies
        found.append(_said("warning", "policy", f"no policy in {where}", "maintainer init writes a first one"))
    return found or [_said("ok", "policy", f"{len(held.context.policies)} in force")]


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

    A rebuild that is cut short is taken up again by the next repair.

    Raises:
        BusyError: another process has the database.
        NewerError: a newer version of the program wrote it.
    """
    database, unfinished = held.context.database, _unfinished(held)
    done: list[str] = []
    try:
        read_everything(database)
        if not unfinished.exists():
            return ["nothing to repair"]
    except (BusyError, NewerError):
        raise
    except StoreError:
        artifacts.write_text(unfinished, "rebuilding\n")
        done.append(f"{database.path} set aside as {set_aside(database, held.context.clock()).name}")
    held.context.adopted.clear()
    held.context.profiles.clear()
    held.context.load_policies()
    done += rebuild(held.context)
    unfinished.unlink()
    return done


def _unfinished(held: Operations) -> Path:
    """Return the file that is there while samples.duckdb is being rebuilt."""
    return held.context.database.path.with_suffix(".rebuilding")
