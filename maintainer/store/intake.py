"""A file's rows into the tables of a model in one transaction: typed, checked, without doubles; the bad set aside."""

from __future__ import annotations

from maintainer.domain.sample import Schema
from maintainer.errors import InputError
from maintainer.store.batch import Batch, Ingested, utc
from maintainer.store.database import Connection, Database, literal, quoted
from maintainer.store.quarantine import digest_of, quarantine_rejects, quarantine_rows
from maintainer.store.reading import RawFile, fault_of_file, raw_file
from maintainer.store.staging import LabelColumns, feature_list, labels_query, samples_query
from maintainer.store.tables import table

__all__ = ["Batch", "Ingested", "ingest_labels", "ingest_samples"]


def ingest_samples(database: Database, batch: Batch) -> Ingested:
    """Take in samples, with their labels where the file has the label column.

    Raises:
        InputError: nothing of the file can be read; nothing was stored.
        StoreError: the store did not take it; nothing was stored.
    """
    schema = batch.schema
    own = {name for name in (schema.id, schema.time) if name}
    wanted = own | {c.name for c in schema.features} | {schema.label, schema.prediction}
    with database.writing() as db, raw_file(db, batch.file, frozenset(wanted)) as raw:
        digest = digest_of(batch)
        _require(batch, raw, own)
        _stage(db, batch, samples_query(batch, raw))
        _mark_doubles(db, schema)
        stored = _insert_samples(db, batch)
        labels, unmatched = _insert_labels(db, batch)
        bad = quarantine_rows(db, batch, digest, "sample", "_problem")
        rejected = quarantine_rejects(db, batch, digest, "sample", raw)
        raw.require_whole(_staged(db) + rejected)
        done = Ingested(
            rows=_staged(db) + rejected,
            stored=stored,
            duplicate=_staged(db) - stored - bad,
            quarantined=bad + rejected,
            labels=labels,
            labels_quarantined=quarantine_rows(db, batch, digest, "label", "_label_problem"),
            unmatched=unmatched,
            unknown_columns=tuple(sorted(raw.columns.keys() - wanted)),
            absent_columns=tuple(c.name for c in schema.features if c.name not in raw.columns),
        )
        _record(db, batch, done)
    return done


def ingest_labels(database: Database, batch: Batch) -> Ingested:
    """Take in late labels: an id, a label and, when given, the time it was made.

    Raises:
        InputError: nothing of the file can be read; nothing was stored.
        StoreError: the store did not take it; nothing was stored.
    """
    schema = batch.schema
    names = {"id", "label", "time", schema.label, *(n for n in (schema.id, schema.time) if n)}
    with database.writing() as db, raw_file(db, batch.file, frozenset(names)) as raw:
        digest = digest_of(batch)
        _stage(db, batch, labels_query(batch, raw, _label_columns(batch, raw)))
        labels, unmatched = _insert_labels(db, batch)
        bad = quarantine_rows(db, batch, digest, "label", "coalesce(_problem, _label_problem)")
        rejected = quarantine_rejects(db, batch, digest, "label", raw)
        raw.require_whole(_staged(db) + rejected)
        done = Ingested(
            rows=_staged(db) + rejected,
            duplicate=_staged(db) - labels - bad,
            quarantined=bad + rejected,
            labels=labels,
            unmatched=unmatched,
            unknown_columns=tuple(sorted(raw.columns.keys() - names)),
        )
        _record(db, batch, done)
    return done


def _require(batch: Batch, raw: RawFile, own: set[str]) -> None:
    found = ", ".join(list(raw.columns)[:12])
    for name in sorted(own - raw.columns.keys()):
        raise InputError(f"{batch.source}: column {name} is missing; found {found}")
    if not any(c.name in raw.columns for c in batch.schema.features):
        features = ", ".join(c.name for c in batch.schema.features)
        raise InputError(f"{batch.source}: has none of the features {features}; found {found}")


