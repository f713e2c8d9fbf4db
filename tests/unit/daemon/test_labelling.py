from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from maintainer.daemon.context import Context
from maintainer.daemon.labelling import Wanted, _method, label_queue
from maintainer.domain.policy import Policy
from maintainer.domain.sample import Window
from maintainer.errors import RefusedError
from maintainer.settings import load
from maintainer.store.batch import Batch
from maintainer.store.intake import ingest_labels, ingest_samples
from maintainer.store.queue import unlabelled
from maintainer.store.rows import read_answers
from maintainer.store.windows import Reader

NOW = datetime(2026, 1, 10, 23, 30, tzinfo=UTC)
POLICY = """\
version: 1
model: tiny
task: {kind: tabular-regression, id: id, time: at, features: {x: {type: number}}, label: y}
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Context]:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "tiny.yaml").write_text(POLICY)
    found = Context.open(load(state=tmp_path / "state", policies=tmp_path / "policies"), lambda: NOW)
    yield found
    found.close()


def policy(kind: str) -> Policy:
    task = {"kind": f"tabular-{kind}", "features": {"x": {"type": "number"}}, "label": "y"}
    return Policy.model_validate({"version": 1, "model": "tiny", "task": task})


def test_numbers_are_chosen_by_diversity_and_have_no_margin() -> None:
    assert _method(policy("regression"), None) == "diverse"
    assert _method(policy("classification"), None) == "margin"
    assert _method(policy("regression"), "bald") == "bald"
    for by in ("margin", "entropy"):
        with pytest.raises(RefusedError, match=f"tiny answers numbers, and {by} is of the probabilities"):
            _method(policy("regression"), by)


def test_without_a_champion_nothing_is_given_out(held: Context) -> None:
    with pytest.raises(RefusedError, match="tiny has no champion yet"):
        label_queue(held, held.policy("tiny"), Wanted(5, None, again=False))


def test_what_was_given_out_is_known_for_ever_and_counted_by_the_day(held: Context) -> None:
    largest = 2**64 - 1
    held.control.add_label_requests("tiny", [1, largest], "margin", NOW)
    held.control.add_label_requests("tiny", [largest], "bald", NOW)
    held.control.add_label_requests("tiny", [3], "margin", NOW + timedelta(hours=1))  # the next day
    assert sorted(held.control.label_requests("tiny")) == [1, 3, largest]
    assert sorted(held.control.label_requests("tiny", NOW)) == [1, largest]
    assert held.control.label_requests("tiny", NOW + timedelta(hours=1)) == [3]
    assert held.control.label_requests("other") == []


def test_only_samples_of_the_window_without_a_label_are_chosen_from(held: Context, tmp_path: Path) -> None:
    held.policy("tiny")
    schema = held.schema(held.policy("tiny"))
    at = [NOW - timedelta(days=days) for days in (9, 2, 1, 1)]
    file = tmp_path / "s.csv"
    file.write_text("id,at,x\n" + "".join(f"s{n},{moment.isoformat()},{n}\n" for n, moment in enumerate(at)))
    ingest_samples(held.database, Batch(schema, file, "csv", "s.csv", NOW))
    file.write_text("id,y\ns2,4.5\n")
    ingest_labels(held.database, Batch(schema, file, "csv", "l.csv", NOW))
    reader, window, out = Reader(held.database, schema, NOW), Window.before(NOW, timedelta(days=7)), tmp_path / "q"
    assert unlabelled(reader, window, (), 10, out) == 2
    rows = {row["_id"]: row["_key"] for row in read_answers(held.database, out)}
    assert rows.keys() == {"s1", "s3"}
    assert unlabelled(reader, window, [rows["s1"]], 10, out) == 1
    assert unlabelled(reader, window, (), 1, out) == 1
    assert unlabelled(reader, window, rows.values(), 10, out) == 0
