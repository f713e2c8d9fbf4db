"""The records of a text file, told apart before DuckDB reads it, which loses lines beside some broken ones."""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO

LONGEST = 2_000_000  # bytes of a record; the bound of DuckDB
BLOCK = 1 << 17  # bytes that are looked at together while nothing is wrong with them
AGAIN_TIMES, AGAIN_BYTES = 4, 4 * LONGEST  # how much of a file may be looked at again in search of its records

Line = tuple[int, bytes]  # its number from 1 on, and its bytes with the line end
Refuse = Callable[[int, str, bytes], None]  # is given the number, the reason and the bytes of a line


class Cells:
    """How a csv is cut into cells; as DuckDB does it, a quote means something at the edges of a cell only."""

    def __init__(self, mark: str, width: int) -> None:
        edge = re.escape(mark.encode())
        bare = rb'(?! *+")[^%b\r\n]*+' % edge
        cell = rb'(?: *+"(?:[^"]++|"")*+" *+|%b)' % bare
        short = rb'(?: *+"(?:[^"\r\n]++|"")*+" *+|%b)' % bare  # on one line
        self._whole = re.compile(rb"%b(?:%b%b)*+(?:\r?\n)?" % (cell, edge, cell))
        self._lines = re.compile(rb"(?:%b(?:%b%b)*+\r?\n)*+" % (short, edge, short))
        self._open = re.compile(rb'(?:%b%b)*+ *+"(?:[^"]++|"")*+' % (cell, edge))
        self._fits = re.compile(rb"%b(?:%b%b){%d}+(?:\r?\n)?" % (cell, edge, cell, width - 1))
        self.width = width

    def lines(self, text: bytes) -> bool:
        """Return whether each line is one record, of however many cells."""
        return b'"' not in text or self._lines.fullmatch(text) is not None

    def whole(self, text: bytes) -> bool:
        """Return whether this is one record: each quote that opens a cell closes it."""
        return self._whole.fullmatch(text) is not None

    def open(self, text: bytes) -> bool:
        """Return whether the last cell is opened by a quote and not closed."""
        return self._open.fullmatch(text) is not None

    def fits(self, text: bytes) -> bool:
        """Return whether this is one record with the right number of cells."""
        return self._fits.fullmatch(text) is not None


