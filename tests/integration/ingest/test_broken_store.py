"""When the store or its disk gives way: said in words, nothing half stored, and all of it back afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from maintainer.daemon import intake
from maintainer.daemon.doctor import examine, repair
from maintainer.store.control import Crowning
from maintainer.store.database import read_everything

BREAK = {
    "garbage": lambda content: b"garbage" * (len(content) // 7),
    "cut": lambda content: content[: len(content) // 2],
    "empty header": lambda content: b"\0" * 8192 + content[8192:],
}


def corrupt(world: Any, how: Callable[[bytes], bytes]) -> None:
    world.operations.context.database.close()
    path = world.state / "samples.duckdb"
    path.write_bytes(how(path.read_bytes()))
    world.reopen()


@pytest.mark.parametrize("how", BREAK.values(), ids=BREAK)
def test_a_broken_database_is_survived_said_and_rebuilt_with_every_row(world: Any, how: Any) -> None:
    world.sent(world.csv(world.rows(20)), "a.csv")
    world.moment[0] += timedelta(hours=1)
    world.sent(b"id,label,x\ns0,down,1\n", "labels.csv", "labels")
    world.drop("b.jsonl", world.jsonl([*world.rows(10, first=20), {"id": "bad", "x": "abc"}]))
    world.operations.tick()
    before = (world.samples(), world.labels(), world.refused())
    corrupt(world, how)

    waiting = world.drop("c.csv", world.csv(world.rows(5, first=40)))
    said = world.operations.tick()
    assert any("samples.duckdb" in sentence and "maintainer doctor" in sentence for sentence in said), said
    assert waiting.exists()
    answer = world.send(world.csv(world.rows(5, first=50)), "d.csv")
    assert (answer.status_code, answer.json()["kind"]) == (503, "StoreError")
    assert "samples.duckdb" in answer.json()["error"]
    found = {finding["about"]: finding for finding in examine(world.operations)["findings"]}
    assert (found["samples.duckdb"]["level"], found["samples.duckdb"]["do"]) == ("wrong", "maintainer doctor --repair")

    done = world.ask("POST", "/doctor/repair").json()["done"]
    assert "set aside as samples.duckdb." in done[0]
    assert (world.samples(), world.labels(), world.refused()) == before
    assert examine(world.operations)["well"]
    world.operations.tick()
    assert {f"s{i}" for i in range(40, 45)} <= {row[0] for row in world.samples()}
    assert list(world.state.glob("samples.duckdb.*.broken"))


def told(world: Any) -> tuple[str, str, str]:
    """What the doctor says of the database."""
    found = {finding["about"]: finding for finding in examine(world.operations)["findings"]}["samples.duckdb"]
    return found["level"], found["do"], found["found"]


def lose(world: Any) -> None:
    """The file of the database is gone when the program starts again."""
    world.operations.context.database.close()
    (world.state / "samples.duckdb").unlink()
    world.reopen()


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after a tick that took more files in"])
def test_a_database_that_was_lost_is_told_and_rebuilt(world: Any, later: bool) -> None:
    for number in range(2):
        world.sent(world.csv(world.rows(5, first=10 * number)), "same.csv")  # two at one moment: the second moves on
    world.sent(b"id,label\ns0,down\n", "labels.csv", "labels")
    before = (world.samples(), world.labels())
    assert told(world)[0] == "ok"
    lose(world)
    world.moment[0] += timedelta(hours=1)
    if later:
        world.sent(world.csv(world.rows(5, first=30)), "b.csv")
    level, do, found = told(world)
    assert (level, do) == ("wrong", "maintainer doctor --repair")
    assert "knows nothing of 3 files that were taken in, from " in found
    assert len(repair(world.operations)) == (4 if later else 3)
    assert set(before[0]) <= set(world.samples())
    assert before[1].items() <= world.labels().items()
    assert len(world.samples()) == (15 if later else 10)
    assert told(world)[0] == "ok"
    assert repair(world.operations) == ["nothing to repair"]


def test_a_file_that_a_rebuild_cannot_take_in_is_told_until_it_is_moved_away(make_world: Callable[..., Any]) -> None:
    world = make_world()
    world.sent(world.csv(world.rows(5)), "a.csv")
    policy = world.home / "policies" / "small.yaml"
    policy.write_text(policy.read_text().replace("    x: {", "    z: {").replace("    day: {", "    noon: {"))
    lose(world)
    said = repair(world.operations)
    assert any("has none of the features" in sentence for sentence in said), said
    assert told(world)[0] == "wrong"
    next((world.state / "inbox" / "small" / "done").iterdir()).unlink()
    repair(world.operations)
    assert (told(world)[0], repair(world.operations)) == ("ok", ["nothing to repair"])


def test_a_damaged_block_in_a_database_that_opens_is_found_and_rebuilt(world: Any) -> None:
    world.sent(world.csv(world.rows(400)), "a.csv")
    before = world.samples()

    def flipped(content: bytes) -> bytes:
        found = bytearray(content)
        for place in range(12_288 + 5000, len(found), 50_000):
            found[place] ^= 0xFF
        return bytes(found)

    corrupt(world, flipped)
    assert "set aside" in repair(world.operations)[0]
    assert world.samples() == before


def test_a_rebuild_that_was_cut_short_is_told_and_taken_up_again(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        world.sent(world.csv(world.rows(5, first=10 * number)), f"{number}.csv")
        world.moment[0] += timedelta(minutes=1)
    before = world.samples()
    corrupt(world, BREAK["garbage"])
    real, calls = intake.TAKERS["samples"], []

    def killed(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setitem(intake.TAKERS, "samples", killed)
    with pytest.raises(KeyboardInterrupt):
        repair(world.operations)
    world.reopen()
    assert 0 < len(world.samples()) < len(before)
    found = {finding["about"]: finding for finding in examine(world.operations)["findings"]}
    assert "not finished: rows are missing" in found["samples.duckdb"]["found"]
    monkeypatch.setitem(intake.TAKERS, "samples", real)
    repair(world.operations)
    assert world.samples() == before
    assert repair(world.operations) == ["nothing to repair"]


def test_rebuilt_answers_belong_to_the_version_that_gave_them(world: Any) -> None:
    model, control = world.state / "models" / "small", world.operations.context.control
    model.mkdir(parents=True)
    for number, version in enumerate(("v1", "v2")):
        (model / "champion").unlink(missing_ok=True)
        (model / "champion").symlink_to(Path("versions") / version)
        control.crown(Crowning("small", version, world.moment[0], f"run {number}", "maintainer", "promote"))
        world.moment[0] += timedelta(minutes=1)
        world.sent(world.csv([{**world.rows(1, first=number)[0], "prediction": "up"}]), f"{number}.csv")
        world.moment[0] += timedelta(minutes=1)
    corrupt(world, BREAK["garbage"])
    repair(world.operations)
    assert world.sql("select _id, _version from model_small.sample order by _id") == [("s0", "v1"), ("s1", "v2")]


def test_a_database_that_another_process_has_is_not_set_aside(world: Any) -> None:
    world.sent(world.csv(world.rows(5)), "a.csv")
    world.operations.context.database.close()
    path = world.state / "samples.duckdb"
    hold = "import duckdb, sys; db = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "held\n"
        found = {finding["about"]: finding for finding in examine(world.operations)["findings"]}
        answer = world.ask("POST", "/doctor/repair")
        other.stdin.close()
    assert found["samples.duckdb"]["do"] == "end the other process"
    assert (answer.status_code, answer.json()["kind"]) == (503, "BusyError")
    assert len(world.samples()) == 5
    assert read_everything(world.operations.context.database) > 0


FULL = """
import json, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from maintainer.daemon.context import Context
from maintainer.daemon.operations import Operations
from maintainer.errors import StoreError
from maintainer.settings import load
from maintainer.store.batch import Batch
from maintainer.store.intake import ingest_samples

