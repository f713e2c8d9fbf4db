from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from maintainer.errors import BusyError, NewerError, StoreError, UnreadableError
from maintainer.store.batch import Batch
from maintainer.store.database import Database, literal, quoted, read_everything, set_aside
from maintainer.store.intake import ingest_samples

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_block_of_writes_is_kept_whole_or_not_at_all(database: Database) -> None:
    with pytest.raises(KeyError), database.writing() as db:
        db.execute("insert into batch values ('m', 's', now()::timestamp, 1, 1, 1, 1)")
        raise KeyError
    with pytest.raises(StoreError), database.writing() as db:
        db.execute("insert into batch values ('m', 's', now()::timestamp, 1, 1, 1, 1)")
        db.execute("insert into nowhere values (1)")
    with database.reading() as db:
        assert db.execute("select count(*) from batch").fetchall() == [(0,)]


def test_what_a_killed_process_spilled_is_cleared_away(tmp_path: Path) -> None:
    left, other = tmp_path / "tmp" / "duckdb_temp_1_0.tmp", tmp_path / "tmp" / "other"
    left.parent.mkdir()
    left.write_bytes(b"spilled")
    other.write_bytes(b"not ours")
    database = Database(tmp_path / "samples.duckdb")
    database.open()
    assert (left.exists(), other.exists()) == (False, True)
    database.close()


def test_a_database_of_a_newer_version_is_refused_without_advice_to_rebuild_it(tmp_path: Path) -> None:
    database = Database(tmp_path / "samples.duckdb")
    with database.writing() as db:
        db.execute("insert into migration values (999)")
    database.close()
    with pytest.raises(NewerError, match=r"has schema 999, this program knows \d+: it was written by a newer version$"):
        database.open()


def test_a_folder_named_like_a_lock_does_not_make_a_broken_database_a_busy_one(tmp_path: Path) -> None:
    path = tmp_path / "blocks of a lock" / "samples.duckdb"
    path.parent.mkdir()
    path.write_bytes(b"junk" * 5000)
    with pytest.raises(StoreError, match=r"cannot be opened: .*`maintainer doctor --repair`") as raised:
        Database(path).open()
    assert not isinstance(raised.value, BusyError)


def test_a_database_set_aside_takes_its_log_along_and_a_new_one_is_empty(
    database: Database, batch: Callable[..., Batch]
) -> None:
    ingest_samples(database, batch([("a", "2025-12-01", 1, "mon", "up")]))
    target = set_aside(database, NOW)
    assert target.exists()
    assert not list(database.path.parent.glob("samples.duckdb.wal"))
    assert read_everything(database) >= 3
    with database.reading() as db:
        assert db.execute("select count(*) from batch").fetchall() == [(0,)]


@pytest.mark.parametrize("name", ['a"b', "a'b", 'drop table "x"; --', "ä b"])
def test_names_and_texts_are_taken_literally(database: Database, name: str) -> None:
    with database.reading() as db:
        found = db.execute(f"select {literal(name)} as {quoted(name)}")
        assert [column[0] for column in found.description or ()] == [name]
        assert found.fetchall() == [(name,)]


@pytest.mark.parametrize(
    ("error", "words", "kind"),
    [
        (duckdb.IOException, 'Could not write file "t": No space left on device', StoreError),
        (duckdb.TransactionException, "Conflict on update", StoreError),
        (duckdb.OutOfMemoryException, "failed to allocate", StoreError),
        (duckdb.IOException, "Corrupt database file: computed checksum", UnreadableError),
        (duckdb.ConversionException, "Could not convert string", UnreadableError),
        (duckdb.BinderException, "Referenced column not found", UnreadableError),
    ],
)
def test_what_may_be_well_later_is_told_from_what_waiting_does_not_mend(
    database: Database, error: type[duckdb.Error], words: str, kind: type[StoreError]
) -> None:
    with pytest.raises(StoreError) as told, database.reading():
        raise error(words)
    assert type(told.value) is kind


def test_a_reader_waits_for_no_writer(database: Database) -> None:
    database.open()
    with ThreadPoolExecutor(1) as other, database.writing() as db:
        db.execute("create table big as select 1 as a")
        assert other.submit(read_everything, database).result(timeout=10) > 0
