from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from maintainer.errors import InputError
from maintainer.ingest.names import (
    ANY,
    LABELS,
    SAMPLES,
    Kept,
    Sent,
    kept,
    later,
    readable,
    sent,
    set_aside_name,
    short,
    spool_name,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


@pytest.mark.parametrize("name", ["a.csv", "with - dash.csv", "1-a.csv", "näme.parquet", "a", ".hidden"])
@pytest.mark.parametrize("what", [SAMPLES, LABELS])
def test_the_spool_remembers_what_was_sent_and_how_it_was_called(name: str, what: str) -> None:
    given = spool_name(name, what)
    assert sent(Path("spool") / given) == Sent(what, name)
    assert given != spool_name(name, what)


@pytest.mark.parametrize("name", ["../../etc/passwd.csv", "/etc/passwd.csv", "a/../passwd.csv"])
def test_a_name_from_outside_cannot_leave_its_folder(name: str) -> None:
    given = spool_name(name, SAMPLES)
    assert "/" not in given
    assert sent(Path(given)).name == "passwd.csv"


@pytest.mark.parametrize("name", ["", "/", "a\0.csv", "a\n.csv", "a" * 151, "ä" * 76, "\udcff.csv"])
def test_a_name_that_no_file_should_have_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be kept; wanted at most 150 bytes of printable text"):
        spool_name(name, SAMPLES)


def test_two_dots_are_a_name_like_any_other_behind_ours() -> None:
    assert spool_name("..", SAMPLES).endswith(".samples-..")


@pytest.mark.parametrize("name", ["a.csv", "with - dash.csv", "1-a.csv"])
def test_a_kept_file_tells_when_as_what_and_in_which_format_it_came(name: str) -> None:
    wanted = Kept(NOW, LABELS, "jsonl", name)
    assert wanted.file_name == f"20260102T030405000678.labels.jsonl-{name}"
    assert kept(Path("done") / wanted.file_name) == wanted


def test_a_time_of_another_zone_is_kept_in_utc() -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    assert Kept(there, ANY, "csv", "a.csv").file_name == Kept(NOW, ANY, "csv", "a.csv").file_name


@pytest.mark.parametrize(
    "name", ["a.csv", "20260102T030405000678-a.csv", "x.any.csv-a.csv", "20269902T030405.any.csv-a"]
)
def test_a_name_that_was_not_given_by_the_program_tells_nothing(name: str) -> None:
    assert kept(Path(name)) is None
    assert sent(Path(name)) == Sent(ANY, name)


def test_names_sort_by_arrival_and_later_is_a_microsecond_later() -> None:
    first = Path("done") / Kept(NOW, ANY, "csv", "z.csv").file_name
    second = later(first)
    assert first.name < second.name < Kept(NOW + timedelta(seconds=1), ANY, "csv", "a.csv").file_name
    found = kept(second)
    assert found is not None
    assert found.arrived == NOW + timedelta(microseconds=1)
    assert later(Path("odd")) == Path("odd~")


@pytest.mark.parametrize("name", ["a.csv", "ä" * 98 + ".csv", "x" * 200])
def test_a_name_that_can_be_kept_stays_as_it_is(name: str) -> None:
    assert short(name) == name


@pytest.mark.parametrize("name", ["a" * 251 + ".csv", "ä" * 125 + ".csv", "a." + "b" * 253, "\udce9" * 240 + ".csv"])
def test_a_name_that_is_too_long_is_cut_and_still_unlike_others_cut_like_it(name: str) -> None:
    given = short(name)
    assert given == short(name) != short("b" + name[1:]) != short(name[:-5] + "z" + name[-4:])
    assert len(Kept(NOW, SAMPLES, "parquet", given).file_name.encode()) <= 255
    assert len(set_aside_name(NOW, name).encode()) <= 255
    assert given.endswith(".csv") == name.endswith(".csv")


def test_bytes_that_are_no_text_are_said_in_a_name() -> None:
    assert readable("caf\udce9.csv") == r"caf\xe9.csv"
    assert readable("näme.csv") == "näme.csv"


def test_what_is_set_aside_is_named_by_its_time() -> None:
    assert set_aside_name(NOW, "a.csv") == "20260102T030405000678-a.csv"
