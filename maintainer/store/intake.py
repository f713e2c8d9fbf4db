"""A file's rows into the tables of a model in one transaction: typed, checked, without doubles; the bad set aside."""

from __future__ import annotations

from datetime import UTC, datetime

from maintainer.domain.sample import Schema
from maintainer.errors import InputError
from maintainer.store.batch import Batch, Ingested, utc
from maintainer.store.database import Connection, Database, literal, quoted
from maintainer.store.quarantine import digest_of, quarantine_rejects, quarantine_rows
from maintainer.store.reading import RawFile, fault_of_file, raw_file
from maintainer.store.staging import LabelColumns, feature_list, json_text, labels_query, samples_query
from maintainer.store.tables import newest_labels, table
from maintainer.store.thin import THINNED, below, thin_table

__all__ = ["Batch", "Ingested", "arrivals", "ingest_labels", "ingest_samples"]

OWN_LABELS = (  # a label that comes with its sample is as old as the sample, and no younger when the file comes again
    "(select b.* replace (coalesce(k._time, b._time) as _time) from staged b left join kept k on k._key = b._key)"
)


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
        _stage(db, batch, samples_query(batch, raw, digest))
        _mark_doubles(db, schema)
        stored = _insert_samples(db, batch)
        labels, unmatched = _insert_labels(db, batch, OWN_LABELS)
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
        labels, unmatched = _insert_labels(db, batch, "staged")
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
    """Mark what is stored already or twice in the batch; the same id with other content is a problem.

    Columns are compared one by one, and a value that one side lacks contradicts nothing: features may be added to the
    policy, taken out and put in another order, and a file that comes again still holds the same samples.
    """
    _keep_met(db, schema)
    compared = [*(["_time"] if schema.time is not None else []), *(c.name for c in schema.features)]
    other = " or ".join(f"b.{quoted(name)} <> k.{quoted(name)}" for name in compared)
    db.execute(
        "create or replace temp table double as select b._row, b._row is distinct from k._row as again, "
        f"coalesce({other}, false) as other from staged b join kept k on k._key = b._key where b._problem is null"
    )
    found = json_text({"_id": "_id", **{c.name: quoted(c.name) for c in schema.features}})
    db.execute(
        "update staged set _problem = 'id ' || _id || ' is stored already with other content', "
        f"_found = {found} where _row in (select _row from double where other)"
    )


def _keep_met(db: Connection, schema: Schema) -> None:
    """Make the table `kept`: of each key that is met again the sample that is stored, else the first of the batch."""
    sample, features = table(schema.model, "sample"), feature_list(schema)
    db.execute(  # most files have none, and the rest of the work is on these alone
        "create or replace temp table met as select _key from staged where _problem is null group by _key "
        f"having count(*) > 1 union select _key from staged where _key in (select _key from {sample})"
    )
    db.execute(
        f"create or replace temp table kept as select _key, _time, {features}, cast(null as bigint) as _row "
        f"from {sample} where _key in (select _key from met)"
    )
    db.execute(
        f"insert into kept select _key, _time, {features}, _row from staged where _problem is null "
        "and _key in (select _key from met) and _key not in (select _key from kept) "
        "qualify row_number() over (partition by _key order by _row) = 1"
    )


def _insert_samples(db: Connection, batch: Batch) -> int:
    features = feature_list(batch.schema)
    version = f"case when _prediction is not null then {literal(batch.champion)} end" if batch.champion else "null"
    inserted = [
        db.execute(
            f"insert into {table(batch.schema.model, thin_table(every))} "
            f"(_key, _id, _time, _arrived, _version, _prediction, {features}) "
            f"select _key, _id, _time, ?, {version}, _prediction, {features} from staged where {below(1 / every)} "
            "and _problem is null and _row not in (select _row from double where again) order by _time",
            [utc(batch.now)],
        ).fetchone()
        for every in (1, *THINNED)
    ]
    return int(inserted[0][0]) if inserted[0] else 0


def _insert_labels(db: Connection, batch: Batch, relation: str) -> tuple[int, int]:
    """Append labels that are the newest of their sample, by the time of the label, and differ from the former one.

    A label that was kept before is no news, so that a file that comes again does not take a correction back. Return how
    many were appended, and how many of the batch have no sample yet.
    """
    model = batch.schema.model
    db.execute(
        f"create or replace temp table candidate as select _key, _id, _label as value, _time from {relation} "
        "where _labelled qualify row_number() over (partition by _key order by _time desc, _row desc) = 1"
    )
    row = db.execute(
        f"insert into {table(model, 'label')} select c._key, c._id, c.value, c._time, ? from candidate c left join "
        f"({newest_labels(model, '_key in (select _key from candidate)')}) n on n._key = c._key where n._key is null "
        "or n.value <> c.value and row(c._time, ?::timestamp) >= row(n._time, n._arrived) and not exists "
        f"(select 1 from {table(model, 'label')} l where l._key = c._key and l.value = c.value and l._time = c._time)",
        [utc(batch.now), utc(batch.now)],
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


def arrivals(database: Database, model: str) -> list[datetime]:
    """Return when files of a model came that were taken in, or refused whole; oldest first."""
    with database.reading() as db:
        rows = db.execute(
            "select arrived from batch where model = $model union all "
            "select arrived from quarantine where model = $model and kind = 'file' order by arrived",
            {"model": model},
        ).fetchall()
    return [row[0].replace(tzinfo=UTC) for row in rows]
