"""A file from outside as a relation of raw columns: parquet keeps its types, csv and jsonl come as text."""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from maintainer.errors import InputError
from maintainer.store.contract import category_sql
from maintainer.store.database import Connection, literal, quoted

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
HEADER_BYTES = 1 << 20
OURS = (duckdb.FatalException, duckdb.OutOfMemoryException)  # what the store could not do, whatever the file holds
FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT))
NEVER = "\x01"  # a delimiter that no line of JSON holds: control characters must be escaped there


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read, and how its sender calls it."""

    path: Path
    format: str
    name: str


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file as SQL: `relation` gives `_row`, `_broken` (why a row cannot be read, or NULL) and the columns."""

    format: str
    columns: dict[str, str]  # name -> type
    relation: str


def format_of(path: Path, declared: str = "auto") -> str:
    """Return parquet, csv or jsonl.

    Raises:
        InputError: the ending says none of them.
    """
    if declared != "auto":
        return declared
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise InputError(f"{path.name}: cannot tell the format; wanted a name ending in {', '.join(FORMATS)}")
    return found


@contextmanager
def fault_of_file(source: Source) -> Generator[None]:
    """Say an error while a file is read as a fault of the file, unless the store or its disk is at fault.

    Raises:
        InputError: the file is not what its format says, or may not be read.
    """
    try:
        yield
    except (duckdb.Error, OSError, csv.Error) as error:
        said = str(error).strip()
        if isinstance(error, OURS) or any(word in said for word in FULL):
            raise
        raise InputError(f"{source.name} is not readable as {source.format}: {said.splitlines()[0]}") from error


def raw_file(db: Connection, source: Source, known: frozenset[str]) -> RawFile:
    """Return a file as a relation.

    Raises:
        InputError: empty, half-written, not what its format says, or without a single known column.
    """
    if not source.path.is_file():
        raise InputError(f"{source.name}: no such file")
    readers = {"parquet": _parquet, "csv": _csv, "jsonl": _jsonl}
    with fault_of_file(source):
        if source.path.stat().st_size == 0:
            raise InputError(f"{source.name}: the file is empty")
        raw = readers[source.format](db, source, known)
    if not known & raw.columns.keys():
        found = ", ".join(list(raw.columns)[:8]) or "none"
        raise InputError(
            f"{source.name}: none of its columns is known; found {found}; wanted {', '.join(sorted(known))}"
        )
    return raw


def _described(db: Connection, query: str) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in db.execute(f"describe {query}").fetchall()}


def _parquet(db: Connection, source: Source, known: frozenset[str]) -> RawFile:
    del known
    query = f"select * from read_parquet({literal(str(source.path))})"
    columns = _described(db, query)
    return RawFile("parquet", columns, f"select row_number() over () as _row, null as _broken, * from ({query})")


def _csv(db: Connection, source: Source, known: frozenset[str]) -> RawFile:
    with source.path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    try:
        line = head.split(b"\n", 1)[0].decode("utf-8-sig").rstrip("\r")
    except UnicodeDecodeError as error:
        raise InputError(f"{source.name} is not readable as csv: its first line is not UTF-8 text") from error
    if "\0" in line or (b"\n" not in head and len(head) == HEADER_BYTES):
        raise InputError(f"{source.name} is not readable as csv: its first line is no header")
    headers = {mark: next(csv.reader([line], delimiter=mark), list[str]()) for mark in ",;\t|"}
    mark = max(headers, key=lambda m: len(known & set(headers[m])))
    names = headers[mark]
    if len({n.lower() for n in names}) != len(names) or not all(names):
        raise InputError(f"{source.name}: its header has an empty or repeated name: {', '.join(names)}")
    return RawFile("csv", dict.fromkeys(names, "VARCHAR"), _csv_relation(source.path, mark, names))


def _csv_relation(path: Path, mark: str, names: list[str]) -> str:
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    return (
        f"select row_number() over () as _row, null as _broken, * from read_csv({literal(str(path))}, "
        f"columns = {{{types}}}, delim = {literal(mark)}, quote = '\"', escape = '\"', header = true, "
        "auto_detect = false, null_padding = false, ignore_errors = true, store_rejects = true)"
    )


def _jsonl(db: Connection, source: Source, known: frozenset[str]) -> RawFile:
    lines = (
        f"select row_number() over () as _row, line, case when json_valid(line) then line::json end as doc from "
        f"read_csv({literal(str(source.path))}, columns = {{'line': 'VARCHAR'}}, delim = '{NEVER}', quote = '', "
        "escape = '', header = false, auto_detect = false, ignore_errors = true, store_rejects = true) "
        "where trim(line) <> ''"
    )
    keys = db.execute(
        f"select distinct unnest(json_keys(doc)) from ({lines}) where json_type(doc) = 'OBJECT'"
    ).fetchall()
    found = sorted({str(row[0]) for row in keys})
    if not found:
        raise InputError(f"{source.name} is not readable as jsonl: no line of it is a JSON object with a key")
    named = [name for name in found if name in known]
    picked = "".join(f", {_json_value(name)} as {quoted(name)}" for name in named)
    broken = "case when doc is null or json_type(doc) <> 'OBJECT' then 'not a JSON object: ' || left(line, 200) end"
    return RawFile("jsonl", dict.fromkeys(found, "VARCHAR"), f"select _row, {broken} as _broken{picked} from ({lines})")


def _json_value(name: str) -> str:
    """Return SQL for a value of `doc` as text, its name taken literally; the number 7.0 is 7, as in other formats."""
    place = literal("/" + name.replace("~", "~0").replace("/", "~1"))
    text = f"(doc->>{place})"
    whole = category_sql(f"cast({text} as double)", "DOUBLE")
    return (
        f"case when regexp_matches({text}, '[.]0$|e-?[0-9]+$') and json_type(doc, {place}) = 'DOUBLE' "
        f"then {whole} else {text} end"
    )
