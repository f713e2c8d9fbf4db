from __future__ import annotations

import sqlite3

import pytest

from maintainer.errors import NewerError
from maintainer.store.migrate import migrate, pending, scripts


def test_each_database_has_migrations_numbered_from_one_without_a_gap() -> None:
    for folder in ("control", "samples"):
        assert [number for number, _ in scripts(folder)] == list(range(1, len(scripts(folder)) + 1))


def test_only_what_was_not_applied_is_pending() -> None:
    newest = len(scripts("samples"))
    assert pending("samples", range(1, newest + 1), "a") == []
    assert [number for number, _ in pending("samples", [1], "a")] == list(range(2, newest + 1))


def test_a_schema_from_a_newer_program_is_refused() -> None:
    with pytest.raises(NewerError, match=r"place.db has schema 70, this program knows"):
        pending("control", [1, 70], "place.db")


def test_migrating_twice_changes_nothing() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    for _ in range(2):
        migrate("control", "memory", lambda sql: list(db.execute(sql)), db.execute)
    assert [row[0] for row in db.execute("select number from migration")] == [n for n, _ in scripts("control")]
    db.close()


def test_a_migration_that_fails_in_the_middle_leaves_nothing_behind() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)

    def execute(sql: str) -> object:
        if sql.startswith("create table champion_event"):
            raise sqlite3.OperationalError("disk is full")
        return db.execute(sql)

    with pytest.raises(sqlite3.OperationalError):
        migrate("control", "memory", lambda sql: list(db.execute(sql)), execute)
    assert not db.in_transaction
    assert [row[0] for row in db.execute("select name from sqlite_master where type = 'table'")] == ["migration"]
    migrate("control", "memory", lambda sql: list(db.execute(sql)), db.execute)
    assert list(db.execute("select count(*) from champion_event")) == [(0,)]
    db.close()
