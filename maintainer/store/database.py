"""The one connection to samples.duckdb: opened late, reopened after a fatal error, errors said in words."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb

from maintainer.errors import BusyError, StoreError, UnreadableError
from maintainer.store.migrate import migrate

Connection = duckdb.DuckDBPyConnection
DAMAGE = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException)  # what a damaged file leads to

LOCKED = "Could not set lock on file"  # as DuckDB says it; the path in its message may hold any word


class Database:
    """samples.duckdb; each use gets a cursor of its own, writers take turns."""

    def __init__(self, path: Path, memory_mb: int = 1024, threads: int = 2) -> None:
        self._path = path
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{memory_mb}MB",
            "threads": threads,
            "temp_directory": str(path.parent / "tmp"),
            "python_enable_replacements": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._lock = threading.RLock()
        self._db: Connection | None = None

    @property
    def path(self) -> Path:
        """Return where the database lies."""
        return self._path

    def open(self) -> Connection:
        """Return the open database, opening and migrating it when needed.

        Raises:
            StoreError: it cannot be opened; says what to do.
        """
        held = self._db
        if held is not None:  # without the lock, which a writer keeps for as long as its transaction lasts
            return held
        with self._lock:
            if self._db is None:
                self._db = self._opened()
            return self._db

    def _opened(self) -> Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = duckdb.connect(str(self._path), config=self._config)
            for left in (self._path.parent / "tmp").glob("duckdb_temp_*"):  # by a process that was killed
                left.unlink(missing_ok=True)
            try:
                db.execute("set TimeZone = 'UTC'")
                migrate("samples", str(self._path), lambda sql: db.execute(sql).fetchall(), db.execute)
            except BaseException:
                db.close()
                raise
        except (duckdb.Error, OSError) as error:
            raise self._not_opened(error) from error
        return db

    def _not_opened(self, error: Exception) -> StoreError:
        said = f"{self._path} cannot be opened: {_first_line(error)}"
        if LOCKED in str(error) and isinstance(error, duckdb.IOException):
            return BusyError(f"{said}; wanted to be its only user")
        return StoreError(f"{said}; `maintainer doctor --repair` sets it aside and rebuilds it from what was taken in")

    def close(self) -> None:
        """Write everything into the database file and let go of it."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Give a cursor to read with; it waits for no writer."""
        cursor = self._cursor()
        try:
            cursor.execute("set TimeZone = 'UTC'")
            yield cursor
        except duckdb.Error as error:
            raise self._said(error) from error
        finally:
            cursor.close()

    def _cursor(self) -> Connection:
        try:
            return self.open().cursor()
        except duckdb.Error as error:  # closed by another thread in between
            raise self._said(error) from error

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """Give a cursor inside a transaction: all of the block is kept, or nothing."""
        with self._lock, self.reading() as cursor:
            cursor.execute("begin")
            try:
                yield cursor
                cursor.execute("commit")
            except BaseException as error:
                if not isinstance(error, duckdb.FatalException):
                    self._rollback(cursor)
                raise

    def checkpoint(self) -> None:
        """Move what is in the write-ahead log into the database file."""
        with self._lock, self.reading() as cursor:
            cursor.execute("checkpoint")

    def _rollback(self, cursor: Connection) -> None:
        try:
            cursor.execute("rollback")
        except duckdb.TransactionException:  # the failed statement has ended the transaction already
            return
        except duckdb.FatalException:  # the failed statement has invalidated the database: opened again at the next use
            self.close()

    def _said(self, error: duckdb.Error) -> StoreError:
        if isinstance(error, duckdb.FatalException):  # the database refuses everything until it is opened again
            self.close()
        hint = "; `maintainer doctor` reads every table and says what to do" if isinstance(error, DAMAGE) else ""
        kind = StoreError if _passes(error) else UnreadableError
        return kind(f"{self._path}: {_first_line(error)}{hint}")


def _passes(error: duckdb.Error) -> bool:
    """Return whether it may be well later: no damage, and no statement that can never be done."""
    return isinstance(error, (duckdb.OperationalError, duckdb.FatalException)) and "orrupt" not in str(error)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def quoted(name: str) -> str:
    """Return an identifier that SQL takes literally."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a string literal that SQL takes literally."""
    return "'" + text.replace("'", "''") + "'"


def file_literal(path: Path) -> str:
    """Return the literal of a path that means this file alone: DuckDB takes * ? and [ in a path for a pattern."""
    return literal(re.sub(r"[\[*?]", r"[\g<0>]", str(path)))


def parquet(path: Path) -> str:
    """Return a Parquet file as a relation of its own columns; folders named like `day=1` add none."""
    return f"read_parquet({file_literal(path)}, hive_partitioning = false)"


def read_everything(database: Database) -> int:
    """Read every value of every table, so that a damaged block shows; return the number of tables.

    Raises:
        StoreError: something cannot be read.
    """
    with database.reading() as db:
        names = db.execute("select schema_name, table_name from duckdb_tables() where not temporary").fetchall()
        for schema, name in names:
            db.execute(f"select bit_xor(hash(t)) from {quoted(str(schema))}.{quoted(str(name))} t").fetchone()
    return len(names)


def set_aside(database: Database, now: datetime) -> Path:
    """Move a database that will not open out of the way, its write-ahead log too; return where it lies now.

    Raises:
        StoreError: it cannot be moved.
    """
    database.close()
    path = database.path
    target = path.with_name(f"{path.name}.{now:%Y%m%dT%H%M%S%f}.broken")
    try:
        for suffix in (".wal", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(target.with_name(target.name + suffix))
    except OSError as error:
        raise StoreError(f"{path} cannot be set aside: {error.strerror or error}") from error
    return target
