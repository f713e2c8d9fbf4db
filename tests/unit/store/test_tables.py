from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from maintainer.domain.sample import Column, ColumnKind, Schema, TaskKind
from maintainer.errors import RefusedError
from maintainer.store.batch import Batch
from maintainer.store.database import Database
from maintainer.store.intake import ingest_samples
from maintainer.store.tables import adopt, table


def columns(database: Database, schema: Schema) -> dict[str, str]:
    with database.reading() as db:
        return {row[0]: row[1] for row in db.execute(f"describe {table(schema.model, 'sample')}").fetchall()}


def test_the_tables_have_the_features_with_their_types(database: Database, schema: Schema) -> None:
    found = columns(database, schema)
    assert (found["x"], found["day"], found["_prediction"]) == ("DOUBLE", "VARCHAR", "VARCHAR")


def test_adopting_the_same_schema_again_does_nothing(database: Database, schema: Schema) -> None:
    assert adopt(database, schema) == []


def test_a_new_feature_becomes_a_column_that_is_missing_in_former_samples(
    database: Database, schema: Schema, batch: Callable[..., Batch]
) -> None:
    ingest_samples(database, batch([("a", "2025-12-01", 1, "mon", "up")]))
    wider = replace(schema, features=(*schema.features, Column('odd "name"', ColumnKind.NUMBER)))
    assert adopt(database, wider) == ['column odd "name" added to the samples of small']
    with database.reading() as db:
        assert db.execute(f'select x, "odd ""name""" from {table("small", "sample")}').fetchall() == [(1.0, None)]


def test_a_feature_that_changes_its_type_is_refused_and_nothing_is_changed(database: Database, schema: Schema) -> None:
    other = replace(schema, features=(Column("x", ColumnKind.CATEGORY), Column("new", ColumnKind.NUMBER)))
    with pytest.raises(RefusedError, match="policy small: column x is kept as double, the policy wants varchar"):
        adopt(database, other)
    assert "new" not in columns(database, schema)


def test_a_task_that_changes_what_is_answered_is_refused(database: Database, schema: Schema) -> None:
    with pytest.raises(RefusedError, match="_prediction is kept as varchar, the policy wants double"):
        adopt(database, replace(schema, task=TaskKind.REGRESSION, classes=()))


def test_a_feature_whose_name_only_changes_its_case_stays_the_same_column(database: Database, schema: Schema) -> None:
    assert adopt(database, replace(schema, features=(Column("X", ColumnKind.NUMBER), schema.features[1]))) == []
    with pytest.raises(RefusedError, match="column X is kept as double"):
        adopt(database, replace(schema, features=(Column("X", ColumnKind.CATEGORY),)))


def test_letters_beyond_ascii_make_columns_of_their_own(database: Database, schema: Schema) -> None:
    for name in ("Ä", "ä"):
        schema = replace(schema, features=(*schema.features, Column(name, ColumnKind.NUMBER)))
        assert adopt(database, schema) == [f"column {name} added to the samples of small"]
    assert {"Ä", "ä"} <= columns(database, schema).keys()
    assert adopt(database, schema) == []


def test_models_do_not_share_tables(database: Database, schema: Schema) -> None:
    assert adopt(database, replace(schema, model="main")) == ["tables of main made with 2 features"]
    assert adopt(database, schema) == []
