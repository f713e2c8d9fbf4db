"""A journal that was lost does not meet the artifacts of the runs it told of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from maintainer.daemon.assemble import Assembly
from maintainer.daemon.context import Context
from maintainer.daemon.starting import next_run
from maintainer.domain.run import Phase
from maintainer.errors import RefusedError
from maintainer.settings import load

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = """\
version: 1
model: tiny
task: {kind: tabular-regression, label: y, time: at, features: {x: {type: number}}}
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Context]:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "tiny.yaml").write_text(POLICY)
    found = Context.open(load(state=tmp_path / "state", policies=tmp_path / "policies"), lambda: NOW)
    yield found
    found.close()


@pytest.mark.parametrize(
    ("left", "number"),
    [
        ((), 1),
        (("runs/tiny-0007",), 8),
        (("models/tiny/versions/v0012", "runs/tiny-0003"), 13),
        (("runs/tiny-0009-0010", "runs/other-0050", "models/tiny/versions/v0020.partial"), 1),
    ],
)
def test_a_run_has_a_number_above_all_that_lies_on_disk(held: Context, left: tuple[str, ...], number: int) -> None:
    for folder in left:
        (held.settings.state / folder).mkdir(parents=True)
    record = next_run(held, held.policy("tiny"), "a test")
    assert (record.id, record.version) == (f"tiny-{number:04d}", f"v{number:04d}")


def test_the_folder_of_another_run_is_refused_and_ones_own_is_not(held: Context) -> None:
    record = next_run(held, held.policy("tiny"), "a test")
    held.control.create_run(replace(record, created_at=NOW - timedelta(days=1)))
    assembly = Assembly(held.settings, held.control, held.database, held.clock, held.nursery, held.warm.ask)
    for _ in range(2):
        assembly.perform(record.id, Phase.REPORT)
    mark = held.settings.run_dir(record.id) / "run.json"
    mark.write_text(mark.read_text().replace("2025-12-31", "2025-06-30"))
    with pytest.raises(RefusedError, match=f"{record.id} is of another run"):
        assembly.perform(record.id, Phase.REPORT)
