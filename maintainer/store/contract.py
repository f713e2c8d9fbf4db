"""The contract of a schema as SQL: what a raw value means, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping

from maintainer.domain.profile import LARGEST
from maintainer.domain.sample import Column, ColumnKind, Schema
from maintainer.store.database import literal, quoted

FLOATS = ("DOUBLE", "FLOAT")
USABLE = f"a finite number of at most {LARGEST:g}"  # of an answer, either sign: it is squared in figures of quality


def raw_name(name: str) -> str:
    """Return the quoted name that a raw column has while it is looked at; features never begin with `_`."""
    return quoted(f"_raw {name}")


def number_sql(raw: str) -> str:
    """Return SQL for a raw value as a double; NULL where it is missing, NaN or no number."""
    cast = f"try_cast({raw} as double)"
    return f"case when isnan({cast}) then null else {cast} end"


def category_sql(raw: str, kind: str) -> str:
    """Return SQL for a raw value as text; whole floats lose their `.0`, so that 3 and 3.0 are one; empty is missing."""
    if kind not in FLOATS:
        return f"nullif(cast({raw} as varchar), '')"
    return (
        f"case when {raw} is null or isnan({raw}) then null when abs({raw}) < 1e15 and {raw} = trunc({raw})"
        f" then cast(cast({raw} as bigint) as varchar) else cast({raw} as varchar) end"
    )


def time_sql(raw: str, kind: str) -> str:
    """Return SQL for a raw value as a UTC timestamp, NULL where it is none; what has no offset is UTC."""
    if kind == "TIMESTAMP":
        return raw
    return f"try_cast(try_cast(cast({raw} as varchar) as timestamptz) as timestamp)"


def value_sql(column: Column, kind: str | None) -> str:
    """Return SQL for a feature's typed value; a column that the file lacks is missing everywhere."""
    if kind is None:
        return "cast(null as double)" if column.kind is ColumnKind.NUMBER else "cast(null as varchar)"
    raw = raw_name(column.name)
    return number_sql(raw) if column.kind is ColumnKind.NUMBER else category_sql(raw, kind)


def _given(raw: str) -> str:
    """Return SQL for whether there is a number to be read at all."""
    return f"coalesce(lower(cast({raw} as varchar)), '') not in ('', 'nan', '-nan', '+nan')"


def _said(name: str, raw: str, wanted: str) -> str:
    return f"{literal(f'{name} is ')} || left(cast({raw} as varchar), 80) || {literal(f', wanted {wanted}')}"


def feature_problems(column: Column, kind: str | None) -> list[str]:
    """Return SQL expressions that are NULL for good values and say in words what is wrong otherwise."""
    typed, raw = quoted(column.name), raw_name(column.name)
    found: list[str] = []
    if not column.missing_allowed:
        found.append(f"case when {typed} is null then {literal(f'{column.name} is missing, wanted a value')} end")
    if kind is None:
        return found
    if column.kind is ColumnKind.NUMBER:
        given = _given(raw)
        found.append(f"case when {typed} is null and {given} then {_said(column.name, raw, 'a number')} end")
        found.append(f"case when isinf({typed}) then {_said(column.name, raw, 'a finite number')} end")
        if column.minimum is not None:
            wanted = _said(column.name, raw, f"at least {column.minimum:g}")
            found.append(f"case when {typed} < {column.minimum!r} and not isinf({typed}) then {wanted} end")
        if column.maximum is not None:
            wanted = _said(column.name, raw, f"at most {column.maximum:g}")
            found.append(f"case when {typed} > {column.maximum!r} and not isinf({typed}) then {wanted} end")
    elif column.values and not column.unknown_allowed:
        known = ", ".join(literal(v) for v in column.values)
        wanted = _said(column.name, raw, "one of " + ", ".join(column.values[:10]))
        found.append(f"case when {typed} not in ({known}) then {wanted} end")
    return found


def label_sql(schema: Schema, raw: str, kind: str) -> str:
    """Return SQL for a raw label as the task's type."""
    return number_sql(raw) if schema.answer_kind is ColumnKind.NUMBER else category_sql(raw, kind)


def label_problem(schema: Schema, typed: str, raw: str) -> str:
    """Return SQL that is NULL for a good or absent label and says in words what is wrong otherwise."""
    if schema.answer_kind is ColumnKind.NUMBER:
        bad = f"({typed} is null and {_given(raw)} or abs({typed}) > {LARGEST!r})"
        return f"case when {bad} then {_said(schema.label, raw, USABLE)} end"
    if not schema.classes:
        return "cast(null as varchar)"
    known = ", ".join(literal(v) for v in schema.classes)
    wanted = _said(schema.label, raw, "one of the classes " + ", ".join(schema.classes[:10]))
    return f"case when {typed} not in ({known}) then {wanted} end"


def prediction_problem(schema: Schema, typed: str, raw: str) -> str:
    """Return SQL that is NULL for an absent prediction and for one that figures can be made of."""
    if schema.answer_kind is not ColumnKind.NUMBER:
        return "cast(null as varchar)"
    return f"case when abs({typed}) > {LARGEST!r} then {_said(schema.prediction, raw, USABLE)} end"


def joined(problems: list[str]) -> str:
    """Return SQL for all problems of a row in one text; NULL when there is none."""
    return f"nullif(concat_ws('; ', {', '.join(problems)}), '')" if problems else "cast(null as varchar)"


def fingerprint(values: Mapping[str, str]) -> str:
    """Return SQL for a text that tells rows of named values apart, given as name -> SQL.

    Neither the order of the names nor those without a value count, so that a column more changes nothing.
    """
    pairs = (
        f"case when {value} is not null then to_json([{literal(name)}, cast({value} as varchar)])::varchar end"
        for name, value in sorted(values.items())
    )
    return f"concat_ws(',', {', '.join(pairs)})"
