from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from maintainer.errors import InputError
from maintainer.rows import columns_of
from maintainer.store.database import Connection, Database, quoted
from maintainer.store.reading import Source, format_of, raw_file

KNOWN = frozenset({"id", "x", "day"})


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    database = Database(tmp_path / "samples.duckdb", 256, 1)
    with database.reading() as cursor:
        yield cursor
    database.close()


def read(db: Connection, path: Path, content: bytes) -> list[tuple[object, ...]]:
    path.write_bytes(content)
    with raw_file(db, Source(path, format_of(path), path.name), KNOWN) as raw:
        names = ", ".join(f'"{name}"' for name in sorted(KNOWN & raw.columns.keys()))
        return db.execute(f"select {names} from ({raw.relation}) where _broken is null order by _row").fetchall()


def read_columns(db: Connection, source: Source) -> dict[str, str]:
    with raw_file(db, source, KNOWN) as raw:
        return raw.columns


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.parquet", "parquet"), ("a.PQ", "parquet"), ("a.csv", "csv"), ("a.tsv", "csv"), ("a.ndjson", "jsonl")],
)
def test_the_ending_tells_the_format(name: str, form: str) -> None:
    assert format_of(Path(name)) == form
    assert format_of(Path(name), "jsonl") == "jsonl"


def test_an_ending_that_tells_nothing_is_refused_with_those_that_do() -> None:
    with pytest.raises(
        InputError, match=r"a.xlsx: cannot tell the format; wanted a name ending in .parquet, .pq, .csv"
    ):
        format_of(Path("a.xlsx"))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_a_csv_may_be_parted_by_any_usual_mark(db: Connection, tmp_path: Path, mark: str) -> None:
    text = "id,x,day\na,1.5,mon\nb,,tue\n".replace(",", mark)
    assert read(db, tmp_path / "a.csv", text.encode()) == [("mon", "a", "1.5"), ("tue", "b", None)]


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfid,x\na,1\n", b"id,x\r\na,1\r\n", b'"id","x"\n"a","1"\n', b"id,x\na,1"],
    ids=["byte order mark", "windows line ends", "quoted", "no line end"],
)
def test_a_csv_is_read_however_it_was_written(db: Connection, tmp_path: Path, content: bytes) -> None:
    assert read(db, tmp_path / "a.csv", content) == [("a", "1")]


def test_a_quoted_field_may_hold_marks_and_line_ends(db: Connection, tmp_path: Path) -> None:
    assert read(db, tmp_path / "a.csv", b'id,day\na,"m,o\nn"\n"b ""b""",tue\n') == [("m,o\nn", "a"), ("tue", 'b "b"')]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_path_of_a_file_adds_no_column_and_means_no_other_file(db: Connection, tmp_path: Path, form: str) -> None:
    folder = tmp_path / "day=tue"
    folder.mkdir()
    for name, day in ((f"a1.{form}", "wrong"), (f"a.{form}", "wrong"), (f"a[1]*?.{form}", "mon")):
        query = f"select 'a' as id, '{day}' as day"
        db.execute(f"copy ({query}) to '{folder / name}' (format {form})")
    assert read(db, folder / name, (folder / name).read_bytes()) == [("mon", "a")]


def test_a_key_that_first_comes_after_a_thousand_lines_is_read_all_the_same(db: Connection, tmp_path: Path) -> None:
    lines = [f'{{"id": "{i}"}}' for i in range(5000)] + ['{"id": "last", "x": 3}']
    assert read(db, tmp_path / "a.jsonl", "\n".join(lines).encode())[-1] == ("last", "3")


def test_names_that_need_quoting_are_read_from_json(db: Connection, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"od\\"d . name": 1}\n')
    with raw_file(db, Source(path, "jsonl", path.name), frozenset({'od"d . name'})) as raw:
        assert db.execute(f'select "od""d . name" from ({raw.relation})').fetchall() == [("1",)]


def test_a_key_of_json_is_no_pattern(db: Connection, tmp_path: Path) -> None:
    names = ["*", "a/b", "a~1b", "$.x", "[0]", "x", "-", "0"]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({name: f"of {name}" for name in names} | {"label": "leak"}) + "\n")
    columns = ", ".join(quoted(name) for name in names)
    with raw_file(db, Source(path, "jsonl", path.name), frozenset(names)) as raw:
        found = db.execute(f"select {columns} from ({raw.relation})").fetchall()
    assert found == [tuple(f"of {name}" for name in names)]


@pytest.mark.parametrize(
    ("written", "text"),
    [("7", "7"), ("7.0", "7"), ("7.00", "7"), ("-0.0", "0"), ("1e2", "100"), ("2.50", "2.5"), ("1e20", "1e+20"),
     ("1e15", "1000000000000000.0"), ("1e-7", "1e-07"), ("1e999", "inf"), ("true", "true"), ('"7.0"', "7.0"),
     ('"1e2"', "1e2"), ("123456789012345678901234567890", "123456789012345678901234567890")],
)  # fmt: skip
def test_a_value_of_json_is_the_same_text_to_the_store_and_to_the_application_that_serves(
    db: Connection, tmp_path: Path, written: str, text: str
) -> None:
    assert read(db, tmp_path / "a.jsonl", f'{{"id": {written}}}\n'.encode()) == [(text,)]
    assert columns_of([{"id": json.loads(written)}], {"id": "category"})["id"].tolist() == [text]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "a.csv: the file is empty"),
        ("a.parquet", b"", "a.parquet: the file is empty"),
        ("a.jsonl", b"", "a.jsonl: the file is empty"),
        ("a.parquet", b"PAR1 but nothing else", "a.parquet is not readable as parquet"),
        ("a.csv", b"id,x,id\n1,2,3\n", "its header has an empty or repeated name: id, x, id"),
        ("a.csv", b"id,,x\n1,2,3\n", "its header has an empty or repeated name"),
        ("a.csv", b"\xff\xfei\x00d\x00\n\x00", "its first line is not UTF-8 text"),
        ("a.csv", b"id\x00,x\n", "its first line is no header"),
        ("a.csv", b"id,x\ra,1\r", "a.csv is not readable as csv"),
        ("a.csv", b"id," + b"x" * 200_000 + b"\n", "a.csv is not readable as csv"),
        ("a.csv", b"weight,height\n1,2\n", "none of its columns is known; found weight, height; wanted day, id, x"),
        ("a.jsonl", b"[1, 2]\n3\n", "no line of it is a JSON object"),
        ("a.jsonl", b'{"weight": 1}\n', "none of its columns is known; found weight"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_words(
    db: Connection, tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read(db, tmp_path / name, content)


def test_a_file_that_is_not_there_is_said(db: Connection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sent.csv: no such file"):
        read_columns(db, Source(tmp_path / "a.csv", "csv", "sent.csv"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_said(db: Connection, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,x\n")
    path.chmod(0)
    with pytest.raises(InputError, match=r"a.csv is not readable as csv"):
        read_columns(db, Source(path, "csv", path.name))