class Sieve:
    """One pass over a csv (with `cells`) or jsonl file; iterating gives what DuckDB can read of it, piece by piece.

    A line that is no record goes to `refuse`; an empty one stands in for it, so that the numbers of the others stay.
    A quote that is not closed on its line is believed only where it is closed later, the record has as many cells as
    the header then, and not all of its further lines are such records by themselves.

    Raises, while iterated:
        csv.Error: the quotes are such that no records can be told.
    """

    def __init__(self, file: BinaryIO, cells: Cells | None, refuse: Refuse) -> None:
        self.records = 0  # refused ones are among them
        self.refused = 0
        self._file, self._cells, self._refuse = file, cells, refuse
        self._stands_in = [b"\n"] if cells is None or cells.width > 1 else []  # a single cell may be empty itself
        self._ends: set[bytes] = set()
        self._number = self._again = 0
        self._waiting: deque[Line] = deque()  # lines to be looked at one by one

    @property
    def sound(self) -> bool:
        """Return whether DuckDB could read all of the file as it is."""
        return not self.refused and self._ends - {b""} in ({b"\n"}, {b"\r\n"}, set[bytes]())

    def __iter__(self) -> Iterator[bytes]:
        if self._cells is not None:
            yield self._ended(self._file.readline(LONGEST)) + b"\n"
            self._number += 1
        while block := self._read():
            if self._plain(block):
                yield block.replace(b"\r\n", b"\n")
                continue
            self._part(block)
            while self._waiting:
                yield from self._piece(*self._waiting.popleft())

    def _read(self) -> bytes:
        """Return some of the next lines; of one that is too long, the beginning."""
        block = self._file.read(BLOCK)
        if block.endswith(b"\n"):
            return block
        block += self._file.readline(LONGEST)
        piece = block
        while len(piece) >= LONGEST and not piece.endswith(b"\n"):
            piece = self._file.readline(LONGEST)
        return block

    def _plain(self, block: bytes) -> bool:
        """Count the records of lines that are one each, with line ends of one kind; False where it is not so simple."""
        count, windows = block.count(b"\n"), block.count(b"\r\n")
        end = b"\r\n" if windows else b"\n"
        blanks = (end + end, b"\n ") if self._cells is None else (end + end,)
        if (
            block.count(b"\r") != windows
            or windows not in (0, count)
            or not block.endswith(b"\n")
            or block.startswith((end, b" "))
            or any(blank in block for blank in blanks)
            or len(block) > LONGEST
            or not (self._cells is None or self._cells.lines(block))
        ):
            return False
        self._ends.add(end)
        self.records += count
        self._number += count
        return True

    def _part(self, block: bytes) -> None:
        lines = [line + b"\n" for line in block.split(b"\n")]
        last = lines.pop()[:-1]
        for line in [*lines, last] if last else lines:
            self._number += 1
            self._waiting.append((self._number, line))

    def _piece(self, number: int, line: bytes) -> Iterator[bytes]:
        record = self._record(number, line)
        if record is not None:
            yield record + b"\n"
        else:
            yield from self._stands_in

    def _record(self, number: int, line: bytes) -> bytes | None:
        """Return a record without its line end, nothing for an empty line; None for what is refused."""
        cells, body = self._cells, line.rstrip(b"\r\n")
        if cells is not None and b'"' in body and len(line) <= LONGEST:
            self.records += 1
            return self._quoted(cells, number, line)
        self._ended(line)
        if self._stands_in and not (body if cells else body.strip(b" ")):
            return b""
        self.records += 1
        if len(line) > LONGEST:
            return self._refused(number, f"the line is longer than {LONGEST} bytes", line)
        if b"\r" in body:
            return self._refused(number, "there is a carriage return in the middle of the line", line)
        if len(body) == len(line) and not self._complete(body):
            return self._refused(number, "the file ends in the middle of this line", line)
        return body

    def _ended(self, text: bytes) -> bytes:
        body = text.rstrip(b"\r\n")
        self._ends.add(text[len(body) :])
        return body

    def _refused(self, number: int, reason: str, line: bytes) -> None:
        self.refused += 1
        self._refuse(number, reason, line)

    def _complete(self, body: bytes) -> bool:
        if self._cells is not None:
            return self._cells.fits(body)
        try:
            json.loads(body)
        except (ValueError, RecursionError):
            return False
        return True

    def _quoted(self, cells: Cells, number: int, line: bytes) -> bytes | None:
        if cells.whole(line):
            if line.endswith(b"\n") or cells.fits(line):
                return self._ended(line)
            return self._refused(number, "the file ends in the middle of this line", line)
        if not cells.open(line):
            return self._refused(number, "there is a quote in the middle of a cell that begins with one", line)
        further = self._until_closed(cells, len(line))
        text = line + b"".join(found for _, found in further)
        if cells.fits(text) and not all(cells.fits(found) for _, found in further):
            return self._ended(text)
        self._put_back(further)
        return self._refused(number, "its quote is not closed", line)

    def _until_closed(self, cells: Cells, size: int) -> list[Line]:
        """Return the further lines of a record whose last cell is open; all that may be looked at if it stays so."""
        further: list[Line] = []
        while size <= LONGEST:
            if not self._waiting:
                self._part(self._read())
            if not self._waiting:
                break
            number, line = self._waiting.popleft()
            further.append((number, line))
            size += len(line)
            if b'"' in line and not cells.open(b'"' + line):
                break
        return further

    def _put_back(self, lines: list[Line]) -> None:
        self._waiting.extendleft(reversed(lines))
        self._again += sum(len(line) for _, line in lines)
        if self._again > AGAIN_BYTES + AGAIN_TIMES * self._file.tell():
            raise csv.Error("too many of its quotes are not closed")
