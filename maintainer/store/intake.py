"""A file's rows into the tables of a model in one transaction: typed, checked, without doubles; the bad set aside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from maintainer.domain.sample import Schema
from maintainer.errors import InputError
from maintainer.store import contract
from maintainer.store.database import Connection, Database, literal, quoted
from maintainer.store.reading import RawFile, raw_file
from maintainer.store.tables import SQL_TYPES, table

FUTURE = timedelta(hours=1)  # how far ahead of now an event may be: clocks differ
KEPT = 4000  # characters kept of a quarantined row


@dataclass(frozen=True, slots=True)
class Batch:
    """What is taken in, for whom, and when."""

    schema: Schema
    path: Path
    format: str
    source: str  # the name of the file as the sender knows it
    now: datetime
    champion: str | None = None  # the version that answered, where predictions are logged


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch: rows = stored + duplicate + quarantined."""

    rows: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    labels: int = 0
    labels_quarantined: int = 0
    unmatched: int = 0  # labels whose sample is not here (yet)
    unknown_columns: tuple[str, ...] = ()
    absent_columns: tuple[str, ...] = ()


def utc(moment: datetime) -> datetime:
    """Return an aware moment as DuckDB keeps it: naive UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def ingest_samples(database: Database, batch: Batch) -> Ingested:
    """Take in samples, with their labels where the file has the label column.

    Raises:
        InputError: nothing of the file can be read; nothing was stored.
        StoreError: the store did not take it; nothing was stored.
    """
    schema = batch.schema
    own = {name for name in (schema.id, schema.time) if name}
    wanted = own | {c.name for c in schema.features} | {schema.label, schema.prediction}
    with database.writing() as db:
        raw = raw_file(db, batch.path, batch.format, frozenset(wanted))
        _require(batch, raw, own)
        _stage(db, _samples_query(batch, raw))
        _mark_doubles(db, schema)
        stored = _insert_samples(db, batch)
        labels, unmatched = _insert_labels(db, batch)
        bad = _quarantine(db, batch, "sample", "_problem") + _quarantine_rejects(db, batch, raw)
        bad_labels = _quarantine(db, batch, "label", "_label_problem")
        rows = _count(db, "true") + bad - _count(db, "_problem is not null")
        done = Ingested(
            rows=rows,
            stored=stored,
            duplicate=rows - stored - bad,
            quarantined=bad,
            labels=labels,
            labels_quarantined=bad_labels,
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
    with database.writing() as db:
        raw = raw_file(db, batch.path, batch.format, frozenset(names))
        roles = {
            role: next((n for n in options if n in raw.columns), None)
            for role, options in (
                ("id", (schema.id or "id", "id")),
                ("label", (schema.label, "label")),
                ("time", (schema.time or "time", "time")),
            )
        }
        if roles["id"] is None or roles["label"] is None:
            found = ", ".join(list(raw.columns)[:12])
            raise InputError(
                f"{batch.source}: found columns {found}; wanted {schema.id or 'id'}, {schema.label} and, if known, time"
            )
        _stage(db, _labels_query(batch, raw, (roles["id"], roles["label"], roles["time"])))
        labels, unmatched = _insert_labels(db, batch)
        bad = _quarantine(db, batch, "label", "coalesce(_problem, _label_problem)")
        bad += _quarantine_rejects(db, batch, raw)
        rows = _count(db, "true") + bad - _count(db, "coalesce(_problem, _label_problem) is not null")
        done = Ingested(
            rows=rows,
            duplicate=rows - labels - bad,
            quarantined=bad,
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


def _stage(db: Connection, query: str) -> None:
    db.execute(f"create or replace temp table staged as {query}")


def _count(db: Connection, condition: str) -> int:
    row = db.execute(f"select count(*) from staged where {condition}").fetchone()
    return int(row[0]) if row else 0


def _samples_query(batch: Batch, raw: RawFile) -> str:
    schema = batch.schema
    kinds = raw.columns
    names = [n for n in (*(c.name for c in schema.features), schema.label, schema.prediction) if n in kinds]
    names += [n for n in (schema.id, schema.time) if n and n not in names]
    picked = "".join(f", {quoted(n)} as {contract.raw_name(n)}" for n in names)
    label, answer = _answer(schema, raw, schema.label), _answer(schema, raw, schema.prediction)
    typed = "".join(f", {contract.value_sql(c, kinds.get(c.name))} as {quoted(c.name)}" for c in schema.features)
    time = literal(str(utc(batch.now))) + "::timestamp"
    if schema.time is not None:
        time = contract.time_sql(contract.raw_name(schema.time), kinds[schema.time])
    problems = ["_broken", *_time_problems(batch), *_id_problems(schema)]
    for column in schema.features:
        problems += contract.feature_problems(column, kinds.get(column.name))
    label_problem = "cast(null as varchar)"
    if schema.label in kinds:
        label_problem = contract.label_problem(schema, "_label", contract.raw_name(schema.label))
    values = [quoted(c.name) for c in schema.features]
    identity = _identity(batch, values)
    return (
        f"select _row, _id, md5_number_lower(_id) as _key, _time, {_columns(schema)}, _prediction, _label, "
        f"md5_number_lower({contract.fingerprint(['_time', *values])}) as _content, _problem, _label_problem, "
        f"case when _problem is not null or _label_problem is not null then {_row_text(names)} end as _found from "
        f"(select *, {identity} as _id, {contract.joined(problems)} as _problem, {label_problem} as _label_problem from "
        f"(select *{typed}, {time} as _time, {label} as _label, {answer} as _prediction from "
        f"(select _row, _broken{picked} from ({raw.relation}))))"
    )


def _columns(schema: Schema) -> str:
    return ", ".join(quoted(c.name) for c in schema.features)


def _answer(schema: Schema, raw: RawFile, name: str) -> str:
    if name not in raw.columns:
        return f"cast(null as {SQL_TYPES[schema.answer_kind]})"
    return contract.label_sql(schema, contract.raw_name(name), raw.columns[name])


def _time_problems(batch: Batch) -> list[str]:
    name = batch.schema.time
    if name is None:
        return []
    raw, latest = contract.raw_name(name), utc(batch.now + FUTURE)
    found = f"coalesce(left(cast({raw} as varchar), 80), 'missing')"
    return [
        f"case when _time is null then {literal(f'{name} is ')} || {found} || ', wanted a time' end",
        f"case when _time > {literal(str(latest))}::timestamp then {literal(f'{name} is ')} || {found} || "
        f"{literal(f', which is in the future: it is {utc(batch.now):%Y-%m-%d %H:%M} UTC')} end",
    ]


def _id_problems(schema: Schema) -> list[str]:
    if schema.id is None:
        return []
    missing = literal(f"{schema.id} is missing, wanted an id")
    return [f"case when {contract.raw_name(schema.id)} is null then {missing} end"]


def _identity(batch: Batch, values: list[str]) -> str:
    if batch.schema.id is not None:
        return f"cast({contract.raw_name(batch.schema.id)} as varchar)"
    if batch.schema.time is not None:
        return f"md5({contract.fingerprint(['_time', *values])})"
    return f"md5({contract.fingerprint([literal(batch.source), '_row', *values])})"


def _row_text(names: list[str]) -> str:
    fields = ", ".join(f"{literal(n)}: {contract.raw_name(n)}" for n in names)
    return f"left(cast(to_json({{{fields}}}) as varchar), {KEPT})"


def _labels_query(batch: Batch, raw: RawFile, names: tuple[str | None, str | None, str | None]) -> str:
    schema, (id_name, label_name, time_name) = batch.schema, names
    if id_name is None or label_name is None:
        raise InputError(f"{batch.source}: no id or label column")
    picked = [n for n in names if n is not None]
    now = literal(str(utc(batch.now))) + "::timestamp"
    time = now
    if time_name is not None:
        time = f"coalesce({contract.time_sql(contract.raw_name(time_name), raw.columns[time_name])}, {now})"
    raw_label = contract.raw_name(label_name)
    value = contract.label_sql(schema, raw_label, raw.columns[label_name])
    missing = [
        "_broken",
        f"case when {contract.raw_name(id_name)} is null then {literal(f'{id_name} is missing, wanted an id')} end",
        f"case when {raw_label} is null then {literal(f'{label_name} is missing, wanted a label')} end",
    ]
    return (
        f"select *, md5_number_lower(_id) as _key, case when _problem is not null or _label_problem is not null then "
        f"{_row_text(picked)} end as _found from (select *, {contract.joined(missing)} as _problem, "
        f"{contract.label_problem(schema, '_label', raw_label)} as _label_problem from "
        f"(select *, cast({contract.raw_name(id_name)} as varchar) as _id, {value} as _label, {time} as _time from "
        f"(select _row, _broken{''.join(f', {quoted(n)} as {contract.raw_name(n)}' for n in picked)} from ({raw.relation}))))"
    )


def _mark_doubles(db: Connection, schema: Schema) -> None:
    """Mark what is stored already or twice in the batch; the same id with other content is a problem."""
    db.execute(
        "create or replace temp table double as select b._row, "
        "row_number() over w > 1 or s._content is not null as again, "
        "coalesce(s._content, first_value(b._content) over w) <> b._content as other "
        f"from staged b left join {table(schema.model, 'sample')} s on s._key = b._key where b._problem is null "
        "window w as (partition by b._key order by b._row)"
    )
    db.execute(
        "update staged set _problem = 'id ' || _id || ' is stored already with other content', _found = "
        f"to_json({{'id': _id, {', '.join(f'{literal(c.name)}: {quoted(c.name)}' for c in schema.features)}}})::varchar "
        "where _row in (select _row from double where other)"
    )


def _insert_samples(db: Connection, batch: Batch) -> int:
    features = _columns(batch.schema)
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
        "create or replace temp table candidate as select _key, arg_max(_id, _row) as _id, arg_max(_label, _row) as value, "
        "arg_max(_time, _row) as _time from staged where _problem is null and _label_problem is null "
        "and _label is not null group by _key"
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


def _quarantine(db: Connection, batch: Batch, kind: str, reason: str) -> int:
    row = db.execute(
        f"insert into quarantine select ?, ?, _row, ?, {reason}, coalesce(_found, ''), ? from staged "
        f"where {reason} is not null",
        [batch.schema.model, batch.source, kind, utc(batch.now)],
    ).fetchone()
    return int(row[0]) if row else 0


def _quarantine_rejects(db: Connection, batch: Batch, raw: RawFile) -> int:
    """Set aside the lines that the reader could not split into columns."""
    if raw.format == "parquet":
        return 0
    row = db.execute(
        "insert into quarantine select ?, ?, line, 'sample', any_value(error_message), "
        f"left(any_value(coalesce(csv_line, '')), {KEPT}), ? from reject_errors group by line",
        [batch.schema.model, batch.source, utc(batch.now)],
    ).fetchone()
    return int(row[0]) if row else 0


def _record(db: Connection, batch: Batch, done: Ingested) -> None:
    db.execute(
        "insert into batch values (?, ?, ?, ?, ?, ?, ?)",
        [
            *(batch.schema.model, batch.source, utc(batch.now)),
            *(done.stored, done.duplicate, done.quarantined, done.labels),
        ],
    )


def quarantine_file(database: Database, batch: Batch, reason: str) -> None:
    """Note that a whole file was set aside, with the reason."""
    with database.writing() as db:
        db.execute(
            "insert into quarantine values (?, ?, 0, 'file', ?, '', ?)",
            [batch.schema.model, batch.source, reason, utc(batch.now)],
        )
