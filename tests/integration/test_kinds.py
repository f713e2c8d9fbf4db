"""What a check sees beside the scores of columns, by the real store and the real check worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maintainer.daemon import former_checks, status
from maintainer.daemon.checking import run_check
from maintainer.daemon.context import Context
from maintainer.daemon.operations import Operations
from maintainer.daemon.starting import next_run
from maintainer.domain.evidence import Evidence
from maintainer.domain.kinds import DriftKind
from maintainer.domain.model import Manifest, Span
from maintainer.domain.sample import TaskKind, Window
from maintainer.settings import load
from maintainer.store import kinds as store
from maintainer.store.artifacts import point_champion
from maintainer.store.batch import Batch
from maintainer.store.intake import ingest_samples
from maintainer.store.windows import Reader

NOW = datetime(2026, 3, 1, tzinfo=UTC)
END = NOW - timedelta(days=2)  # of the reference
START = END - timedelta(days=10)
POLICY = """\
version: 1
model: tiny
mode: observe
task:
  kind: tabular-classification
  id: id
  time: at
  label: y
  classes: [UP, DOWN]
  features: {a: {type: number}, b: {type: number}, w: {type: category}}
checks: {window: {last: 2d, min_samples: 100, max_samples: 2000}, drift: {multivariate: true}}
run: {needs: {labels: 10}, cooldown: 1m}
triggers: [{name: many, metric: labels.new, above: 10}, {name: together, metric: drift.multivariate, above: 0.01}]
"""
Row = dict[str, Any]


def usual(rng: np.random.Generator) -> Row:
    a = rng.normal(20.0, 2.0)
    up = bool(rng.random() < 0.5)
    return {"a": a, "b": rng.normal(), "w": str(rng.choice(["x", "y", "z"])), "y": "UP" if up else "DOWN"}


@dataclass
class World:
    """A model whose champion answers everything right, and is a manifest alone: all samples come with an answer."""

    home: Path
    context: Context

    def take_in(
        self, rows: int, window: Window, make: Callable[[np.random.Generator], Row] = usual, seed: int = 0
    ) -> None:
        rng = np.random.default_rng(seed)
        made: list[Row] = []
        for n in range(rows):
            row = make(rng)
            at = window.start + window.length * n / rows
            made.append({"id": f"{window.start}{n}", "at": at.isoformat(), "prediction": row["y"], **row})
        path = self.home / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in made))
        schema = self.context.schema(self.context.policy("tiny"))
        stored = ingest_samples(self.context.database, Batch(schema, path, "jsonl", str(window), NOW, "v0001")).stored
        assert stored == rows

    def check(self, now: Callable[[np.random.Generator], Row], rows: int = 900) -> Evidence:
        self.take_in(2000, Window(START, END))
        self.take_in(rows, Window(END, NOW), now, seed=1)
        return self.checked().evidence

    def checked(self, scheduled: bool = False) -> Any:
        return run_check(self.context, self.context.policy("tiny"), scheduled)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "tiny.yaml").write_text(POLICY)
    context = Context.open(load(state=tmp_path / "state", policies=tmp_path / "policies"), lambda: NOW)
    context.load_policies()
    folder = context.model_dir("tiny") / "versions" / "v0001"
    folder.mkdir(parents=True)
    manifest = Manifest(
        model="tiny", version="v0001", parent=None, run="r", created_at=END, task=TaskKind.CLASSIFICATION,
        family="tabular-mlp", classes=("UP", "DOWN"), trained=Span(start=START, end=END - timedelta(days=1)),
        held_out=Span(start=END - timedelta(days=1), end=END), memory_from=START, block_seconds=None,
        metrics={"accuracy": 1.0}, baseline={"accuracy": 1.0}, strategy="scratch", alpha=1.0, seed=0, threads=1,
        policy_hash="h", data_hash="d", packages={}, files={},
    )  # fmt: skip
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    point_champion(context.model_dir("tiny"), "v0001")
    yield World(tmp_path, context)
    context.close()


def page(world: World) -> str:
    return max((world.home / "state" / "reports").glob("tiny-c*.html")).read_text(encoding="utf-8")


def test_without_drift_every_kind_is_quiet_and_the_check_says_none(world: World) -> None:
    seen = world.check(usual)
    assert not [(s.column, s.kind, s.score) for s in seen.scores if s.drifted]
    assert (seen.values["data.fault"], seen.values["drift.multivariate"], seen.values["drift.unseen.w"]) == (0, 0, 0)
    assert seen.values["drift.label"] < 0.1
    assert seen.diagnosis is not None and seen.diagnosis.kind is DriftKind.NONE
    assert "Kind of drift: <b>none</b>" in page(world)


def test_labels_that_move_alone_are_concept_drift_and_the_page_shows_them(world: World) -> None:
    seen = world.check(lambda rng: usual(rng) | {"y": "UP" if rng.random() < 0.9 else "DOWN"})
    assert seen.values["drift.label"] > 0.2
    assert [s.column for s in seen.scores if s.kind == "label" and s.drifted] == ["y"]
    assert seen.diagnosis is not None and seen.diagnosis.kind is DriftKind.CONCEPT
    assert "<h2>Labels</h2>" in page(world)


def test_few_labels_are_not_compared_and_a_note_says_how_few(world: World) -> None:
    def late(rng: np.random.Generator) -> Row:
        row = usual(rng)
        return row if rng.random() < 0.02 else row | {"y": None, "prediction": "UP"}

    seen = world.check(late)
    assert "drift.label" not in seen.values
    assert any(note.startswith("drift of the labels not measured: 2000 labels in the reference") for note in seen.notes)


def test_a_new_category_is_counted_and_is_drift(world: World) -> None:
    seen = world.check(lambda rng: usual(rng) | ({"w": "new"} if rng.random() < 0.1 else {}))
    assert seen.values["drift.unseen.w"] == pytest.approx(0.1, abs=0.03)
    assert ("w", "unseen") in [(s.column, s.kind) for s in seen.scores if s.drifted]
    assert "<h2>New values</h2>" in page(world)


def test_categories_that_are_nearly_all_different_are_counted_value_by_value_and_are_no_drift(world: World) -> None:
    def many(rng: np.random.Generator) -> Row:
        return usual(rng) | {"w": f"w{rng.integers(10**6)}"}

    world.take_in(2000, Window(START, END), many)
    world.take_in(1500, Window(END, NOW), many, seed=1)
    seen = world.checked().evidence
    assert seen.values["drift.unseen.w"] > 0.98
    assert not [s for s in seen.scores if s.kind == "unseen" and s.drifted]


def test_a_correlation_that_comes_is_covariate_drift_carried_by_both_columns_and_fires_its_trigger(
    world: World,
) -> None:
    def together(rng: np.random.Generator) -> Row:
        row = usual(rng)
        return row | {"b": (row["a"] - 20.0) / 2.0 * 0.9 + 0.436 * row["b"]}

    seen = world.check(together)
    assert not [s for s in seen.scores if s.drifted]
    assert seen.values["drift.multivariate"] > 0.1
    assert {carrier.column for carrier in seen.together[0].carriers[:2]} == {"a", "b"}
    assert seen.diagnosis is not None and seen.diagnosis.kind is DriftKind.COVARIATE
    assert "mostly by" in page(world)


def test_a_stuck_column_waits_for_a_person_is_told_everywhere_and_ends_with_the_check_failed(world: World) -> None:
    world.check(lambda rng: usual(rng) | {"a": 7.5})
    checked = world.checked(scheduled=True)
    assert checked.evidence.values["data.fault"] == 1.0
    assert checked.evidence.diagnosis.kind is DriftKind.DATA_FAULT
    assert not checked.decision.start
    assert (
        "in mode auto it would wait for a person, because a looks like a data fault (a is stuck at 7.5"
        in checked.decision.reason
    )
    told = status.of_check(Operations(world.context), checked.id)
    assert [fault["column"] for fault in told["faults"]] == ["a"] and told["diagnosis"]["kind"] == "data fault"
    assert "<h2>Data faults</h2>" in page(world)
    kept = former_checks.evidence_of(world.context.control.check(checked.id))
    assert kept.faults == checked.evidence.faults
    run = next_run(world.context, world.context.policy("tiny"), "as a person wants", check_id=checked.id)
    assert former_checks.diagnosis_of(world.context.control, run) == checked.evidence.diagnosis
    assert former_checks.diagnosis_of(world.context.control, replace(run, check_id="gone")) is None
    assert former_checks.diagnosis_of(world.context.control, replace(run, check_id=None)) is None


def test_without_the_fault_the_same_triggers_start_a_run(world: World) -> None:
    world.check(usual)
    checked = world.checked(scheduled=True)
    assert "in mode auto it would start a run now" in checked.decision.reason
    assert "many" in checked.decision.triggers


def test_a_column_that_was_as_constant_before_is_no_fault(world: World) -> None:
    for day in range(10):
        start = START + timedelta(days=day)
        value = float(day // 3)  # each three days another
        world.take_in(
            200, Window(start, start + timedelta(days=1)), lambda rng, v=value: usual(rng) | {"a": v}, seed=day
        )
    world.take_in(900, Window(END, NOW), lambda rng: usual(rng) | {"a": 3.0}, seed=99)
    seen = world.checked().evidence
    assert seen.faults == ()
    (score,) = (s for s in seen.scores if (s.column, s.kind) == ("a", "value"))
    assert score.score > 0.7 and not score.drifted  # far from its reference, as it was from each of its own spells


def test_a_category_of_the_month_that_follows_another_is_not_renamed(world: World) -> None:
    for day in range(10):
        start = START + timedelta(days=day)
        world.take_in(
            200, Window(start, start + timedelta(days=1)), lambda rng, d=day: usual(rng) | {"w": f"m{d // 4}"}, seed=day
        )
    world.take_in(900, Window(END, NOW), lambda rng: usual(rng) | {"w": "m4" if rng.random() < 0.5 else "m2"}, seed=99)
    assert world.checked().evidence.faults == ()


def test_a_renamed_category_is_a_fault_and_a_column_that_ends_is_one(world: World) -> None:
    seen = world.check(lambda rng: (row := usual(rng)) | {"w": row["w"].replace("z", "Z"), "b": None})
    assert [(fault.column, fault.kind) for fault in seen.faults] == [("b", "missing"), ("w", "renamed")]


def test_rows_are_drawn_alike_each_time_and_come_oldest_first(world: World, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    world.take_in(2000, Window(START, END))
    rows = store.Rows(
        Reader(world.context.database, world.context.schema(world.context.policy("tiny")), NOW), "v0001", 500
    )
    made = [tmp_path / name for name in ("one.parquet", "two.parquet")]
    counts = [store.extract(rows, Window(START, END), path) for path in made]
    tables = [pq.read_table(path) for path in made]
    assert counts == [len(tables[0])] * 2 and 350 < counts[0] <= 500
    assert tables[0].equals(tables[1])
    order = {row["_key"]: place for place, row in enumerate(tables[0].to_pylist())}
    with world.context.database.reading() as db:
        from maintainer.store.tables import table

        found = db.execute(f"select _key from {table('tiny', 'sample')} order by _time").fetchall()
    assert [key for (key,) in found if key in order] == list(order)
