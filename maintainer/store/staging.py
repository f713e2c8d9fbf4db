"""SQL that turns a raw file into staged rows: typed, each with its key and with what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
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
_LABELLED = "_label is not null and _label_problem is null and _misplaced is null as _labelled"


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Which columns of a file of late labels play which part."""

    id: str
    label: str
    time: str | None


def feature_list(schema: Schema) -> str:
    """Return the quoted features, in order, between commas."""
    return ", ".join(quoted(c.name) for c in schema.features)


def samples_query(batch: Batch, raw: RawFile, digest: str) -> str:
    """Return SQL for samples, typed: key, time, features, answer, label, what is wrong, and whether the label holds."""
    schema, kinds = batch.schema, raw.columns
    names = _picked(schema, raw)
    picked = "".join(f", {quoted(n)} as {contract.raw_name(n)}" for n in names)
    typed = "".join(f", {contract.value_sql(c, kinds.get(c.name))} as {quoted(c.name)}" for c in schema.features)
    return (
        f"select _row, _id, md5_number_lower(_id) as _key, _time, {feature_list(schema)}, _prediction, _label, "
        f"_problem, _label_problem, {_LABELLED}, {_found(names)} from "
        f"(select *, {_problems(batch, raw)} as _problem, {_label_problem(schema, raw)} as _label_problem, "
        f"{_misplaced(batch, raw)} as _misplaced from "
        f"(select *, {_identity(batch, raw, digest)} as _id from "
        f"(select *{typed}, {_sample_time(batch, raw)} as _time, {_answer(schema, raw, schema.label)} as _label, "
        f"{_answer(schema, raw, schema.prediction)} as _prediction from "
        f"(select _row, _broken{picked} from ({raw.relation})))))"
    )


def _picked(schema: Schema, raw: RawFile) -> list[str]:
    wanted = (*(c.name for c in schema.features), schema.label, schema.prediction, schema.id, schema.time)
    return [name for name in dict.fromkeys(wanted) if name and name in raw.columns]


def _identity(batch: Batch, raw: RawFile, digest: str) -> str:
    """Return SQL for the id of a sample: its own, else its time and content, else its place in the very file."""
    schema = batch.schema
    if schema.id is not None:
        return contract.category_sql(contract.raw_name(schema.id), raw.columns[schema.id])
    if schema.time is None:
        return f"md5({literal(digest)} || ':' || _row)"
    return f"md5({contract.fingerprint({name: quoted(name) for name in ('_time', *_names(schema))})})"


def _names(schema: Schema) -> list[str]:
    return [column.name for column in schema.features]


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
    problems = _place_problems(batch)
    for column in batch.schema.features:
        problems += contract.feature_problems(column, raw.columns.get(column.name))
    prediction = batch.schema.prediction
    if prediction in raw.columns:
        problems.append(contract.prediction_problem(batch.schema, "_prediction", contract.raw_name(prediction)))
    return _unless_broken(problems)


def _misplaced(batch: Batch, raw: RawFile) -> str:
    """Return SQL that is NULL where the label of a row can be kept, even if its sample is refused.

    Without an id of its own a row is known by its content: where that is refused, the label is nobody's.
    """
    return _problems(batch, raw) if batch.schema.id is None else _unless_broken(_place_problems(batch))


def _place_problems(batch: Batch) -> list[str]:
    """Return SQL for what is wrong with whom a row is about, and when."""
    schema = batch.schema
    problems: list[str] = []
    if schema.time is not None:
        problems += [_absent(schema.time, "_time", "a time"), *_time_problems(batch, schema.time)]
    if schema.id is not None:
        problems.append(f"case when _id is null then {literal(f'{schema.id} is missing, wanted an id')} end")
    return problems


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


def _found(names: list[str]) -> str:
    """Return SQL for a row as it was found, where something is wrong with it."""
    text = json_text({name: contract.raw_name(name) for name in names})
    return f"case when _problem is not null or _label_problem is not null then left({text}, {KEPT}) end as _found"


def json_text(values: Mapping[str, str]) -> str:
    """Return SQL for the text of a JSON object, given as name -> SQL; names may differ in case alone."""
    return f"json_object({', '.join(f'{literal(name)}, {value}' for name, value in values.items())})::varchar"


def labels_query(batch: Batch, raw: RawFile, columns: LabelColumns) -> str:
    """Return SQL for late labels: `_row`, `_id`, `_key`, `_label`, `_time`, what is wrong, and whether it holds."""
    names = list(dict.fromkeys(n for n in (columns.id, columns.label, columns.time) if n is not None))
    picked = "".join(f", {quoted(n)} as {contract.raw_name(n)}" for n in names)
    label = contract.raw_name(columns.label)
    wrong = contract.label_problem(batch.schema, "_label", label)
    return (
        f"select *, md5_number_lower(_id) as _key, {_LABELLED}, {_found(names)} from (select *, _problem as _misplaced "
        f"from (select *, {_late_problems(batch, columns, wrong)} as _problem, {wrong} as _label_problem from "
        f"(select *, {contract.category_sql(contract.raw_name(columns.id), raw.columns[columns.id])} as _id, "
        f"{contract.label_sql(batch.schema, label, raw.columns[columns.label])} as _label, "
        f"{_label_time(batch, raw, columns)} as _time from (select _row, _broken{picked} from ({raw.relation})))))"
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
