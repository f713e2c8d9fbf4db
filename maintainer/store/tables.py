"""The wide typed tables of one model: a schema of its own in DuckDB, columns from the policy."""

from __future__ import annotations

from maintainer.domain.sample import Column, ColumnKind, Schema, folded
from maintainer.errors import RefusedError
from maintainer.store.database import Connection, Database, quoted
from maintainer.store.thin import THINNED, below, thin_table

CHANCES = "float[]"  # the probability of each class, in the order of the version's classes; null where not kept
SQL_TYPES = {ColumnKind.NUMBER: "double", ColumnKind.CATEGORY: "varchar", ColumnKind.TEXT: "varchar"}


def table(model: str, name: str) -> str:
    """Return the quoted name of a model's table: sample, label or prediction."""
    return f"{quoted(schema_name(model))}.{name}"


def schema_name(model: str) -> str:
    """Return the DuckDB schema of a model; prefixed, so that no model can be named like one of DuckDB's own."""
    return f"model_{model}"


def newest_labels(model: str, where: str) -> str:
    """Return SQL for the newest label of each sample, by the time of the label, then by its arrival."""
    return (
        f"select _key, value, _time, _arrived from {table(model, 'label')} where {where} "
        "qualify row_number() over (partition by _key order by _time desc, _arrived desc, rowid desc) = 1"
    )


def adopt(database: Database, schema: Schema) -> list[str]:
    """Make the tables fit a policy's schema; return what was done, one sentence each.

    Raises:
        RefusedError: a column that is kept already would change its type.
    """
    with database.reading() as db:
        found = db.execute(
            "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = 'sample'",
            [schema_name(schema.model)],
        ).fetchall()
    kept = {folded(str(name)): str(kind).lower() for name, kind in found}
    if not kept:
        _create(database, schema)
        return [f"tables of {schema.model} made with {len(schema.features)} features"]
    _same_types(schema, kept)
    added = [column for column in schema.features if folded(column.name) not in kept]
    with database.writing() as db:
        for every in (1, *THINNED):
            for column in added if every == 1 or _exists(db, schema.model, thin_table(every)) else ():
                to = table(schema.model, thin_table(every))
                db.execute(f"alter table {to} add column {quoted(column.name)} {SQL_TYPES[column.kind]}")
        _thin(db, schema.model)
        db.execute(f"alter table {table(schema.model, 'prediction')} add column if not exists chances {CHANCES}")
    return [f"column {column.name} added to the samples of {schema.model}" for column in added]


def _exists(db: Connection, model: str, name: str) -> bool:
    query = "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?"
    row = db.execute(query, [schema_name(model), name]).fetchone()
    return row is not None and row[0] > 0


def _thin(db: Connection, model: str) -> None:
    """Make the thin tables that are not there yet."""
    for every in THINNED:
        if not _exists(db, model, thin_table(every)):
            query = f"select * from {table(model, 'sample')} where {below(1 / every)}"
            db.execute(f"create table {table(model, thin_table(every))} as {query}")


def _same_types(schema: Schema, kept: dict[str, str]) -> None:
    answer = Column("_prediction", schema.answer_kind)
    for column in (*schema.features, answer):
        wanted = SQL_TYPES[column.kind]
        if (have := kept.get(folded(column.name), wanted)) != wanted:
            raise RefusedError(
                f"policy {schema.model}: column {column.name} is kept as {have}, the policy wants {wanted};"
                " use a new column name or a new model name"
            )


def _create(database: Database, schema: Schema) -> None:
    answer = SQL_TYPES[schema.answer_kind]
    features = "".join(f", {quoted(c.name)} {SQL_TYPES[c.kind]}" for c in schema.features)
    with database.writing() as db:
        db.execute(f"create schema if not exists {quoted(schema_name(schema.model))}")
        db.execute(  # no primary key: duplicates are found by an anti-join on the hash, which stays cheap
            f"create table {table(schema.model, 'sample')} (_key ubigint, _id varchar, _time timestamp,"
            f" _arrived timestamp, _version varchar, _prediction {answer}{features})"
        )
        _thin(db, schema.model)
        db.execute(
            f"create table {table(schema.model, 'label')} (_key ubigint, _id varchar, value {answer},"
            " _time timestamp, _arrived timestamp)"
        )
        db.execute(
            f"create table {table(schema.model, 'prediction')} (_key ubigint, version varchar, value {answer},"
            f" chances {CHANCES})"
        )
