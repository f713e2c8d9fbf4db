"""What is wrong is found, and no repair loses what could be kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from maintainer.daemon.context import Context
from maintainer.daemon.doctor import examine, repair
from maintainer.daemon.operations import Operations
from maintainer.daemon.starting import next_run
from maintainer.daemon.status import of_model
from maintainer.domain.model import Manifest, Span
from maintainer.domain.sample import TaskKind
from maintainer.errors import RefusedError, UnreadableError
from maintainer.settings import load

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = """\
version: 1
model: tiny
task: {kind: tabular-regression, id: id, label: y, time: at, features: {x: {type: number}}}
"""
ROW = '{"id": "%d", "at": "2026-01-01T00:00:00Z", "x": 1, "y": 2}\n'


class Home:
    """A state directory that can be opened again, as by another process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        self.policy = folder / "policies" / "tiny.yaml"
        self.policy.parent.mkdir()
        self.policy.write_text(POLICY)
        self.now = NOW
        self.held = self.opened()

    def opened(self) -> Operations:
        settings = load(state=self.state, policies=self.policy.parent)
        held = Operations(Context.open(settings, lambda: self.now))
        held.context.load_policies()
        return held

    def reopen(self) -> None:
        self.held.context.close()
        self.held = self.opened()

    def take_in(self, *names: str) -> None:
        spool = self.state / "spool" / "tiny"
        spool.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            (spool / f"{number:032x}.samples-{name}").write_text(ROW % number)
            self.held.tick()
            self.now += timedelta(minutes=1)

    def samples(self) -> int:
        return of_model(self.held, "tiny")["samples"]

    def finding(self, about: str) -> dict[str, str]:
        return next(found for found in examine(self.held)["findings"] if found["about"] == about)

    def break_samples(self) -> None:
        self.held.context.database.close()
        (self.state / "samples.duckdb").write_bytes(b"garbage" * 999)

    def add_version(self, version: str, created_at: datetime) -> None:
        folder = self.state / "models" / "tiny" / "versions" / version
        folder.mkdir(parents=True)
        span = Span(start=NOW, end=NOW)
        manifest = Manifest(
            model="tiny", version=version, parent=None, run="tiny-0001", created_at=created_at,
            task=TaskKind.REGRESSION, family="tabular-mlp", classes=(), trained=span, held_out=span, memory_from=NOW,
            block_seconds=None, metrics={}, baseline={}, strategy="scratch", alpha=1.0, seed=0, threads=1,
            policy_hash="", data_hash="", packages={}, files={},
        )  # fmt: skip
        (folder / "manifest.json").write_text(manifest.model_dump_json())
        link = folder.parent.parent / "champion"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("versions") / version)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path)
    yield found
    found.held.context.close()


def test_a_state_that_is_well_is_said_to_be(home: Home) -> None:
    home.take_in("a.jsonl")
    found = examine(home.held)
    assert found["well"]
    assert [each["about"] for each in found["findings"][:2]] == ["control.db", "samples.duckdb"]
    assert {"disk", "permissions", "socket", "clock", "policy"} <= {each["about"] for each in found["findings"]}


@pytest.mark.parametrize("policy", [None, POLICY + "mode: sideways\n"], ids=["missing", "invalid"])
def test_nothing_is_set_aside_while_a_model_with_files_has_no_policy(home: Home, policy: str | None) -> None:
    home.take_in("a.jsonl", "b.jsonl")
    home.break_samples()
    home.policy.unlink()
    if policy:
        home.policy.write_text(policy)
    home.reopen()
    with pytest.raises(RefusedError, match=r"no policy is in force of tiny \(2 files in inbox/tiny/done\)"):
        repair(home.held)
    assert (home.state / "samples.duckdb").read_bytes().startswith(b"garbage")
    home.policy.write_text(POLICY)
    repair(home.held)
    assert home.samples() == 2


def test_a_rebuild_is_not_done_while_a_file_was_not_taken_in(home: Home) -> None:
    home.take_in("a.jsonl", "b.jsonl")
    unread = next((home.state / "inbox" / "tiny" / "done").glob("*b.jsonl"))
    content = unread.read_text()
    unread.write_bytes(b"\x00\xff" * 40)
    home.break_samples()
    assert any("b.jsonl was not taken in" in sentence for sentence in repair(home.held))
    assert home.finding("samples.duckdb")["level"] == "wrong"
    unread.write_text(content)
    repair(home.held)
    assert (home.samples(), home.finding("samples.duckdb")["level"]) == (2, "ok")


def test_a_control_db_that_was_lost_is_said_and_told_of_the_versions(home: Home) -> None:
    home.add_version("v0001", NOW - timedelta(days=9))
    home.add_version("v0002", NOW - timedelta(days=1))
    assert "maintainer doctor --repair" in home.finding("control.db")["do"]
    assert "control.db does not know the champion" in of_model(home.held, "tiny")["problem"]
    repair(home.held)
    assert home.finding("control.db")["level"] == "ok"
    assert of_model(home.held, "tiny")["problem"] is None
    assert home.held.rollback("tiny", None, "operator") == ("v0002", "v0001")
    assert next_run(home.held.context, home.held.context.policy("tiny"), "a test").version == "v0003"


def test_a_control_db_that_is_no_database_is_refused_with_what_to_do(home: Home) -> None:
    home.held.context.close()
    (home.state / "control.db").write_bytes(b"garbage" * 999)
    with pytest.raises(UnreadableError, match=r"control.db cannot be opened: .*; put a backup of it back"):
        home.opened()
    (home.state / "control.db").unlink()
    home.held = home.opened()


def test_a_control_db_with_a_damaged_page_is_found(home: Home) -> None:
    home.held.context.close()
    path = home.state / "control.db"
    content = bytearray(path.read_bytes())
    content[-4096:] = b"\xff" * 4096
    path.write_bytes(content)
    home.held = home.opened()
    assert home.finding("control.db")["level"] == "wrong"


def test_an_inbox_that_leads_elsewhere_is_said_and_keeps_nothing_else_from_being_done(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (home.state / "inbox").mkdir()
    (home.state / "inbox" / "tiny").symlink_to(tmp_path / "elsewhere")
    home.take_in("a.jsonl")
    assert home.samples() == 1
    assert "leaves the state directory" in home.finding("tiny")["found"]
    assert "leaves the state directory" in of_model(home.held, "tiny")["problem"]


def test_a_journal_from_the_future_is_said(home: Home) -> None:
    home.held.context.control.create_run(next_run(home.held.context, home.held.context.policy("tiny"), "a test"))
    home.now -= timedelta(days=1)
    home.add_version("v0001", NOW)
    assert home.finding("clock")["level"] == "warning"


def test_what_a_killed_process_left_in_the_scratch_folder_is_cleared_away(home: Home) -> None:
    left = home.state / "tmp" / "tmpabcdefgh"
    left.mkdir(parents=True)
    (left / "samples.parquet").write_bytes(b"half")
    home.reopen()
    assert not left.exists()


def test_an_invalid_edit_is_said_at_every_tick_and_in_the_status_of_a_model(home: Home) -> None:
    home.policy.write_text(POLICY + "mode: sideways\n")
    assert any("sideways" in sentence for sentence in home.held.tick())
    assert "sideways" in of_model(home.held, "tiny")["policy_problems"][0]