def _label_columns(batch: Batch, raw: RawFile) -> LabelColumns:
    schema = batch.schema

    def first(*options: str) -> str | None:
        return next((name for name in options if name in raw.columns), None)

    identity, label = first(schema.id or "id", "id"), first(schema.label, "label")
    if identity is None or label is None:
        found = ", ".join(list(raw.columns)[:12])
        wanted = f"{schema.id or 'id'}, {schema.label} and, if known, time"
        raise InputError(f"{batch.source}: found columns {found}; wanted {wanted}")
    return LabelColumns(identity, label, first(schema.time or "time", "time"))


def _stage(db: Connection, batch: Batch, query: str) -> None:
    """Read the whole file into a table of this transaction."""
    with fault_of_file(batch.file):
        db.execute(f"create or replace temp table staged as {query}")


def _staged(db: Connection) -> int:
    row = db.execute("select count(*) from staged").fetchone()
    return int(row[0]) if row else 0


def _mark_doubles(db: Connection, schema: Schema) -> None:
    """Mark what is stored already or twice in the batch; the same id with other content is a problem."""
    sample = table(schema.model, "sample")
    db.execute(  # first which keys are met again: most files have none, and the rest of the work is on these alone
        "create or replace temp table met as select _key from staged where _problem is null group by _key "
        f"having count(*) > 1 union select _key from staged where _key in (select _key from {sample})"
    )
    db.execute(
        "create or replace temp table double as select b._row, "
        "row_number() over w > 1 or s._content is not null as again, "
        "coalesce(s._content, first_value(b._content) over w) <> b._content as other "
        f"from staged b left join (select _key, _content from {sample} where _key in (select _key from met)) s "
        "on s._key = b._key where b._problem is null and b._key in (select _key from met) "
        "window w as (partition by b._key order by b._row)"
    )
    found = ", ".join(f"{literal(c.name)}: {quoted(c.name)}" for c in schema.features)
    db.execute(
        "update staged set _problem = 'id ' || _id || ' is stored already with other content', _found = "
        f"to_json({{'id': _id, {found}}})::varchar "
        "where _row in (select _row from double where other)"
    )


def _insert_samples(db: Connection, batch: Batch) -> int:
    features = feature_list(batch.schema)
    version = f"case when _prediction is not null then {literal(batch.champion)} end" if batch.champion else "null"
    row = db.execute(
        f"insert into {table(batch.schema.model, 'sample')} "
        f"(_key, _id, _time, _arrived, _content, _version, _prediction, {features}) "
        f"select _key, _id, _time, ?, _content, {version}, _prediction, {features} from staged "
        "where _problem is null and _row not in (select _row from double where again) order by _time",
        [utc(batch.now)],
    ).fetchone()
    return int(row[0]) if row else 0


def _insert_labels(db: Connection, batch: Batch) -> tuple[int, int]:
    """Append labels that are new or correct a former one; return how many, and how many have no sample yet."""
    model = batch.schema.model
    db.execute(
        "create or replace temp table candidate as select _key, arg_max(_id, _row) as _id, "
        "arg_max(_label, _row) as value, arg_max(_time, _row) as _time from staged "
        "where _problem is null and _label_problem is null and _label is not null group by _key"
    )
    known = (
        f"select _key, arg_max(value, rowid) as value from {table(model, 'label')} "
        "where _key in (select _key from candidate) group by _key"
    )
    row = db.execute(
        f"insert into {table(model, 'label')} select c._key, c._id, c.value, c._time, ? from candidate c "
        f"left join ({known}) k on k._key = c._key where k._key is null or k.value <> c.value",
        [utc(batch.now)],
    ).fetchone()
    unmatched = db.execute(
        f"select count(*) from candidate where _key not in (select _key from {table(model, 'sample')})"
    ).fetchone()
    return int(row[0]) if row else 0, int(unmatched[0]) if unmatched else 0


def _record(db: Connection, batch: Batch, done: Ingested) -> None:
    db.execute(
        "insert into batch values (?, ?, ?, ?, ?, ?, ?)",
        [
            *(batch.schema.model, batch.source, utc(batch.now)),
            *(done.stored, done.duplicate, done.quarantined, done.labels),
        ],
    )
