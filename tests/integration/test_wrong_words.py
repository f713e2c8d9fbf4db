"""What is typed by mistake is answered in a line with an exit status, and leaves nothing behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import maintainer
from maintainer.cli.app import run as typed_words
from maintainer.daemon import status

POLICY = """\
version: 1
model: my-model
task: {kind: tabular-regression, id: id, label: y, time: at, features: {x: {type: number}}}
"""


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Done]]:
    """Type a command in an empty folder; it runs in this process."""
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*words: str) -> Done:
        monkeypatch.setattr("sys.argv", ["maintainer", *words])
        with pytest.raises(SystemExit) as left:
            typed_words()
        found = capsys.readouterr()
        return Done(int(left.value.code or 0), found.out, found.err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def said(done: Done, status: int, words: str) -> None:
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert words in done.stderr.splitlines()[-1]


def test_what_only_asks_makes_no_state_directory(typed: Callable[..., Done], tmp_path: Path) -> None:
    for words in (["status"], ["runs"], ["doctor"], ["show", "a-0001"], ["ingest", "m", "f.csv"], ["train", "m"]):
        said(typed(*words), 1, "there is no state directory state, nor a policy folder policies; `maintainer init`")
    assert list(tmp_path.iterdir()) == []


def test_the_version_is_told(typed: Callable[..., Done]) -> None:
    assert typed("--version").stdout == f"maintainer {maintainer.__version__}\n"


def test_a_place_where_nothing_can_be_begun_is_named(typed: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said(typed("init", "file"), 1, "cannot be made: ")
    said(typed("init", "/proc/nothing"), 1, "cannot be made: No such file")


def test_policies_are_told_by_their_whole_name_and_missing_files_from_invalid_ones(
    typed: Callable[..., Done], tmp_path: Path
) -> None:
    assert typed("init").returncode == 0
    (tmp_path / "policies" / "my-model.yaml").write_text(POLICY + "mode: sideways\n")
    said(typed("policy", "check", "nosuch.yaml"), 1, "nosuch.yaml: no such file")
    said(typed("policy", "show", "my"), 1, "no policy for 'my' in policies; it has none")
    said(typed("policy", "show", "my-model"), 3, "1 problem(s) in policy files")
    said(typed("status", "my"), 1, "no policy for model 'my'")
    said(typed("status", "my-model"), 3, "1 problem(s) in policy files")
    assert json.loads(typed("policy", "schema", "--json").stdout)["title"] == "Maintainer policy"
    done = typed("run", "--once", "--json")
    assert "mode" in json.loads(done.stdout)["done"][0]
    assert any("sideways" in line or "mode" in line for line in typed("status").stdout.splitlines())


def test_names_and_files_that_are_none_are_refused_in_words(typed: Callable[..., Done], tmp_path: Path) -> None:
    assert typed("init").returncode == 0
    (tmp_path / "policies" / "my-model.yaml").write_text(POLICY)
    said(typed("show", ""), 1, "the name is empty; wanted that of a model, a run or a check")
    said(typed("runs", "nope"), 1, "no policy for model 'nope'")
    said(typed("ingest", "my-model", "."), 1, ". is a folder; wanted a file")
    assert typed("runs", "my-model", "--json").stdout == "[]\n"


def test_of_several_files_what_was_stored_before_the_wrong_one_is_said(
    typed: Callable[..., Done], tmp_path: Path
) -> None:
    assert typed("init").returncode == 0
    (tmp_path / "policies" / "my-model.yaml").write_text(POLICY)
    for number in range(2):
        (tmp_path / f"good{number}.csv").write_text(f"id,at,x,y\n{number},2026-01-01T00:00:00Z,1,2\n")
    done = typed("ingest", "my-model", "good0.csv", "nosuch.csv", "good1.csv", "--json")
    assert (done.returncode, [each["stored"] for each in json.loads(done.stdout)]) == (1, [1])
    assert done.stderr.splitlines()[-2:] == ["not sent: good1.csv", "maintainer: nosuch.csv: no such file"]
    assert "good0.csv: 0 stored, 1 duplicate" in typed("ingest", "my-model", "good0.csv", "nosuch.csv").stdout


def test_a_control_db_that_is_none_is_a_finding_of_doctor(typed: Callable[..., Done], tmp_path: Path) -> None:
    assert typed("init").returncode == 0
    (tmp_path / "state" / "control.db").write_bytes(b"garbage" * 99)
    said(typed("status"), 1, "put a backup of it back while no daemon runs, or move it away")
    done = typed("doctor", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["well"], found["findings"][0]["about"]) == (3, False, "control.db")


def test_a_defect_leaves_its_traceback_in_the_log(
    typed: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*given: Any) -> None:
        raise ZeroDivisionError("the detail")

    assert typed("init").returncode == 0
    monkeypatch.setattr(status, "overview", broken)
    said(typed("status", "--json"), 1, "the traceback is in its log, state/maintainer.log")
    assert "ZeroDivisionError: the detail" in (tmp_path / "state" / "maintainer.log").read_text()


def test_a_broken_manifest_is_told_in_a_line(typed: Callable[..., Done], tmp_path: Path) -> None:
    assert typed("init").returncode == 0
    (tmp_path / "policies" / "my-model.yaml").write_text(POLICY)
    version = tmp_path / "state" / "models" / "my-model" / "versions" / "v0001"
    version.mkdir(parents=True)
    (version.parents[1] / "champion").symlink_to(version)
    (version / "manifest.json").write_text('{"version": "v0001"}')
    done = typed("check", "my-model")
    said(done, 1, "manifest.json cannot be read: model: Field required")
    assert "http" not in done.stderr


@pytest.mark.parametrize(
    ("rows", "words", "status", "told"),
    [
        ("", (), 1, "h.csv has no labelled samples"),
        ("1,2026-01-01T00:00:00Z,1,high\n", (), 1, "label y is string, wanted numbers"),
        ("1,2026-01-01T00:00:00Z,1,2\n", ("--label-delay", "abc"), 2, "wanted a duration such as 30m"),
        ("1,2026-01-01T00:00:00Z,1,2\n", ("--label-delay", "-3d"), 2, "wanted a duration such as 30m"),
        ("1,2026-01-01T00:00:00Z,1,2\n", ("--out", "p.yaml"), 1, "p.yaml cannot be written: Not a directory"),
    ],
)
def test_a_history_that_cannot_be_replayed_is_refused_in_words(
    typed: Callable[..., Done], tmp_path: Path, rows: str, words: tuple[str, ...], status: int, told: str
) -> None:
    (tmp_path / "p.yaml").write_text(POLICY)
    (tmp_path / "h.csv").write_text("id,at,x,y\n" + rows)
    done = typed("backtest", "p.yaml", "--data", "h.csv", "--out", "out", *words)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert "Traceback" not in done.stderr
    assert told in " ".join(done.stderr.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_a_demo_that_cannot_be_written_is_refused_in_words(typed: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said(typed("demo", "--out", "file", "--json"), 1, "file cannot be written: Not a directory")


def test_every_command_shows_an_example(typed: Callable[..., Done]) -> None:
    for words in (["runs"], ["show"], ["report"], ["policy", "show"], ["policy", "schema"]):
        assert "Example: maintainer" in typed(*words, "--help").stdout
