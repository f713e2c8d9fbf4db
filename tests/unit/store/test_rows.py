from __future__ import annotations

from pathlib import Path

import pytest

from maintainer.domain.sample import Schema
from maintainer.errors import InputError
from maintainer.store.database import Database, parquet
from maintainer.store.reading import Source, format_of
from maintainer.store.rows import features_of


def asked(database: Database, schema: Schema, path: Path, content: bytes) -> list[tuple[object, ...]]:
    path.write_bytes(content)
    target = path.with_name("typed.parquet")
    rows = features_of(database, schema, Source(path, format_of(path), "sent" + path.suffix), target)
    with database.reading() as db:
        found = db.execute(f"select * from {parquet(target)}").fetchall()
    assert len(found) == rows
    return found


def test_every_row_is_answered_in_its_place(database: Database, schema: Schema, tmp_path: Path) -> None:
    content = b"x,day\n1.5,mon\n,\nNaN,tue\n1e9,never seen\n"
    wanted = [(1.5, "mon"), (None, None), (None, "tue"), (1e9, "never seen")]
    assert asked(database, schema, tmp_path / "a.csv", content) == wanted


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"x,day\n1,mon\nabc,tue\n", "sent.csv: row 2: x is abc, wanted a number"),
        ("a.csv", b"x,day\n1,mon\n2\n3,tue\n", "sent.csv: line 3 cannot be read: Expected Number of Columns: 2"),
        ("a.csv", b'x,day\n1,mon\n2,"tue\n3,wed\n', "sent.csv: line 3 cannot be read: its quote is not closed"),
        ("a.csv", b"x,day\n1,mon\n2,\xff\n", "sent.csv: line 3 cannot be read: Invalid unicode"),
        ("a.csv", b"x\n1\n", "sent.csv lacks day; wanted the features x, day"),
        ("a.jsonl", b'{"x": 1, "day": "a"}\n[1]\n', r"sent.jsonl: row 2: not a JSON object: \[1\]"),
        (
            "a.jsonl",
            b'{"x": 1, "day": "a"}\n{"x": true, "day": "a"}\n',
            "sent.jsonl: row 2: x is true, wanted a number",
        ),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_and_named(
    database: Database, schema: Schema, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        asked(database, schema, tmp_path / name, content)
