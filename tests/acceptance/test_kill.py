"""Killed anywhere, the daemon comes back and the run ends like the unharmed one."""

from __future__ import annotations

import os
import signal
from typing import Any

from maintainer.store.artifacts import champion_of, problems_of

PHASES = ("collect", "train", "export", "gate", "promote", "report")


def ended_whole(world: Any, run: str) -> None:
    """The run was promoted once, its champion is whole, and no row was lost."""
    assert world.over(run) == "promoted"
    events = world.journal(run)
    assert [phase for phase, kind in events if kind == "finished"] == list(PHASES)
    crowned = world.sql("select version from champion_event where cause = ?", f"run {run}")
    assert crowned == [("v0002",)]
    assert len(world.sql("select * from audit where subject = 'tiny/v0002'")) == 1
    model = world.state / "models" / "tiny"
    assert champion_of(model) == "v0002"
    assert problems_of(model / "versions" / "v0002") == []
    assert sorted(path.name for path in (model / "versions").iterdir()) == ["v0001", "v0002"]
    found = world.asked("status", "tiny")
    assert (found["samples"], found["labels"], found["champion"]) == (1800, 1800, "v0002")


def test_a_daemon_killed_in_and_after_each_phase_ends_with_one_promotion_and_every_row(world: Any) -> None:
    world.start()
    run = world.asked("train", "tiny", "--detach")["run"]
    for phase in PHASES:
        for kind in ("started", "finished"):
            world.in_journal(run, phase, kind)
            world.kill()
            world.start()
    ended_whole(world, run)
    cut_short = {phase for phase, kind in world.journal(run) if kind == "interrupted"}
    assert cut_short >= {"train", "export", "gate"}


def test_a_training_child_dies_with_a_killed_daemon(world: Any) -> None:
    world.start()
    run = world.asked("train", "tiny", "--detach")["run"]
    child = world.job(run, "train")
    world.kill()
    world.gone(child)


def test_a_daemon_asked_to_stop_in_training_pauses_the_run_and_a_later_one_resumes_it(world: Any) -> None:
    world.start()
    run = world.asked("train", "tiny", "--detach")["run"]
    os.kill(world.job(run, "train"), signal.SIGKILL)  # a dead child alone is started again
    world.in_journal(run, "train", "interrupted")
    child = world.job(run, "train")
    assert world.stop() < 10
    world.gone(child)
    assert world.journal(run)[-1] == ("train", "paused")
    assert "Traceback" not in world.log
    world.start()
    ended_whole(world, run)
    assert world.journal(run).count(("train", "interrupted")) == 1
