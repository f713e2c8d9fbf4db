"""Which samples a check compares, and which it measures quality on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from maintainer.daemon.context import Context
from maintainer.daemon.seeing import gather
from maintainer.daemon.subject import Subject
from maintainer.daemon.warm import quality
from maintainer.domain.evidence import Evidence
from maintainer.domain.model import Manifest, Span
from maintainer.domain.sample import TaskKind, Window
from maintainer.settings import load
from maintainer.store.batch import Batch
from maintainer.store.intake import ingest_samples
from maintainer.store.windows import Reader

HOUR = timedelta(hours=1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
TRAINED, HELD_OUT = NOW - 30 * HOUR, NOW - 10 * HOUR  # the ends of both spans
POLICY = """\
version: 1
model: tiny
task: {kind: tabular-regression, id: id, time: at, label: y, features: {x: {type: number}}}
checks: {window: {last: 7d, min_samples: 8, max_samples: 100}, drift: {threshold: 0.1}}
run: {needs: {labels: 5}}
"""


@dataclass
class Worker:
    """A check worker that remembers what it was asked."""

    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def ask(self, task: str, request: dict[str, Any]) -> dict[str, Any]:
        if task == "quality":
            return quality(request)
        assert task == "drift"  # every sample was answered while it was served
        self.asked.append(request)
        return {"scores": []}


@dataclass
class World:
    """A model whose champion was trained until TRAINED, and held out until HELD_OUT."""

    home: Path
    worker: Worker
    context: Context

    def take_in(self, rows: int, first: datetime, step: timedelta, labels: bool = True) -> None:
        """Take in samples at even times, answered by the champion."""
        made = [
            {"id": f"{first}{n}", "at": (first + n * step).isoformat(), "x": float(n), "prediction": 1.0, "y": 1.0}
            for n in range(rows)
        ]
        path = self.home / "rows.jsonl"
        path.write_text("".join(json.dumps({k: r[k] for k in r if labels or k != "y"}) + "\n" for r in made))
        schema = self.context.schema(self.context.policy("tiny"))
        assert ingest_samples(self.context.database, Batch(schema, path, "jsonl", "rows", NOW, "v0001")).stored == rows

    def check(self) -> Evidence:
        policy = self.context.policy("tiny")
        reader = Reader(self.context.database, self.context.schema(policy), NOW)
        return gather(Subject(self.context, policy, champion(), reader, NOW))


def champion() -> Manifest:
    return Manifest(
        model="tiny", version="v0001", parent=None, run="r", created_at=NOW, task=TaskKind.REGRESSION,
        family="tabular-mlp", classes=(), trained=Span(start=NOW - 100 * HOUR, end=TRAINED),
        held_out=Span(start=TRAINED, end=HELD_OUT), memory_from=NOW - 100 * HOUR, block_seconds=None,
        metrics={"mae": 1.0}, baseline={"mae": 1.0}, strategy="scratch", alpha=1.0, seed=0, threads=1,
        policy_hash="h", data_hash="d", packages={}, files={},
    )  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "tiny.yaml").write_text(POLICY)
    context = Context.open(load(state=tmp_path / "state", policies=tmp_path / "policies"), lambda: NOW)
    own, worker = context.warm, Worker()
    context.warm = worker  # pyright: ignore[reportAttributeAccessIssue]
    yield World(tmp_path, worker, context)
    context.warm = own
    context.close()


def test_drift_compares_with_the_reference_only_what_came_after_it(world: World) -> None:
    world.take_in(90, NOW - 100 * HOUR, HOUR)  # until the end of the holdout
    world.take_in(8, HELD_OUT, HOUR)
    seen = world.check()
    assert (seen.reference, seen.reference_rows) == (Window(NOW - 100 * HOUR, HELD_OUT), 90)
    assert (seen.current, seen.current_rows) == (Window(HELD_OUT, NOW), 8)
    compared = world.worker.asked[0]["columns"][0]
    assert (compared["reference"]["rows"], compared["current"]["rows"]) == (90, 8)


def test_a_champion_with_too_few_samples_since_its_reference_is_not_compared_with_itself(world: World) -> None:
    world.take_in(90, NOW - 100 * HOUR, HOUR)
    world.take_in(7, HELD_OUT, HOUR)
    seen = world.check()
    assert world.worker.asked == []
    assert not [name for name in seen.values if name.startswith("drift.")]
    assert "drift not measured: 7 samples since the champion's reference ended, 8 wanted (min_samples)" in seen.notes


def test_quality_is_measured_on_what_was_held_out_too_and_what_is_counted_on_the_whole_window(world: World) -> None:
    world.take_in(90, NOW - 100 * HOUR, HOUR)
    world.take_in(5, HELD_OUT, HOUR, labels=False)
    seen = world.check()
    assert seen.unlearned == Window(TRAINED, NOW)
    assert (seen.metrics[0].name, seen.metrics[0].n) == ("mae", 20)
    assert seen.values["labels.coverage"] == pytest.approx(90 / 95)


def test_long_after_a_promotion_the_window_is_as_long_as_the_policy_says(world: World) -> None:
    old = champion().model_copy(update={"held_out": Span(start=NOW - 900 * HOUR, end=NOW - 800 * HOUR)})
    policy = world.context.policy("tiny")
    reader = Reader(world.context.database, world.context.schema(policy), NOW)
    subject = Subject(world.context, policy, old, reader, NOW)
    assert subject.current == Window.before(NOW, timedelta(days=7))
