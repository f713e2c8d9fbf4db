"""An estimate without labels, from the check that makes it to the labels that judge it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from maintainer.daemon.checking import run_check
from maintainer.daemon.context import Context
from maintainer.daemon.warm import quality
from maintainer.domain.model import Manifest, Span
from maintainer.domain.sample import TaskKind
from maintainer.settings import load
from maintainer.store.batch import Batch
from maintainer.store.intake import ingest_samples

DAY = timedelta(days=1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = """\
version: 1
model: tiny
task: {kind: tabular-classification, id: id, time: at, label: y, features: {x: {type: number}}, classes: ["no", "yes"]}
checks:
  window: {last: 2d, min_samples: 50, max_samples: 1000}
  quality: {metrics: [accuracy, log_loss], estimate_without_labels: true}
run: {needs: {labels: 50}}
"""


class Worker:
    """A check worker whose champion says yes with probability x."""

    def ask(self, task: str, request: dict[str, Any]) -> dict[str, Any]:
        if task == "quality":
            return quality(request)
        if task == "answer":
            said = "case when x > 0.5 then 'yes' else 'no' end as value, 1 - x as probability_no, x as probability_yes"
            duckdb.sql(f"copy (select _key, {said} from '{request['samples']}') to '{request['answers']}'")
            return {}
        return {"scores": []}


def champion() -> Manifest:
    return Manifest(
        model="tiny", version="v0001", parent=None, run="r", created_at=NOW - 9 * DAY, task=TaskKind.CLASSIFICATION,
        family="tabular-mlp", classes=("no", "yes"), trained=Span(start=NOW - 20 * DAY, end=NOW - 10 * DAY),
        held_out=Span(start=NOW - 10 * DAY, end=NOW - 9 * DAY), memory_from=NOW - 20 * DAY, block_seconds=None,
        metrics={"accuracy": 0.75}, baseline={"accuracy": 0.75}, strategy="scratch", alpha=1.0, seed=0, threads=1,
        policy_hash="h", data_hash="d", packages={}, files={},
    )  # fmt: skip


def test_an_estimate_is_made_before_labels_come_and_held_against_them_later(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "tiny.yaml").write_text(POLICY)
    clock = [NOW]
    context = Context.open(load(state=tmp_path / "state", policies=tmp_path / "policies"), lambda: clock[0])
    own, context.warm = context.warm, Worker()  # pyright: ignore[reportAttributeAccessIssue]
    context.champion = lambda model: champion()  # pyright: ignore
    rng = np.random.default_rng(0)

    def take_in(rows: int, first: datetime, labels: bool) -> None:
        made = []
        for n in range(rows):
            x = float(rng.random())
            at = (first + n * timedelta(minutes=4)).isoformat()
            row = {"id": f"{first}{n}", "at": at, "x": x, "prediction": "yes" if x > 0.5 else "no"}
            made.append(row | ({"y": "yes" if rng.random() < x else "no"} if labels else {}))
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in made))
        schema = context.schema(context.policy("tiny"))
        ingest_samples(context.database, Batch(schema, path, "jsonl", str(first), clock[0], "v0001"))

    take_in(600, NOW - 8 * DAY, labels=True)
    take_in(600, NOW - 2 * DAY, labels=False)
    seen = run_check(context, context.policy("tiny"), scheduled=True).evidence
    (estimate,) = seen.estimates
    assert (estimate.n, estimate.labelled) == (600, 600)
    assert abs(seen.values["estimated.accuracy"] - 0.75) < 0.05
    assert seen.reckoned == () and seen.metrics == ()
    clock[0] = NOW + DAY
    with context.database.writing() as db:
        db.execute("insert into model_tiny.label select _key, _id, 'yes', _time, _arrived from model_tiny.sample s "
                   "anti join model_tiny.label l on l._key = s._key")  # fmt: skip
    later = run_check(context, context.policy("tiny"), scheduled=True).evidence
    (reckoned,) = later.reckoned
    assert replace(reckoned, realised=None).estimate == estimate
    assert reckoned.realised is not None and reckoned.realised.n == 600
    assert abs(reckoned.realised.value - 0.5) < 0.08 and (reckoned.error or 0.0) > 0.15
    assert "quality.log_loss" in later.values and later.values["quality.change"] > 0.1
    context.warm = own
    context.close()
