"""A file from outside as a relation of raw columns: parquet keeps its types, csv and jsonl come as text."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
from collections import deque
from collections.abc import Collection, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import duckdb

from maintainer.errors import InputError, StoreError
from maintainer.store.contract import category_sql
from maintainer.store.database import Connection, file_literal, literal, parquet, quoted
from maintainer.store.mark import Mark, mark_of
from maintainer.store.sieve import Cells, Sieve

FORMATS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
HEADER_BYTES = 1 << 20
OURS = (duckdb.FatalException, duckdb.OutOfMemoryException)  # what the store could not do, whatever the file holds
FULL = tuple(os.strerror(number) for number in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT))
HELD = re.compile(r"/proc/self/fd/\d+")
NEVER = "\x01"  # a delimiter that no line of JSON holds: control characters must be escaped there
TOLERANT = "auto_detect = false, hive_partitioning = false, ignore_errors = true, store_rejects = true"
KEPT = 4000  # characters kept of a row or line that is set aside
NO_REJECTS = "select null::bigint as line, null::varchar as reason, null::varchar as content where false"
REJECTS = (  # lines that DuckDB could not cut into columns; some it tells of more than once
    "select line, min(error_message) as reason, any_value(coalesce(csv_line, '')) as content "
    "from reject_errors group by line"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read, and how its sender calls it."""

    path: Path
    format: str
    name: str


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file as SQL: `relation` gives `_row`, `_broken` (why a row cannot be read, or NULL) and the columns.

    Once the relation was read, `rejects` gives `line`, `reason` and `content` of the lines that are not among its rows.
    """

    source: Source
    columns: dict[str, str]  # name -> type
    relation: str
    rejects: str = NO_REJECTS
    records: int | None = None  # rows and rejects as counted by other means; None where there are none
    mark: Mark | None = None  # of the file before it was read

    def require_whole(self, found: int) -> None:
        """Raise unless the file is the one that was opened, and as many rows and rejects were found as it has.

        Raises:
            InputError: it has changed since, or was read in another way than it was counted.
        """
        if mark_of(self.source.path) != self.mark:
            raise InputError(f"{self.source.name} has changed while it was read")
        if self.records is not None and found != self.records:
            raise InputError(
                f"{self.source.name} is not readable as {self.source.format}: "
                f"{found} of its {self.records} records were found"
            )


@dataclass(frozen=True, slots=True)
class Sifted:
    """A text file as DuckDB can read it: the file itself, or a copy without what it could not read."""

    path: Path
    rejects: str
    records: int


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
        StoreError: the disk is full.
    """
    try:
        yield
    except (duckdb.Error, OSError, csv.Error) as error:
        said = str(error).strip()
        full = any(word in said for word in FULL)
        if full and isinstance(error, OSError):
            raise StoreError(f"{source.name} cannot be read: {said}") from error
        if full or isinstance(error, OURS):
            raise
        said = HELD.sub(source.name, said.splitlines()[0]).replace(str(source.path), source.name)
        raise InputError(f"{source.name} is not readable as {source.format}: {said}") from error


@contextmanager
def raw_file(db: Connection, source: Source, known: frozenset[str]) -> Generator[RawFile]:
    """Give a file as a relation, to be read before the block ends.

    Raises:
        InputError: empty, half-written, not what its format says, or without a single known column.
        StoreError: the disk is full.
    """
    readers = {"parquet": _parquet, "csv": _csv, "jsonl": _jsonl}
    with ExitStack() as held:
        with fault_of_file(source):
            mark = _require_content(source)
            raw = readers[source.format](db, source, known, held)
        _require_known(source, raw.columns.keys(), known)
        yield replace(raw, mark=mark)


def columns_of(db: Connection, source: Source, known: frozenset[str]) -> frozenset[str]:
    """Return the names of a file's columns; of a csv no more than the header is read.

    Raises:
        InputError: as for `raw_file`.
        StoreError: the disk is full.
    """
    if source.format != "csv":
        with raw_file(db, source, known) as raw:
            return frozenset(raw.columns)
    with fault_of_file(source):
        _require_content(source)
        names = frozenset(_header(source, known)[1])
    _require_known(source, names, known)
    return names


def _require_content(source: Source) -> Mark:
    mark = mark_of(source.path)
    if mark is None or not source.path.is_file():
        raise InputError(f"{source.name}: no such file")
    if mark[1] == 0:
        raise InputError(f"{source.name}: the file is empty")
    return mark


def _require_known(source: Source, columns: Collection[str], known: frozenset[str]) -> None:
    if known.isdisjoint(columns):
        found = ", ".join(list(columns)[:8]) or "none"
        raise InputError(
            f"{source.name}: none of its columns is known; found {found}; wanted {', '.join(sorted(known))}"
        )


