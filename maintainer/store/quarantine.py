"""Rows and files that were refused, kept with the reason; the same row of the same file is set aside once."""

from __future__ import annotations

from maintainer.errors import InputError
from maintainer.store.artifacts import sha256
from maintainer.store.batch import Batch, utc
from maintainer.store.database import Connection, Database
from maintainer.store.reading import KEPT, RawFile


def digest_of(batch: Batch) -> str:
    """Return the sha256 of a batch's file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return sha256(batch.path)
    except OSError as error:
        raise InputError(f"{batch.source} cannot be read: {error.strerror or error}") from error


def quarantine_rows(db: Connection, batch: Batch, digest: str, kind: str, reason: str) -> int:
    """Set aside the staged rows for which the SQL `reason` says why; return how many there are."""
    return _keep(
        db,
        batch,
        digest,
        f"select _row, '{kind}', {reason}, coalesce(_found, '') from staged where {reason} is not null",
    )


def quarantine_rejects(db: Connection, batch: Batch, digest: str, kind: str, raw: RawFile) -> int:
    """Set aside the lines that are no rows of a file that was read; return how many there are."""
    return _keep(db, batch, digest, f"select line, '{kind}', reason, left(content, {KEPT}) from ({raw.rejects})")


def _keep(db: Connection, batch: Batch, digest: str, query: str) -> int:
    db.execute(f"create or replace temp table refused as select * from ({query}) r(row_number, kind, reason, content)")
    db.execute(
        "insert into quarantine (model, source, row_number, kind, reason, content, arrived, digest) "
        "select ?, ?, row_number, kind, reason, content, ?, ? from refused r where not exists "
        "(select 1 from quarantine q where q.model = ? and q.digest = ? and q.row_number = r.row_number "
        "and q.kind = r.kind and q.reason = r.reason)",
        [batch.schema.model, batch.source, utc(batch.now), digest, batch.schema.model, digest],
    )
    row = db.execute("select count(*) from refused").fetchone()
    return int(row[0]) if row else 0


def quarantine_file(database: Database, batch: Batch, reason: str) -> None:
    """Note that a whole file was set aside, with the reason."""
    try:
        digest = digest_of(batch)
    except InputError:  # that it cannot be read may be the very reason
        digest = ""
    with database.writing() as db:
        db.execute("create or replace temp table whole as select ? as reason", [reason])
        _keep(db, batch, digest, "select 0, 'file', reason, '' from whole")
