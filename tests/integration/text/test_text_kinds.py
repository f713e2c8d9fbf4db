"""The words of texts and a network's states of them, compared by the check worker."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from maintainer.daemon import warm
from maintainer.domain.model import Manifest, Span
from maintainer.domain.sample import TaskKind
from maintainer.monitor.exchange import RowsReply, RowsRequest
from maintainer.store.artifacts import sha256

from .conftest import BAD, CLASSIFICATION, GOOD, NEW, OLD, Trained, world
from .test_serving import exported


def version(made: Trained, folder: Path) -> Path:
    """Return a version's directory with an exported champion and as much of a manifest as the worker reads."""
    exported(made, folder)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    span = Span(start=moment, end=moment)
    manifest = Manifest(
        model="m", version="v", parent=None, run="r", created_at=moment, task=TaskKind.CLASSIFICATION,
        family="huggingface", classes=("DOWN", "UP"), trained=span, held_out=span, memory_from=moment,
        block_seconds=None, metrics={}, baseline={}, strategy="scratch", alpha=1.0, seed=0, threads=1,
        policy_hash="h", data_hash="d", packages={}, files={"model.onnx": sha256(folder / "model.onnx")},
    )  # fmt: skip
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    return folder


def asked(home: Path, states: Path, now: tuple[str, ...], odd: tuple[str | None, ...] = ()) -> RowsReply:
    pq.write_table(world(CLASSIFICATION, 300, 1, OLD, odd), home / "reference.parquet")
    pq.write_table(world(CLASSIFICATION, 200, 2, now, odd), home / "current.parquet")
    paths = {"reference": str(home / "reference.parquet"), "current": str(home / "current.parquet")}
    request = RowsRequest(**paths, text="body", states=str(states), level=0.01)
    return RowsReply.model_validate(warm.rows(request.model_dump(mode="json")))


@pytest.fixture(scope="module")
def champion(classifier: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return version(classifier, tmp_path_factory.mktemp("version") / "v")


def test_texts_on_new_subjects_are_other_words_other_states_and_drift(champion: Path, tmp_path: Path) -> None:
    found = asked(tmp_path, champion, NEW)
    assert {score.kind: score.drifted for score in found.scores} == {"vocabulary": True, "unseen": True}
    assert found.together is not None
    assert (found.together.evidence, found.together.method) == ("drift.embedding", "energy distance of pooled states")
    assert found.together.drifted and found.together.value > 0.02


def test_texts_as_before_are_none_and_missing_ones_are_read_as_empty(champion: Path, tmp_path: Path) -> None:
    found = asked(tmp_path, champion, OLD, (None, "", " "))
    assert not any(score.drifted for score in found.scores)
    assert found.together is not None and not found.together.drifted
    assert found.together.rows == (300, 200)


def test_the_same_texts_give_the_same_reply(champion: Path, tmp_path: Path) -> None:
    assert asked(tmp_path, champion, (*OLD, *GOOD, *BAD)) == asked(tmp_path, champion, (*OLD, *GOOD, *BAD))