def _parquet(db: Connection, source: Source, known: frozenset[str], held: ExitStack) -> RawFile:
    del known, held
    query = f"select * from {parquet(source.path)}"
    columns = {str(row[0]): str(row[1]) for row in db.execute(f"describe {query}").fetchall()}
    return RawFile(source, columns, f"select row_number() over () as _row, null as _broken, * from ({query})")


def _csv(db: Connection, source: Source, known: frozenset[str], held: ExitStack) -> RawFile:
    mark, names = _header(source, known)
    sifted = _sifted(db, source, Cells(mark, len(names)), held)
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    relation = (
        f"select row_number() over () as _row, null as _broken, * from read_csv({file_literal(sifted.path)}, "
        f"columns = {{{types}}}, delim = {literal(mark)}, quote = '\"', escape = '\"', header = true, "
        f"null_padding = false, {TOLERANT})"
    )
    return RawFile(source, dict.fromkeys(names, "VARCHAR"), relation, sifted.rejects, sifted.records)


def _header(source: Source, known: frozenset[str]) -> tuple[str, list[str]]:
    """Return the mark between the cells of a csv, the one that makes most columns known, and the names."""
    with source.path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    try:
        line = head.split(b"\n", 1)[0].decode("utf-8-sig").rstrip("\r")
    except UnicodeDecodeError as error:
        raise InputError(f"{source.name} is not readable as csv: its first line is not UTF-8 text") from error
    headers = {mark: next(csv.reader([line], delimiter=mark), list[str]()) for mark in ",;\t|"}
    mark = max(headers, key=lambda m: len(known & set(headers[m])))
    names = headers[mark]
    endless = b"\n" not in head and len(head) == HEADER_BYTES
    if "\0" in line or endless or not Cells(mark, len(names)).fits(line.encode()):
        raise InputError(f"{source.name} is not readable as csv: its first line is no header")
    if len({n.lower() for n in names}) != len(names) or not all(names):
        raise InputError(f"{source.name}: its header has an empty or repeated name: {', '.join(names)}")
    return mark, names


def _jsonl(db: Connection, source: Source, known: frozenset[str], held: ExitStack) -> RawFile:
    sifted = _sifted(db, source, None, held)
    lines = (
        f"select row_number() over () as _row, line, case when json_valid(line) then line::json end as doc from "
        f"read_csv({file_literal(sifted.path)}, columns = {{'line': 'VARCHAR'}}, delim = '{NEVER}', quote = '', "
        f"escape = '', header = false, {TOLERANT}) where trim(line) <> ''"
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
    relation = f"select _row, {broken} as _broken{picked} from ({lines})"
    return RawFile(source, dict.fromkeys(found, "VARCHAR"), relation, sifted.rejects, sifted.records)


def _sifted(db: Connection, source: Source, cells: Cells | None, held: ExitStack) -> Sifted:
    """Look at every record of a text file; where DuckDB could not read them all, copy those that it can."""
    file = held.enter_context(source.path.open("rb"))
    sieve = Sieve(file, cells, lambda number, reason, line: None)
    deque(sieve, maxlen=0)
    if sieve.sound:
        return Sifted(source.path, REJECTS, sieve.records)
    file.seek(0)
    row = db.execute("select current_setting('temp_directory')").fetchone()
    return held.enter_context(_mended(file, cells, Path(str(row[0] if row else ""))))


@contextmanager
def _mended(file: BinaryIO, cells: Cells | None, folder: Path) -> Generator[Sifted]:
    """Copy what DuckDB can read of a file, and beside it what was refused; nothing of it outlives the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder) as copy, TemporaryFile(dir=folder) as refused:

        def refuse(number: int, reason: str, line: bytes) -> None:
            said = {"line": number, "reason": reason, "content": line.decode(errors="replace")[:KEPT]}
            refused.write(json.dumps(said).encode() + b"\n")

        sieve = Sieve(file, cells, refuse)
        copy.writelines(sieve)
        copy.flush()
        refused.flush()
        columns = "{line: 'bigint', reason: 'varchar', content: 'varchar'}"
        told = f"{file_literal(_path_of(refused))}, format = 'newline_delimited', columns = {columns}"
        yield Sifted(_path_of(copy), f"{REJECTS} union all select * from read_json({told})", sieve.records)


def _path_of(file: BinaryIO) -> Path:
    """Return where a file without a name can be opened while it is held."""
    return Path(f"/proc/self/fd/{file.fileno()}")


def _json_value(name: str) -> str:
    """Return SQL for a value of `doc` as text, its name taken literally; the number 7.0 is 7, as in other formats."""
    place = literal("/" + name.replace("~", "~0").replace("/", "~1"))
    text = f"(doc->>{place})"
    whole = category_sql(f"cast({text} as double)", "DOUBLE")
    return (
        f"case when regexp_matches({text}, '[.]0$|e-?[0-9]+$') and json_type(doc, {place}) = 'DOUBLE' "
        f"then {whole} else {text} end"
    )
