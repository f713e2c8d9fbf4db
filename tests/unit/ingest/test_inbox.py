from __future__ import annotations

import os
from pathlib import Path

import pytest

from maintainer.errors import RefusedError, StoreError
from maintainer.ingest.inbox import DOUBT_SECONDS, SETTLE_SECONDS, Dropped, inbox_below, put_away, remarks, scan

WALL = 1_000_000.0


def drop(folder: Path, name: str, content: bytes = b"id,x\na,1\n", age: float = 10.0) -> Path:
    path = folder / name
    path.write_bytes(content)
    os.utime(path, (WALL - age, WALL - age))
    return path


def left_for(path: Path, seconds: float) -> Dropped:
    return Dropped(path, seconds, (0, 0, 0))


def names(folder: Path) -> list[str]:
    return [dropped.path.name for dropped in scan(folder, WALL)]


def test_files_come_oldest_first(tmp_path: Path) -> None:
    drop(tmp_path, "b.csv", age=30)
    drop(tmp_path, "a.csv", age=10)
    drop(tmp_path, "c.csv", age=20)
    assert names(tmp_path) == ["b.csv", "c.csv", "a.csv"]


@pytest.mark.parametrize("name", [".hidden.csv", "a.csv.partial", "a.csv.TMP", "a.part", "a.crdownload", ".a.csv.swp"])
def test_hidden_and_unfinished_files_are_left_alone(tmp_path: Path, name: str) -> None:
    drop(tmp_path, name, age=10_000)
    assert names(tmp_path) == []


def test_links_folders_and_pipes_are_left_alone(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "secret.csv").symlink_to(drop(tmp_path, "outside.csv"))
    (inbox / "gone.csv").symlink_to(tmp_path / "nowhere")
    (inbox / "done.csv").mkdir()
    os.mkfifo(inbox / "pipe.csv")
    assert names(inbox) == []


def test_what_is_not_taken_in_is_said_with_the_reason(tmp_path: Path) -> None:
    drop(tmp_path, "good.csv")
    drop(tmp_path, ".hidden.csv")
    drop(tmp_path, "ahead.csv", age=-100)
    (tmp_path / "done").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "good.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    assert remarks(tmp_path, WALL) == [
        "ahead.csv says it was changed in the future: taken in once it stays the same",
        "link.csv is a link and not taken in; wanted a file",
        "pipe.csv is a pipe, socket or device and not taken in; wanted a file",
    ]


def test_an_inbox_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert scan(tmp_path / "none", WALL) == []


def test_a_file_that_still_changes_waits(tmp_path: Path) -> None:
    path = drop(tmp_path, "a.csv")
    assert not left_for(path, SETTLE_SECONDS - 0.1).settled
    assert left_for(path, SETTLE_SECONDS).settled


@pytest.mark.parametrize(("name", "content"), [("a.csv", b"id,x\na,1"), ("a.jsonl", b'{"id": "a'), ("a.csv", b"")])
def test_text_that_does_not_end_in_a_line_end_waits_longer(tmp_path: Path, name: str, content: bytes) -> None:
    path = drop(tmp_path, name, content)
    assert not left_for(path, DOUBT_SECONDS - 0.1).settled
    assert left_for(path, DOUBT_SECONDS).settled


def test_a_parquet_file_needs_no_line_end(tmp_path: Path) -> None:
    assert left_for(drop(tmp_path, "a.parquet", b"PAR1"), SETTLE_SECONDS).settled


def test_a_failure_to_read_a_young_file_may_be_its_writers(tmp_path: Path) -> None:
    path = drop(tmp_path, "a.parquet")
    assert left_for(path, DOUBT_SECONDS - 0.1).doubtful
    assert not left_for(path, DOUBT_SECONDS).doubtful


def test_a_file_that_is_gone_again_is_not_settled(tmp_path: Path) -> None:
    assert not left_for(tmp_path / "gone.csv", SETTLE_SECONDS).settled


@pytest.mark.parametrize("path", ["../elsewhere", "inbox/../../elsewhere", "/etc"])
def test_a_source_outside_the_state_directory_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(RefusedError, match="leaves the state directory"):
        inbox_below(tmp_path / "state", path)


def test_a_source_that_is_a_link_to_outside_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "inbox").symlink_to(tmp_path)
    with pytest.raises(RefusedError, match="leaves the state directory"):
        inbox_below(state, "inbox/small")


def test_a_file_that_is_put_away_overwrites_nothing(tmp_path: Path) -> None:
    target = tmp_path / "done" / "20260101T000000000000.any.csv-a.csv"
    kept = [put_away(drop(tmp_path, "a.csv", content), target) for content in (b"1", b"2", b"3")]
    assert [path.read_bytes() for path in kept] == [b"1", b"2", b"3"]
    assert sorted(path.name for path in kept) == [path.name for path in kept]
    assert kept[2].name == "20260101T000000000002.any.csv-a.csv"


def test_a_file_that_cannot_be_moved_is_said_and_stays(tmp_path: Path) -> None:
    path = drop(tmp_path, "a.csv")
    (tmp_path / "done").write_text("in the way")
    with pytest.raises(StoreError, match=r"a.csv cannot be moved to"):
        put_away(path, tmp_path / "done" / "a.csv")
    assert path.exists()
