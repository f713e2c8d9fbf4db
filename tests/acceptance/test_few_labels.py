"""What becomes of a run with too few labels: it says so before it spends the compute."""

from __future__ import annotations

import re
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
