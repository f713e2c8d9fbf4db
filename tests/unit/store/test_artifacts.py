from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from maintainer.domain.model import Manifest, Span
from maintainer.domain.sample import TaskKind
from maintainer.errors import NotFoundError, StoreError
from maintainer.store import artifacts

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def manifest(files: dict[str, str]) -> Manifest:
    span = Span(start=NOW, end=NOW)
    return Manifest(
        model="m", version="v1", parent=None, run="m-1", created_at=NOW, task=TaskKind.REGRESSION, family="f",
        classes=(), trained=span, held_out=span, memory_from=NOW, block_seconds=None, metrics={}, baseline={},
        strategy="scratch", alpha=1.0, seed=0, threads=1, policy_hash="h", data_hash="d", packages={}, files=files,
    )  # fmt: skip


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "versions" / "v1"
    with artifacts.publish(folder) as partial:
        (partial / "a.bin").write_bytes(b"a")
        (partial / "b.bin").write_bytes(b"b")
        files = {name: artifacts.sha256(partial / name) for name in ("a.bin", "b.bin")}
        artifacts.write_text(partial / artifacts.MANIFEST, manifest(files).model_dump_json())
    return folder


def test_a_directory_is_published_whole(version: Path) -> None:
    assert sorted(path.name for path in version.iterdir()) == ["a.bin", "b.bin", "manifest.json"]
    assert [path.name for path in version.parent.iterdir()] == ["v1"]


def test_nothing_is_published_when_filling_it_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError), artifacts.publish(tmp_path / "out") as partial:
        (partial / "half").write_text("x")
        raise ValueError("killed")
    assert not (tmp_path / "out").exists()
    with artifacts.publish(tmp_path / "out") as partial:
        assert list(partial.iterdir()) == []  # what was left of the first attempt is gone
        (partial / "whole").write_text("y")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["whole"]


def test_a_published_directory_is_never_overwritten(version: Path) -> None:
    with pytest.raises(StoreError, match="v1 cannot be published"), artifacts.publish(version) as partial:
        (partial / "other").write_text("x")
    assert artifacts.problems_of(version) == []


def test_a_text_is_replaced_in_one_step_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "result.json"
    artifacts.write_text(path, "one")
    artifacts.write_text(path, "two")
    assert path.read_text() == "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["result.json"]


def test_an_edited_and_a_removed_file_are_both_told(version: Path) -> None:
    assert artifacts.problems_of(version) == []
    (version / "a.bin").write_bytes(b"edited")
    (version / "b.bin").unlink()
    problems = artifacts.problems_of(version)
    assert len(problems) == 2
    assert "a.bin differs from its sha256 in the manifest" in problems[0]
    assert "b.bin is missing" in problems[1]


def test_a_version_without_a_manifest_does_not_exist_and_a_broken_one_is_said(version: Path) -> None:
    (version / artifacts.MANIFEST).write_text("{")
    with pytest.raises(StoreError, match=r"manifest.json cannot be read"):
        artifacts.read_manifest(version)
    (version / artifacts.MANIFEST).unlink()
    with pytest.raises(NotFoundError, match="no such version"):
        artifacts.read_manifest(version)


def test_the_champion_is_whom_the_pointer_names(tmp_path: Path) -> None:
    assert artifacts.champion_of(tmp_path) is None
    for version in ("v1", "v2", "v1"):
        artifacts.point_champion(tmp_path, version)
        assert artifacts.champion_of(tmp_path) == version
    assert [path.name for path in tmp_path.iterdir()] == ["champion"]


def test_the_champion_pointer_is_swapped_by_a_rename_and_never_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.point_champion(tmp_path, "v1")
    seen: list[str | None] = []
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        seen.append(artifacts.champion_of(tmp_path))
        real(source, target)
        seen.append(artifacts.champion_of(tmp_path))

    monkeypatch.setattr(artifacts.os, "replace", replace)
    artifacts.point_champion(tmp_path, "v2")
    assert seen == ["v1", "v2"]


def test_a_swap_that_was_cut_short_is_done_by_the_next_one(tmp_path: Path) -> None:
    artifacts.point_champion(tmp_path, "v1")
    (tmp_path / f"champion{artifacts.PARTIAL}").symlink_to(Path("versions") / "v2")
    assert artifacts.champion_of(tmp_path) == "v1"
    artifacts.point_champion(tmp_path, "v3")
    assert artifacts.champion_of(tmp_path) == "v3"
