"""Taking in one file of whatever kind: its columns tell samples from late labels."""

from __future__ import annotations

from maintainer.store.batch import Batch, Ingested
from maintainer.store.database import Database
from maintainer.store.intake import ingest_labels, ingest_samples
from maintainer.store.reading import columns_of


def holds_samples(database: Database, batch: Batch) -> bool:
    """Return whether a file has features; one with labels only has none.

    Raises:
        InputError: nothing of the file can be read.
    """
    schema = batch.schema
    features = {column.name for column in schema.features}
    known = features | {schema.label, "id", "label", "time"} | {n for n in (schema.id, schema.time) if n}
    with database.reading() as db:
        return bool(features & columns_of(db, batch.file, frozenset(known)))


def ingest(database: Database, batch: Batch) -> Ingested:
    """Take in samples or late labels.

    Raises:
        InputError: nothing of the file can be read; nothing was stored.
        StoreError: the store did not take it; nothing was stored.
    """
    take = ingest_samples if holds_samples(database, batch) else ingest_labels
    return take(database, batch)
