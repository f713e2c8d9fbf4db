"""Checks one after another: what each remembers of the last, and what it survives."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from maintainer.daemon import former_checks, status
from maintainer.daemon.checking import run_check
from maintainer.daemon.context import Context
from maintainer.daemon.evidently import write_evidently_report
from maintainer.daemon.operations import Operations
from maintainer.domain.evidence import Outlook
from maintainer.domain.model import Manifest, Span
from maintainer.domain.policy import Policy
from maintainer.domain.sample import TaskKind
from maintainer.errors import StoreError
from maintainer.settings import load
from maintainer.store.artifacts import point_champion
from maintainer.store.batch import Batch
from maintainer.store.intake import ingest_samples

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
POLICY = """\
version: 1
model: {model}
mode: observe
task: {{kind: tabular-regression, id: id, time: at, label: y, features: {{x: {{type: number}}}}}}
checks: {{every: 1d, quality: {{metrics: [mae, rmse, r2]}}}}
run: {{needs: {{labels: 1}}}}
triggers: {triggers}
"""
AGED = "[{name: aged, metric: champion.age, above: 1h, for: 3 of 3}]"


@dataclass
class World:
    """Models with a champion that is a manifest alone: enough for a check that compares no columns."""

    home: Path
    now: datetime = BEGAN
    _context: list[Context] = field(default_factory=list[Context])

    @property
    def context(self) -> Context:
        if not self._context:
            settings = load(state=self.home / "state", policies=self.home / "policies")
            self._context.append(Context.open(settings, lambda: self.now))
        return self._context[0]

    @property
    def control(self) -> Path:
        return self.home / "state" / "control.db"

    def policy(self, triggers: str = "[]", model: str = "tiny") -> None:
        """Write a policy; the next look at the folder takes it up."""
        (self.home / "policies").mkdir(exist_ok=True)
        (self.home / "policies" / f"{model}.yaml").write_text(POLICY.format(model=model, triggers=triggers))
        self.context.load_policies()

    def crown(self, version: str = "v0001", model: str = "tiny") -> None:
        span = Span(start=BEGAN - 2 * HOUR, end=BEGAN - HOUR)
        manifest = Manifest(
            model=model, version=version, parent=None, run="r", created_at=self.now, task=TaskKind.REGRESSION,
            family="tabular-mlp", classes=(), trained=span, held_out=span, memory_from=span.start, block_seconds=None,
            metrics={"mae": 1.0}, baseline={"mae": 1.0}, strategy="scratch", alpha=1.0, seed=0, threads=1,
            policy_hash="h", data_hash="d", packages={}, files={},
        )  # fmt: skip
        folder = self.context.model_dir(model) / "versions" / version
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text(manifest.model_dump_json())
        point_champion(self.context.model_dir(model), version)

    def take_in(self, *rows: dict[str, Any], model: str = "tiny") -> tuple[int, int, int]:
        """Take in rows that the champion answered; return how many samples, labels and quarantined rows they made."""
        path = self.home / "rows.jsonl"
        path.write_text("".join(json.dumps({"at": self.now.isoformat(), "x": 0.0, **row}) + "\n" for row in rows))
        schema = self.context.schema(self.context.policy(model))
        done = ingest_samples(self.context.database, Batch(schema, path, "jsonl", "rows", self.now, "v0001"))
        return done.stored, done.labels, done.quarantined + done.labels_quarantined

    def check(self, model: str = "tiny", later: timedelta = HOUR, **keys: Any) -> Any:
        self.now += later
        return run_check(self.context, self.context.policy(model), **({"scheduled": True} | keys))

    def change(self, sql: str) -> None:
        """Change control.db from outside."""
        with sqlite3.connect(self.control) as db:
            db.execute(sql)
        db.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    held = World(tmp_path)
    yield held
    held.context.close()


@pytest.fixture
def begun(world: World) -> World:
    world.policy()
    world.crown()
    return world


# --- figures that are not finite


@pytest.mark.parametrize("column", ["y", "prediction"])
@pytest.mark.parametrize("number", [1e200, -1e200, 1e151])
def test_an_answer_too_large_to_be_squared_is_set_aside(begun: World, column: str, number: float) -> None:
    row = {"id": "a", "y": 1.0, "prediction": 1.0} | {column: number}
    assert begun.take_in(row) == ((1, 0, 1) if column == "y" else (0, 1, 1))  # a label is kept beside a bad answer
    assert begun.take_in({"id": "b", "y": 1e150, "prediction": -1e150}) == (1, 1, 0)


def test_one_absurd_answer_neither_breaks_this_check_nor_the_next(begun: World) -> None:
    begun.take_in({"id": "a", "y": 1.0, "prediction": 2.0}, {"id": "b", "y": 1.0, "prediction": 2.0})
    with begun.context.database.writing() as db:  # as a version before this one would have stored it
        db.execute("update model_tiny.sample set _prediction = 1e200 where _id = 'a'")
    for _ in range(2):
        checked = begun.check()
        assert checked.evidence.values["quality.mae"] == 1.0
        assert any("1 labelled answers left out" in note for note in checked.evidence.notes)


def test_a_check_that_cannot_be_read_makes_the_triggers_begin_anew(world: World) -> None:
    world.policy(AGED)
    world.crown()
    for _ in range(2):
        world.check(later=2 * HOUR)
    world.change(
        """update model_check set evidence = replace(evidence, '"champion.age":', '"quality.mae":null,"a":')"""
    )
    assert world.check().findings[0].state.recent == (True,)
    assert world.check().findings[0].state.recent == (True, True)
    with pytest.raises(StoreError, match="the evidence of check tiny-c000001 cannot be read"):
        write_evidently_report(world.context, "tiny-c000001")


def test_a_model_that_breaks_leaves_the_others_their_turn_and_is_shown(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for model in ("bad", "good"):
        world.policy(model=model)
        world.crown(model=model)
    operations, whole = Operations(world.context), Operations.check

    def check(self: Operations, model: str, **keys: Any) -> Any:
        if model == "bad":
            raise ZeroDivisionError("a defect")
        return whole(self, model, **keys)

    monkeypatch.setattr(Operations, "check", check)
    first, second = operations.tick(), operations.tick()
    assert "bad: its part of the tick broke: ZeroDivisionError: a defect" in first
    assert any(sentence.startswith("good: No trigger") or sentence.startswith("good: The policy") for sentence in first)
    assert second == []  # a check that failed rests before it is tried again
    assert [record.levelname for record in caplog.records if "bad" in record.getMessage()] == ["ERROR"]
    shown = {model["model"]: model["problem"] for model in status.overview(operations)["models"]}
    assert "the check failed 1 times in a row, at last: a defect" in shown["bad"] and shown["good"] is None
    monkeypatch.undo()
    operations.check("bad")
    assert status.of_model(operations, "bad")["problem"] is None


# --- checks that a person asks for


def test_checks_that_a_person_asks_for_do_not_put_the_next_scheduled_one_off(begun: World) -> None:
    operations = Operations(begun.context)
    begun.check()
    due = operations.next_check(begun.context.policy("tiny"))
    for _ in range(3):
        begun.check(scheduled=False)
        assert operations.next_check(begun.context.policy("tiny")) == due == BEGAN + HOUR + timedelta(days=1)


def test_checks_that_a_person_asks_for_do_not_count_in_m_of_n(world: World) -> None:
    world.policy(AGED)
    world.crown()
    world.check(later=2 * HOUR)
    for _ in range(5):
        asked = world.check(scheduled=False)
        assert asked.findings[0].state.recent == (True, True) and not asked.decision.scheduled
    assert world.check().findings[0].state.recent == (True, True)


def test_a_check_that_a_person_asks_for_shows_the_run_that_it_does_not_start(world: World) -> None:
    world.policy("[{name: aged, metric: champion.age, above: 1h}]")
    path = world.home / "policies" / "tiny.yaml"
    path.write_text(path.read_text().replace("mode: observe", "mode: auto").replace("labels: 1", "labels: 2"))
    world.context.load_policies()
    world.crown()
    world.take_in(*({"id": name, "y": 1.0, "prediction": 1.0} for name in "ab"))
    asked = world.check(later=2 * HOUR, scheduled=False)
    assert (asked.decision.start, asked.run_id) == (False, None)
    assert asked.decision.reason.startswith("this check was made by hand") and "aged fired" in asked.decision.reason
    assert world.check().run_id == "tiny-0002"  # v0001 is the champion


def test_a_check_of_a_former_version_of_the_program_was_scheduled(begun: World) -> None:
    begun.check()
    begun.change("""update model_check set decision = replace(decision, ',"scheduled":true', '')""")
    last = begun.context.control.scheduled_check("tiny")
    assert last is not None and "scheduled" not in last.decision


# --- triggers that a policy defines otherwise


def test_a_trigger_that_is_defined_otherwise_begins_anew_and_the_others_go_on(world: World) -> None:
    kept = "{name: kept, metric: samples.new, below: 5, for: 2 of 9}"
    world.policy(f"[{kept}, {{name: edited, metric: champion.age, above: 1h, for: 2 of 9}}]")
    world.crown()
    for _ in range(3):
        findings = world.check(later=2 * HOUR).findings
    assert [finding.state.mode for finding in findings] == ["fired", "fired"]
    world.policy(f"[{{name: edited, metric: champion.age, above: 2h, for: 2 of 9}}, {kept}]")
    findings = world.check().findings
    assert [(f.trigger, f.state.mode, len(f.state.recent)) for f in findings] == [
        ("edited", "quiet", 1),
        ("kept", "fired", 4),
    ]


def test_an_edit_elsewhere_in_the_policy_leaves_the_triggers_as_they_are(world: World) -> None:
    world.policy(AGED)
    world.crown()
    world.check(later=2 * HOUR)
    path = world.home / "policies" / "tiny.yaml"
    path.write_text(path.read_text() + "train: {epochs: 9}\n")
    world.context.load_policies()
    assert world.check().findings[0].state.recent == (True, True)


# --- what a trigger waits for


def test_what_a_trigger_waits_for_is_forgotten_with_the_policy_the_champion_or_the_check(world: World) -> None:
    world.policy(AGED)
    world.crown()
    world.check()
    seen = '{"reason":"r","at":"2026-01-01T00:00:00Z","labels_known":7,"labels_wanted":3}'
    world.change(f"""update model_check set decision = replace(decision, '"outlook":null', '"outlook":{seen}')""")
    policy = world.context.policy("tiny")

    def known(policy: Policy = policy, champion: str = "v0001") -> Outlook | None:
        return former_checks.outlook(world.context.control, policy, champion)

    assert known() == Outlook("r", BEGAN, 7, 3)
    assert known(policy.model_copy(update={"description": "edited"})) is None
    assert known(champion="v0002") is None
    world.change("""update model_check set decision = replace(decision, '"labels_known":7', '"labels_known":"x"')""")
    assert known() is None