mode, home, small, large = sys.argv[1], *map(Path, sys.argv[2:5])
context = Context.open(load(state=home / "state", policies=small.parent / "policies", store_threads=1),
                       lambda: datetime(2026, 1, 1, 12, tzinfo=UTC))
schema = context.schema(context.policy("small"))

def take(path):
    try:
        return ingest_samples(context.database, Batch(schema, path, "csv", path.name, context.clock())).stored
    except StoreError as error:
        return str(error)

def counted():
    with context.database.reading() as db:
        return db.execute("select (select count(*) from model_small.sample), (select count(*) from batch)").fetchone()

told = {"first": take(small), "before": counted()}
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
if mode == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, hard))
else:
    filler = home / "filler"
    with filler.open("wb") as file:
        file.write(b"x" * (20 << 20))
told["full"], told["kept"] = take(large), counted()
if mode == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
else:
    filler.unlink()
told["again"], told["after"] = take(large), counted()
context.database.checkpoint()
context.close()
print(json.dumps(told))
"""


def mounts() -> bool:
    """Return whether this process may mount a small disk of its own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    tried = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("mode", ["limit", "disk"])
def test_on_a_full_disk_nothing_is_half_stored_and_the_file_goes_in_once_there_is_room(
    world: Any, tmp_path: Path, mode: str
) -> None:
    if mode == "disk" and not mounts():
        pytest.skip("only root may mount a small disk")
    disk, small, large = tmp_path / "disk", world.home / "small.csv", world.home / "large.csv"
    disk.mkdir()
    small.write_bytes(world.csv(world.rows(100)))
    with large.open("w") as file:
        file.write("id,at,x,day,label\n")
        file.writelines(
            f"row-{i},2025-01-01T00:00:00,{i % 100}.{i * 7919 % 100003},day {i},up\n" for i in range(200_000)
        )
    command = [sys.executable, "-c", FULL, mode, str(disk), str(small), str(large)]
    if mode == "disk":
        mount = 'mount -t tmpfs -o size=26m tmpfs "$1" && shift && exec "$@"'
        command = ["unshare", "-m", "sh", "-c", mount, "sh", str(disk), *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert (told["first"], told["before"]) == (100, [100, 1])
    assert isinstance(told["full"], str), "the disk was not full"
    assert "samples.duckdb" in told["full"]
    assert told["kept"] == [100, 1]
    assert (told["again"], told["after"]) == (200_000, [200_100, 2]), told["again"]
