from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from maintainer.domain.run import Event, Kind, Phase, Verdict
from maintainer.errors import NewerError, NotFoundError, RefusedError, StoreError
from maintainer.store.control import CheckRecord, Control, Crowning, RunRecord

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RUN = RunRecord("m-1", "m", 1, NOW, "because", ("moved",), "hash", None, "v1", None, 0)
CHECK = CheckRecord("m-c1", "m", 1, NOW, "hash", "{}", "[]", "{}")


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    held = Control(tmp_path / "control.db")
    held.adopt_policy("hash", "m", "{}", NOW)
    yield held
    held.close()


def event(seq: int, kind: Kind = Kind.STARTED, phase: Phase = Phase.COLLECT) -> Event:
    return Event("m-1", seq, kind, phase, NOW + timedelta(seconds=seq))


def test_a_run_comes_back_as_it_was_written(control: Control) -> None:
    control.create_run(RUN)
    assert control.run("m-1") == RUN
    assert control.runs("m") == [RUN]
    assert control.runs("other") == []


def test_a_journal_comes_back_in_order_and_folds_to_where_the_run_stands(control: Control) -> None:
    control.create_run(RUN)
    written = [event(1), event(2, Kind.FINISHED), event(3, phase=Phase.TRAIN)]
    for each in written:
        control.append(each)
    assert control.events("m-1") == written
    assert (control.state("m-1").phase, control.state("m-1").running) == (Phase.TRAIN, True)


def test_of_two_processes_that_write_the_same_place_of_a_journal_one_is_refused(tmp_path: Path) -> None:
    first, second = Control(tmp_path / "control.db"), Control(tmp_path / "control.db")
    first.adopt_policy("hash", "m", "{}", NOW)
    first.create_run(RUN)
    first.append(event(1))
    with pytest.raises(RefusedError, match="event 1 of run m-1 was written already"):
        second.append(event(1, Kind.PAUSED))
    assert second.events("m-1") == [event(1)]
    second.append(event(2, Kind.PAUSED))
    assert len(first.events("m-1")) == 2
    first.close()
    second.close()


def test_a_number_belongs_to_one_run_of_a_model(control: Control) -> None:
    control.create_run(RUN)
    with pytest.raises(RefusedError, match="m-1 exists already"):
        control.create_run(RUN)
    with pytest.raises(RefusedError):
        control.create_run(replace(RUN, id="m-one"))
    control.create_run(replace(RUN, id="n-1", model="n"))
    assert [run.id for run in control.runs()] == ["m-1", "n-1"] or [run.id for run in control.runs()] == ["n-1", "m-1"]


def test_a_run_with_a_policy_that_was_never_kept_is_refused(control: Control) -> None:
    with pytest.raises(RefusedError):
        control.create_run(replace(RUN, policy_hash="unheard of"))
    assert control.runs() == []


def test_a_check_and_the_run_it_starts_are_kept_together_or_not_at_all(control: Control) -> None:
    control.create_run(RUN)
    with pytest.raises(RefusedError, match="check m-c1 or run m-1, which it starts, exists already"):
        control.add_check(CHECK, RUN)  # the number of the run is taken
    assert control.checks("m") == []
    second = replace(RUN, id="m-2", number=2, check_id=CHECK.id)
    control.add_check(CHECK, second)
    assert control.check("m-c1") == CHECK
    assert control.run("m-2").check_id == "m-c1"


def test_a_check_whose_number_is_taken_is_refused(control: Control) -> None:
    control.add_check(CHECK)
    with pytest.raises(RefusedError, match="check m-c1 exists already"):
        control.add_check(replace(CHECK, decision="other"))


def test_the_newest_run_of_a_model_is_the_one_with_the_highest_number_whatever_the_clock_said(
    control: Control,
) -> None:
    for number, days in ((1, 0), (2, 400), (3, 1)):  # the second began before the clock was set right
        control.create_run(replace(RUN, id=f"m-{number}", number=number, created_at=NOW + timedelta(days=days)))
    assert [run.number for run in control.runs("m")] == [3, 2, 1]


def test_the_newest_check_is_the_one_with_the_highest_number(control: Control) -> None:
    for number in (1, 2, 10):
        control.add_check(replace(CHECK, id=f"m-c{number}", number=number))
    assert [check.number for check in control.checks("m", limit=2)] == [10, 2]


def test_a_run_is_open_until_its_report_is_done(control: Control) -> None:
    control.create_run(RUN)
    control.append(event(1))
    assert control.open_runs() == [RUN]
    control.append(Event("m-1", 2, Kind.FAILED, Phase.COLLECT, NOW, Verdict.FAILED, "no data"))
    assert control.open_runs("m") == [RUN]
    control.append(Event("m-1", 3, Kind.FINISHED, Phase.REPORT, NOW))
    assert control.open_runs() == []
    assert control.state("m-1").reason == "no data"


def test_champions_are_kept_in_order_and_one_fact_is_kept_once(control: Control) -> None:
    first = Crowning("m", "v1", NOW, "run m-1", "maintainer", "promote")
    second = Crowning("m", "v2", NOW + timedelta(hours=1), "run m-2", "maintainer", "promote")
    back = Crowning("m", "v1", NOW + timedelta(hours=2), "rollback from v2", "operator", "rollback")
    for crowning in (first, first, second, second, back):
        control.crown(crowning)
    assert [(c.seq, c.version, c.happened_at) for c in control.champions("m")] == [
        (1, "v1", first.now),
        (2, "v2", second.now),
        (3, "v1", back.now),
    ]
    assert control.champions("n") == []


def test_what_does_not_exist_is_said_by_name(control: Control) -> None:
    for ask, name in ((control.run, "m-9"), (control.check, "m-c9"), (control.policy, "cafe")):
        with pytest.raises(NotFoundError, match=name):
            ask(name)


def test_what_was_written_is_there_for_the_next_process(tmp_path: Path) -> None:
    first = Control(tmp_path / "control.db")
    first.adopt_policy("hash", "m", '{"model": "m"}', NOW)
    first.adopt_policy("hash", "m", "something else", NOW)  # the hash names one document for ever
    first.close()
    second = Control(tmp_path / "control.db")
    assert second.policy("hash") == '{"model": "m"}'
    second.close()


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    Control(path).close()
    with sqlite3.connect(path) as db:
        db.execute("insert into migration values (999)")
    db.close()
    with pytest.raises(NewerError, match=r"control.db has schema 999, this program knows \d+.*newer version"):
        Control(path)


def test_a_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "control.db"
    path.write_bytes(b"junk" * 5000)
    with pytest.raises(StoreError, match=r"control.db cannot be opened: .*not a database"):
        Control(path)
