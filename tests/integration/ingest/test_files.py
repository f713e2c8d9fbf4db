"""One file in an inbox or in the spool that makes trouble: it is told of, and the others do not wait for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from maintainer.daemon import inboxes, intake
from maintainer.daemon.doctor import examine, repair
from maintainer.errors import StoreError
from maintainer.store import intake as store

AT_REST = 3600.0  # seconds


def rest(path: Path) -> None:
    """Have a file look as if nobody had touched it for a while."""
    os.utime(path, (time.time() - AT_REST,) * 2)


def done(world: Any) -> list[str]:
    return sorted(path.name.partition("-")[2] for path in (world.inbox / "done").iterdir())


def aside(world: Any) -> list[str]:
    return sorted(path.name.partition("-")[2] for path in (world.inbox / "quarantine").iterdir())


def taking(monkeypatch: pytest.MonkeyPatch, first: Callable[[Any], None]) -> None:
    """Have something happen before each file of an inbox is taken in."""
    real = intake.TAKERS["any"]

    def take(database: Any, batch: Any) -> Any:
        first(batch)
        return real(database, batch)

    monkeypatch.setitem(intake.TAKERS, "any", take)


# --- names


def test_a_file_whose_name_is_not_text_is_set_aside_and_the_next_is_taken(world: Any) -> None:
    world.drop(os.fsdecode(b"caf\xe9.csv"), world.csv(world.rows(2)), age=7200)
    world.drop("good.csv", world.csv(world.rows(2, first=10)))
    assert world.operations.tick() == [
        r"small: caf\xe9.csv: its name is not UTF-8 text; moved to quarantine/",
        "small: good.csv: 2 stored, 0 duplicate, 0 quarantined, 2 labels",
    ]
    assert aside(world) == [r"caf\xe9.csv"]
    assert world.sql("select source, reason from quarantine") == [
        (r"caf\xe9.csv", r"caf\xe9.csv: its name is not UTF-8 text")
    ]


@pytest.mark.parametrize("name", ["a" * 251 + ".csv", "ä" * 125 + ".csv"])
def test_a_file_with_the_longest_name_there_is_goes_where_others_go(world: Any, name: str) -> None:
    world.drop(name, world.csv(world.rows(2)))
    assert "2 stored" in world.operations.tick()[0]
    assert world.operations.tick() == []
    world.drop(name, b"")
    assert "the file is empty; moved to quarantine/" in world.operations.tick()[0]
    assert len(done(world)) == len(aside(world)) == 1
    repair(world.operations)
    assert len(world.samples()) == 2


# --- errors


def test_a_file_that_breaks_the_program_is_set_aside_and_the_next_is_taken(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(batch: Any) -> None:
        if batch.source == "bad.csv":
            raise RuntimeError("std::bad_cast")

    taking(monkeypatch, broken)
    world.drop("bad.csv", world.csv(world.rows(2)), age=7200)
    world.drop("good.csv", world.csv(world.rows(2, first=10)))
    assert world.operations.tick() == [
        "small: bad.csv: RuntimeError: std::bad_cast; moved to quarantine/",
        "small: good.csv: 2 stored, 0 duplicate, 0 quarantined, 2 labels",
    ]
    assert aside(world) == ["bad.csv"]


def test_files_that_the_store_does_not_take_stay_and_keep_no_other_waiting(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def full(batch: Any) -> None:
        tried.append(batch.source)
        if batch.source.startswith("large"):
            raise StoreError("samples.duckdb: out of memory")

    taking(monkeypatch, full)
    for number in range(4):
        world.drop(f"large{number}.csv", world.csv(world.rows(2)), age=7200)
    world.drop("good.csv", world.csv(world.rows(2, first=10)))
    said = world.operations.tick()
    assert said == [f"small: large{number}.csv: samples.duckdb: out of memory" for number in range(3)]
    assert len(tried) == inboxes.MOST_FAILURES  # a store that takes nothing is not asked for every file
    assert "small: good.csv: 2 stored, 0 duplicate, 0 quarantined, 2 labels" in world.operations.tick()
    monkeypatch.undo()
    assert len(world.operations.tick()) == 4
    assert len(world.samples()) == 4


def test_what_is_stored_and_cannot_be_moved_is_not_taken_in_again(world: Any) -> None:
    world.inbox.mkdir(parents=True)
    (world.inbox / "done").write_text("in the way")
    path = world.drop("a.csv", world.csv(world.rows(2)))
    said = f"{path} cannot be moved to {world.inbox / 'done'}: File exists"
    assert world.operations.tick() == world.operations.tick() == [f"small: {said}"]
    assert world.sql("select count(*) from batch") == [(1,)]
    assert world.ask("GET", "/models/small").json()["inbox"] == [f"taken in and not in done/ yet: {said}"]
    found = {finding["about"]: finding for finding in examine(world.operations)["findings"]}
    assert (found["inbox of small"]["level"], found["inbox of small"]["found"][:8]) == ("warning", "taken in")
    (world.inbox / "done").unlink()
    assert world.operations.tick() == []
    assert done(world) == ["a.csv"]
    assert world.ask("GET", "/models/small").json()["inbox"] == []


def test_what_has_changed_before_it_could_be_moved_is_taken_in_again(world: Any) -> None:
    world.inbox.mkdir(parents=True)
    (world.inbox / "done").write_text("in the way")
    world.drop("a.csv", world.csv(world.rows(2)))
    world.operations.tick()
    world.drop("a.csv", world.csv(world.rows(5)))
    (world.inbox / "done").unlink()
    assert world.operations.tick() == ["small: a.csv: 3 stored, 2 duplicate, 0 quarantined, 3 labels"]


def test_what_could_not_be_moved_is_taken_into_a_database_that_is_rebuilt(world: Any) -> None:
    world.inbox.mkdir(parents=True)
    (world.inbox / "done").write_text("in the way")
    world.drop("a.csv", world.csv(world.rows(2)))
    world.operations.tick()
    world.operations.context.database.close()
    (world.state / "samples.duckdb").write_bytes(b"junk" * 9000)
    (world.inbox / "done").unlink()
    repair(world.operations)
    world.operations.tick()
    assert len(world.samples()) == 2
    assert done(world) == ["a.csv"]


# --- files that are still written


def test_a_file_that_changes_while_it_is_read_is_taken_in_once_it_rests(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = world.csv(world.rows(5)).splitlines(keepends=True)
    path = world.drop("a.csv", b"".join(lines[:3]))
    real = store.digest_of

    def appended(batch: Any) -> str:
        with path.open("ab") as file:
            file.writelines(lines[3:])
        return real(batch)

    monkeypatch.setattr(store, "digest_of", appended)
    assert world.operations.tick() == []
    monkeypatch.undo()
    assert (world.samples(), world.refused()) == ([], [])
    rest(path)
    assert world.operations.tick() == ["small: a.csv: 5 stored, 0 duplicate, 0 quarantined, 5 labels"]


def test_what_is_written_to_a_file_after_it_was_moved_is_taken_in_too(world: Any) -> None:
    lines = world.csv(world.rows(5)).splitlines(keepends=True)
    path = world.drop("a.csv", b"".join(lines[:3]))
    with path.open("ab") as file:
        world.operations.tick()
        kept = next((world.inbox / "done").iterdir())
        world.moment[0] += timedelta(seconds=50)
        file.writelines(lines[3:])
    assert world.operations.tick() == []  # just written
    rest(kept)
    assert world.operations.tick() == [
        f"small: changed after it was taken in: {kept.name}: 3 stored, 2 duplicate, 0 quarantined, 3 labels"
    ]
    assert world.operations.tick() == []
    world.moment[0] += timedelta(minutes=2)
    world.operations.tick()
    assert world.operations.context.inbox.moved == {}


def test_rows_without_an_id_or_a_time_that_come_after_the_move_are_told_of(make_world: Callable[..., Any]) -> None:
    world = make_world(("  id: id\n", ""), ("  time: at\n", ""))
    lines = world.csv(world.rows(5)).splitlines(keepends=True)
    path = world.drop("a.csv", b"".join(lines[:3]))
    with path.open("ab") as file:
        world.operations.tick()
        file.writelines(lines[3:])
    kept = next((world.inbox / "done").iterdir())
    rest(kept)
    assert world.operations.tick() == [
        f"small: {kept.name} has changed after it was taken in; what is new in it is not"
    ]
    assert len(world.samples()) == 2
    assert world.operations.tick() == []


def test_a_file_from_the_future_is_told_of_and_taken_in_once_it_stays_the_same(world: Any) -> None:
    path = world.drop("a.csv", world.csv(world.rows(2)), age=-AT_REST)
    said = "small: a.csv says it was changed in the future: taken in once it stays the same"
    assert world.operations.tick() == [said]
    assert world.ask("GET", "/models/small").json()["inbox"] == [said.removeprefix("small: ")]
    path.write_bytes(world.csv(world.rows(3)))
    os.utime(path, (time.time() + AT_REST,) * 2)
    assert world.operations.tick() == [said]
    assert world.operations.tick() == [said, "small: a.csv: 3 stored, 0 duplicate, 0 quarantined, 3 labels"]
    world.drop("b.csv", b"junk", age=-AT_REST)
    world.operations.tick()
    world.operations.tick()
    assert aside(world) == ["b.csv"]


def test_a_link_is_told_of_and_left_alone(world: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_bytes(world.csv(world.rows(2)))
    world.inbox.mkdir(parents=True)
    (world.inbox / "link.csv").symlink_to(outside)
    assert world.operations.tick() == ["small: link.csv is a link and not taken in; wanted a file"]
    assert world.samples() == []


# --- the spool


def test_an_upload_that_its_request_takes_in_meanwhile_is_no_file_that_is_missing(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = world.state / "spool" / "small"
    spool.mkdir(parents=True)
    paths = [spool / f"{str(number) * 32}.samples-{number}.csv" for number in range(2)]
    for number, path in enumerate(paths):
        path.write_bytes(world.csv(world.rows(2, first=10 * number)))
    real = intake.TAKERS["samples"]

    def taken(database: Any, batch: Any) -> Any:
        paths[1].unlink(missing_ok=True)  # what the end of the other's request does
        return real(database, batch)

    monkeypatch.setitem(intake.TAKERS, "samples", taken)
    assert world.operations.tick() == ["small: 0.csv: 2 stored, 0 duplicate, 0 quarantined, 2 labels"]
    assert world.refused() == []


def test_an_upload_that_was_stored_and_not_moved_is_moved_by_the_clock(world: Any) -> None:
    world.inbox.mkdir(parents=True)
    (world.inbox / "done").write_text("in the way")
    assert world.send(world.csv(world.rows(2)), "a.csv").status_code == 503
    (world.inbox / "done").unlink()
    assert world.operations.tick() == []
    assert done(world) == ["a.csv"]
    assert world.sql("select count(*) from batch") == [(1,)]


def test_what_requests_of_a_killed_process_left_is_removed_and_those_under_way_are_not(world: Any) -> None:
    spool, asked = world.state / "spool" / "gone", world.state / "spool" / "_predict"
    names = [f"{sign * 32}.samples-a.csv" for sign in "0123"]
    for folder, name in ((spool, names[0] + ".partial"), (asked, names[1]), (asked, names[2] + ".partial")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    live = [spool / names[3], asked / names[3]]
    world.operations.context.uploads.update(live)
    (spool / (names[3] + ".partial")).write_bytes(b"x")
    live[1].write_bytes(b"x")
    (spool / "whole.samples-b.csv").write_bytes(b"x")  # acknowledged, of a model whose policy is gone
    assert world.operations.tick() == [f"3 files removed from {world.state / 'spool'} that were never acknowledged"]
    left = sorted(path.name for path in (world.state / "spool").rglob("*") if path.is_file())
    assert left == sorted([names[3] + ".partial", names[3], "whole.samples-b.csv"])
