"""Numbered migrations, each applied once and in order, for both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.resources import files

from maintainer.errors import NewerError


def scripts(folder: str) -> list[tuple[int, str]]:
    """Return (number, SQL) of the migrations in a folder of this package, in order."""
    found = files("maintainer.store").joinpath("migrations", folder).iterdir()
    named = sorted((entry.name, entry.read_text()) for entry in found if entry.name.endswith(".sql"))
    return [(int(name.split("_")[0]), text) for name, text in named]


def pending(folder: str, applied: Iterable[int], name: str) -> list[tuple[int, str]]:
    """Return the migrations still to be applied.

    Raises:
        NewerError: the database was written by a newer version of the program.
    """
    known = scripts(folder)
    newest, last = known[-1][0], max(applied, default=0)
    if last > newest:
        raise NewerError(f"{name} has schema {last}, this program knows {newest}: it was written by a newer version")
    return [(number, text) for number, text in known if number > last]


def migrate(folder: str, name: str, query: Callable[[str], list[tuple[int]]], execute: Callable[[str], object]) -> None:
    """Bring a database up to date; each migration and its mark are one transaction."""
    execute("create table if not exists migration (number integer primary key)")
    for number, text in pending(folder, (row[0] for row in query("select number from migration")), name):
        execute("begin")
        try:
            for statement in _statements(text):
                execute(statement)
            execute(f"insert into migration values ({number})")
            execute("commit")
        except BaseException:
            execute("rollback")
            raise


def _statements(text: str) -> list[str]:
    code = "\n".join(line.split("--")[0] for line in text.splitlines())
    return [part.strip() for part in code.split(";") if part.strip()]
