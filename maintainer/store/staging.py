"""SQL that turns a raw file into staged rows: typed, each with its key and with what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from maintainer.domain.sample import Schema
from maintainer.store import contract
from maintainer.store.batch import Batch, utc
from maintainer.store.database import literal, quoted
from maintainer.store.reading import KEPT, RawFile
from maintainer.store.tables import SQL_TYPES

FUTURE = timedelta(hours=1)  # how far ahead of now an event may be: clocks differ
EARLIEST = "1900-01-01"  # before it lie mistakes, and times that Python cannot hold


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Which columns of a file of late labels play which part."""

    id: str
    label: str
    time: str | None


def feature_list(schema: Schema) -> str:
    """Return the quoted features, in order, between commas."""
    return ", ".join(quoted(c.name) for c in schema.features)


def samples_query(batch: Batch, raw: RawFile) -> str:
    """Return SQL for samples, typed: key, time, features, answer, label, hash of the content, and what is wrong."""
    schema, kinds = batch.schema, raw.columns
    names = _picked(schema, raw)
    picked = "".join(f", {quoted(n)} as {contract.raw_name(n)}" for n in names)
    typed = "".join(f", {contract.value_sql(c, kinds.get(c.name))} as {quoted(c.name)}" for c in schema.features)
    content = contract.fingerprint(_content(schema))
    return (
        f"select _row, _id, md5_number_lower(_id) as _key, _time, {feature_list(schema)}, _prediction, _label, "
        f"md5_number_lower({content}) as _content, _problem, _label_problem, "
        f"case when _problem is not null or _label_problem is not null then {_row_text(names)} end as _found from "
        f"(select *, {_problems(batch, raw)} as _problem, {_label_problem(schema, raw)} as _label_problem from "
        f"(select *, {_identity(batch, raw)} as _id from (select *{typed}, {_sample_time(batch, raw)} as _time, "
        f"{_answer(schema, raw, schema.label)} as _label, "
        f"{_answer(schema, raw, schema.prediction)} as _prediction from "
        f"(select _row, _broken{picked} from ({raw.relation})))))"
    )


def _picked(schema: Schema, raw: RawFile) -> list[str]:
    wanted = (*(c.name for c in schema.features), schema.label, schema.prediction, schema.id, schema.time)
    return [name for name in dict.fromkeys(wanted) if name and name in raw.columns]


def _content(schema: Schema) -> list[str]:
    """Return what makes two samples of one id the same; the time of arrival, which stands in for a time, does not."""
    values = [quoted(c.name) for c in schema.features]
    return ["_time", *values] if schema.time is not None else values


def _identity(batch: Batch, raw: RawFile) -> str:
    schema = batch.schema
    if schema.id is not None:
        return contract.category_sql(contract.raw_name(schema.id), raw.columns[schema.id])
    if schema.time is not None:
        return f"md5({contract.fingerprint(_content(schema))})"
    return f"md5({contract.fingerprint([literal(batch.source), '_row', *_content(schema)])})"


def _sample_time(batch: Batch, raw: RawFile) -> str:
    name = batch.schema.time
    if name is None:
        return _moment(batch)
    return contract.time_sql(contract.raw_name(name), raw.columns[name])


def _moment(batch: Batch) -> str:
    return literal(str(utc(batch.now))) + "::timestamp"


def _answer(schema: Schema, raw: RawFile, name: str) -> str:
    if name not in raw.columns:
        return f"cast(null as {SQL_TYPES[schema.answer_kind]})"
    return contract.label_sql(schema, contract.raw_name(name), raw.columns[name])


def _problems(batch: Batch, raw: RawFile) -> str:
    schema = batch.schema
    problems: list[str] = []
    if schema.time is not None:
        problems += [_absent(schema.time, "_time", "a time"), *_time_problems(batch, schema.time)]
    if schema.id is not None:
        problems.append(f"case when _id is null then {literal(f'{schema.id} is missing, wanted an id')} end")
    for column in schema.features:
        problems += contract.feature_problems(column, raw.columns.get(column.name))
    return _unless_broken(problems)


def _unless_broken(problems: list[str]) -> str:
    """Return SQL for the problems of a row; of one that cannot be read only that is said."""
    return f"coalesce(_broken, {contract.joined(problems)})"


def _absent(name: str, typed: str, wanted: str) -> str:
    found = f"coalesce(left(cast({contract.raw_name(name)} as varchar), 80), 'missing')"
    return f"case when {typed} is null then {literal(f'{name} is ')} || {found} || {literal(f', wanted {wanted}')} end"


def _time_problems(batch: Batch, name: str) -> list[str]:
    """Return SQL for what is wrong with a time; in the same words whenever the file is taken in."""
    latest = utc(batch.now + FUTURE)
    said = f"{literal(f'{name} is ')} || left(cast({contract.raw_name(name)} as varchar), 80)"
    return [
        f"case when _time > {literal(str(latest))}::timestamp then {said}"
        " || ', which was in the future on arrival' end",
        f"case when _time < '{EARLIEST}'::timestamp then {said} || ', wanted a time from {EARLIEST} on' end",
    ]


def _label_problem(schema: Schema, raw: RawFile) -> str:
    if schema.label not in raw.columns:
        return "cast(null as varchar)"
    return contract.label_problem(schema, "_label", contract.raw_name(schema.label))


def _row_text(names: list[str]) -> str:
    fields = ", ".join(f"{literal(n)}: {contract.raw_name(n)}" for n in names)
    return f"left(cast(to_json({{{fields}}}) as varchar), {KEPT})"


def labels_query(batch: Batch, raw: RawFile, columns: LabelColumns) -> str:
    """Return SQL for late labels: `_row`, `_id`, `_key`, `_label`, `_time` and what is wrong."""
    names = [n for n in (columns.id, columns.label, columns.time) if n is not None]
    picked = "".join(f", {quoted(n)} as {contract.raw_name(n)}" for n in dict.fromkeys(names))
    label = contract.raw_name(columns.label)
    wrong = contract.label_problem(batch.schema, "_label", label)
    return (
        f"select *, md5_number_lower(_id) as _key, case when _problem is not null or _label_problem is not null then "
        f"{_row_text(list(dict.fromkeys(names)))} end as _found from "
        f"(select *, {_late_problems(batch, columns, wrong)} as _problem, {wrong} as _label_problem from "
        f"(select *, {contract.category_sql(contract.raw_name(columns.id), raw.columns[columns.id])} as _id, "
        f"{contract.label_sql(batch.schema, label, raw.columns[columns.label])} as _label, "
        f"{_label_time(batch, raw, columns)} as _time from (select _row, _broken{picked} from ({raw.relation}))))"
    )


def _label_time(batch: Batch, raw: RawFile, columns: LabelColumns) -> str:
    if columns.time is None:
        return _moment(batch)
    name = contract.raw_name(columns.time)
    typed = contract.time_sql(name, raw.columns[columns.time])
    return f"case when nullif(cast({name} as varchar), '') is null then {_moment(batch)} else {typed} end"


def _late_problems(batch: Batch, columns: LabelColumns, wrong: str) -> str:
    missing = literal(f"{columns.label} is missing, wanted a label")
    problems = [
        f"case when _id is null then {literal(f'{columns.id} is missing, wanted an id')} end",
        f"case when _label is null and {wrong} is null then {missing} end",
    ]
    if columns.time is not None:
        problems += [_absent(columns.time, "_time", "a time"), *_time_problems(batch, columns.time)]
    return _unless_broken(problems)
