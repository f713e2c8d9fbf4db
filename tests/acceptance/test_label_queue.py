"""Samples most worth a label: given out once, within the day's budget, and taken back with their labels."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

REGRESSION = """\
version: 1
model: price
task: {kind: tabular-regression, id: id, time: at, features: {x: {type: number}}, label: y}
"""


def take_in(world: Any, count: int = 300) -> None:
    """Samples without labels that have just come."""
    draw, now = random.Random(3), datetime.now(UTC)
    rows = [
        {
            "id": f"q{n}", "at": (now - timedelta(minutes=count - n)).isoformat(), "x": draw.gauss(0, 1),
            "y": draw.gauss(0, 1), "day": "mon",
        }
        for n in range(count)
    ]  # fmt: skip
    assert world.asked("ingest", "tiny", str(world.file("q.jsonl", rows)))["stored"] == count


def ids(found: Any) -> list[str]:
    return [sample["id"] for sample in found["samples"]]


def test_the_samples_that_the_champion_wavers_at_are_given_out_once_and_come_back_with_labels(world: Any) -> None:
    world.start()
    take_in(world)
    out = world.home / "ask.csv"
    first = world.asked("label-queue", "tiny", "-n", "30", "--out", str(out))
    assert (first["by"], first["unlabelled"], first["left_today"]) == ("margin", 300, 70)
    worth = [sample["worth"] for sample in first["samples"]]
    assert worth == sorted(worth, reverse=True) and worth[0] > 10 * worth[-1]
    near = [abs(sample["features"]["x"] + 0.1 * sample["features"]["y"]) for sample in first["samples"]]
    assert sum(near) / 30 < 0.3  # of all it is 0.8; the champion knows the sign of x: it wavers at zero
    second = world.asked("label-queue", "tiny", "-n", "30", "--by", "entropy")
    assert not set(ids(second)) & set(ids(first))
    assert set(ids(first)) <= set(ids(world.asked("label-queue", "tiny", "-n", "60", "--again")))
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["id"] for row in rows] == ids(first)
    assert list(rows[0]) == ["id", "label", "x", "y", "day"] and rows[0]["label"] == ""
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(row | {"label": "up"} for row in rows)
    taken = world.asked("label", "tiny", str(out))
    assert (taken["labels"], taken["quarantined"], taken["unmatched"]) == (30, 0, 0)
    assert not set(ids(world.asked("label-queue", "tiny", "-n", "100", "--again"))) & set(ids(first))
    again = world.run("label-queue", "tiny", "--out", str(out))
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert world.stop() < 10


def test_each_method_chooses_in_its_own_way_and_the_budget_ends_the_day(world: Any) -> None:
    take_in(world)
    world.policy.write_text(world.policy.read_text() + "labels: {per_day: 25}\n")
    for method in ("bald", "diverse"):
        found = world.asked("label-queue", "tiny", "-n", "5", "--by", method)
        assert len(set(ids(found))) == 5
        assert all(sample["worth"] >= 0 for sample in found["samples"])
    world.asked("check", "tiny")
    found = world.asked("label-queue", "tiny", "-n", "5", "--by", "drift")
    assert min(sample["features"]["x"] for sample in found["samples"]) > 1.5  # x has moved up
    found = world.asked("label-queue", "tiny", "-n", "50")
    assert (len(found["samples"]), found["left_today"]) == (10, 0)
    done = world.run("label-queue", "tiny")
    assert done.returncode == 1
    assert "labels.per_day is 25, and as many samples were given out since 00:00 UTC" in done.stderr


@pytest.mark.parametrize("words", [("absent", "no policy for model 'absent'"), ("price", "price has no champion yet")])
def test_a_model_that_cannot_be_asked_is_refused(world: Any, words: tuple[str, str]) -> None:
    (world.policy.parent / "price.yaml").write_text(REGRESSION)
    done = world.run("label-queue", words[0])
    assert (done.returncode, done.stdout) == (1, "")
    assert words[1] in done.stderr
