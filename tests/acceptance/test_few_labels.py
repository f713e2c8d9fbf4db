"""What becomes of a run with too few labels: it says so before it spends the compute."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any


def test_a_run_with_fifty_labels_ends_before_it_trains_and_says_how_many_would_do(world: Any) -> None:
    text = world.policy.read_text().replace(
        "window: {last: 20d, min_samples: 100}", "window: {last: 1d, min_samples: 30}"
    )
    world.policy.write_text(
        text.replace("metric: accuracy}", "metric: accuracy}\n  - {kind: negative-flips, at_most: 0.001}")
    )
    run = world.asked("train", "tiny", status=3)
    assert run["verdict"] == "rejected"
    assert run["why"].startswith("too few labels: whatever were trained, superior accuracy on current needs 30 samples")
    assert "labelled new samples in all; there are" in run["why"]
    assert "negative flips on reference: without a single flip" in run["why"]
    assert [phase for phase, kind in world.journal("tiny-0002") if kind == "finished"] == ["collect", "report"]
    assert not (world.state / "runs" / "tiny-0002" / "train").exists()
    assert world.asked("status", "tiny")["champion"] == "v0001"


def test_status_says_which_trigger_waits_for_how_many_labels(world: Any) -> None:
    text = world.policy.read_text().replace("needs: {labels: 100}", "needs: {labels: 1000}")
    world.policy.write_text(text.replace("every: 30d", "every: 1h"))
    world.sql_change("delete from model_check")
    assert world.run("run", "--once").returncode == 0
    (found,) = world.asked("status", "tiny")["waiting_for_labels"]
    assert found["trigger"] == "inputs-moved"
    assert 100 <= found["labels"] <= 105  # the oldest leave the window while the test goes on
    said = world.run("status", "tiny").stdout
    assert re.search(r"10\d more are waited for: inputs-moved has fired: \d+ of the 1000 labelled samples", said)
    assert "label-queue tiny" in said


def test_a_trigger_whose_run_could_not_pass_waits_across_restarts_until_the_labels_are_there(world: Any) -> None:
    text = world.policy.read_text().replace("last: 20d, min_samples: 100", "last: 1d, min_samples: 30")
    world.policy.write_text(text.replace("labels: 100", "labels: 20").replace("every: 30d", "every: 1s"))
    decisions = [once(world), once(world)]  # two processes, one after the other
    assert [decision["start"] for decision in decisions] == [False, False]
    first, second = decisions
    assert first["reason"].startswith("inputs-moved fired, but waits for labels: too few labels: whatever were trained")
    assert first["outlook"] is not None and second["outlook"] == first["outlook"]  # nobody looked again
    wanted = first["outlook"]["labels_wanted"]
    told = re.search(r"about (\d+) labelled new samples in all; there are (\d+)\)", first["reason"])
    assert told is not None and wanted == int(told[1]) - int(told[2]) > 0
    assert f"waits for labels (0 of about {wanted} have come since" in second["reason"]
    (waiting,) = world.asked("status", "tiny")["waiting_for_labels"]
    assert (waiting["trigger"], waiting["labels"]) == ("inputs-moved", wanted)
    assert [run["run"] for run in world.asked("runs", "tiny")] == ["tiny-0001"]  # the bootstrap: no run was spent
    now = datetime.now(UTC)
    more = world.rows(max(wanted, 300), now - timedelta(hours=12), now, True, "n")
    world.asked("ingest", "tiny", str(world.file("more.jsonl", more)))
    third = once(world)
    assert third["start"] and third["triggers"] == ["inputs-moved"] and third["outlook"] is None
    assert ("train", "finished") in world.journal("tiny-0002")


def once(world: Any) -> Any:
    """Let the daemon do what is due, and end; return the decision of its check."""
    done = world.run("run", "--once")
    assert done.returncode == 0, done.stderr
    return world.asked("status", "tiny")["last_check"]["decision"]
