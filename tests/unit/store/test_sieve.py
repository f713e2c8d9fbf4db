from __future__ import annotations

import csv
import io

import pytest

from maintainer.store import sieve
from maintainer.store.sieve import LONGEST, Cells, Sieve

HEADER = b"id,x,day\n"
UNCLOSED = "its quote is not closed"


def sift(text: bytes, cells: Cells | None) -> tuple[bytes, list[tuple[int, str]], Sieve]:
    """Return what is left of a text, the numbers and reasons of the lines that were refused, and the sieve."""
    refused: list[tuple[int, str]] = []
    passed = Sieve(io.BytesIO(text), cells, lambda number, reason, line: refused.append((number, reason)))
    return b"".join(passed), refused, passed


def sift_csv(lines: bytes) -> tuple[list[bytes], list[tuple[int, str]], int]:
    """Sift lines below a header of three names; return the lines left without the header, the refused and the count."""
    left, refused, seen = sift(HEADER + lines, Cells(",", 3))
    return [line for line in left.split(b"\n")[1:] if line], refused, seen.records


@pytest.mark.parametrize(
    "lines",
    [
        b"a,1,mon\nb,2,tue\n",
        b'"a","1","m""on"\nb,2,"t,ue"\n',
        b'a,1,5" wide\nb,2,w"i"de\n',
        b'a, "1" ,mon\nb,2,"tue" \n',
        b"a,1,mon\n\n\nb,2,tue",
        b"a,1\nb,2,3,4\n",
    ],
    ids=["plain", "quoted", "quotes within cells", "blanks around quotes", "no line end", "another number of cells"],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_what_duckdb_reads_line_by_line_passes_as_it_is(lines: bytes, end: bytes) -> None:
    text = (HEADER + lines).replace(b"\n", end)
    left, refused, seen = sift(text, Cells(",", 3))
    assert (left.rstrip(b"\n"), refused) == ((HEADER + lines).rstrip(b"\n"), [])
    assert (seen.records, seen.sound) == (2, True)


def test_a_quote_that_is_never_closed_costs_its_own_line() -> None:
    left, refused, records = sift_csv(b'a,1,mon\nb,2,"tue\nc,3,wed\nd,4,"t,h"\ne,5,fri\n')
    assert left == [b"a,1,mon", b"c,3,wed", b'd,4,"t,h"', b"e,5,fri"]
    assert (refused, records) == ([(3, UNCLOSED)], 5)


def test_two_lone_quotes_cost_two_lines() -> None:
    left, refused, records = sift_csv(b'a,1,"mon\nb,2,tue\nc,3,"wed\nd,4,thu\n')
    assert left == [b"b,2,tue", b"d,4,thu"]
    assert (refused, records) == ([(2, UNCLOSED), (4, UNCLOSED)], 4)


def test_lines_that_are_records_themselves_are_not_taken_for_text_between_two_quotes() -> None:
    left, refused, _ = sift_csv(b'a,1,"mon\nb,2,tue\nc,3,wed"\nd,4,thu\n')
    assert left == [b"b,2,tue", b'c,3,wed"', b"d,4,thu"]
    assert refused == [(2, UNCLOSED)]


def test_text_of_several_lines_within_quotes_is_one_record() -> None:
    left, refused, records = sift_csv(b'a,1,"mon\n\nor, ""maybe"",\ntue"\nb,2,"x\r\ny"\n')
    assert b"\n".join(left) == b'a,1,"mon\nor, ""maybe"",\ntue"\nb,2,"x\r\ny"'
    assert (refused, records) == ([], 2)


def test_a_quote_after_a_closing_one_costs_its_own_line() -> None:
    left, refused, _ = sift_csv(b'"a"b,"1,mon\nb,2,tue\n')
    assert left == [b"b,2,tue"]
    assert refused == [(2, "there is a quote in the middle of a cell that begins with one")]


def test_refused_lines_leave_the_numbers_of_the_others() -> None:
    left, _, _ = sift(HEADER + b'a,"1\nb,2,tue\n', Cells(",", 3))
    assert left.split(b"\n")[2] == b"b,2,tue"


def test_a_line_that_is_too_long_is_refused_by_its_beginning() -> None:
    for length in (LONGEST, 20 * LONGEST):
        left, refused, records = sift_csv(b"a,1,mon\nb,2," + b"x" * length + b"\nc,3,wed\n")
        assert left == [b"a,1,mon", b"c,3,wed"]
        assert (refused, records) == ([(3, f"the line is longer than {LONGEST} bytes")], 3)


@pytest.mark.parametrize("text", [b"a,1,mon\r\nb,2,tue\nc,3,wed\r\n", b"a,1,mon\nb,2,tue\r\r\nc,3,wed\n"])
def test_line_ends_of_two_kinds_are_made_one(text: bytes) -> None:
    left, refused, seen = sift(HEADER + text, Cells(",", 3))
    assert (left, refused) == (HEADER + b"a,1,mon\nb,2,tue\nc,3,wed\n", [])
    assert not seen.sound


def test_a_carriage_return_within_a_line_is_refused() -> None:
    assert sift_csv(b"a,1,m\ron\nb,2,tue\n")[1] == [(2, "there is a carriage return in the middle of the line")]


@pytest.mark.parametrize("last", [b"b,2", b'b,"2"'])
def test_a_last_line_that_was_cut_off_is_refused(last: bytes) -> None:
    assert sift_csv(b"a,1,mon\n" + last)[1] == [(3, "the file ends in the middle of this line")]


def test_a_single_cell_may_be_empty() -> None:
    left, refused, seen = sift(b'x\n1\n\n"2\n3\n', Cells(",", 1))
    assert left == b"x\n1\n\n3\n"
    assert (refused, seen.records) == ([(4, UNCLOSED)], 4)


def test_lines_of_json_are_counted_and_quotes_in_them_mean_nothing() -> None:
    left, refused, seen = sift(b'{"a": 1}\n  \n\n{"a": "\n{"a": 2}\r\n{"a"', None)
    assert left == b'{"a": 1}\n\n\n{"a": "\n{"a": 2}\n\n'
    assert (refused, seen.records) == ([(6, "the file ends in the middle of this line")], 4)


def test_quotes_that_never_pair_up_are_given_up_before_the_file_was_read_many_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sieve, "LONGEST", 20_000)
    monkeypatch.setattr(sieve, "AGAIN_BYTES", 80_000)
    with pytest.raises(csv.Error, match="too many of its quotes are not closed"):
        sift_csv(b'x",y,"z\n' * 50_000)


def test_more_lines_than_fit_into_a_block_are_counted() -> None:
    lines = b"".join(b'%d,"1",mon\n' % number for number in range(50_000))
    left, refused, seen = sift(HEADER + lines + b'a,"1\n' + lines, Cells(",", 3))
    assert left == HEADER + lines + b"\n" + lines
    assert (refused, seen.records) == ([(50_002, UNCLOSED)], 100_001)
