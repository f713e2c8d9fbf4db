from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from maintainer.domain.model import Manifest, Span
from maintainer.domain.sample import TaskKind
from maintainer.errors import NotFoundError, RefusedError
from maintainer.promote import versions as changing
from maintainer.promote.versions import Finished, Rollback, former_of, promote, prune, reconcile, rollback
from maintainer.store import artifacts
from maintainer.store.control import Control, Crowning, RunRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = Span(start=NOW, end=NOW)


class World:
    """A model whose versions each hold one small file."""

    def __init__(self, folder: Path) -> None:
        self.dir = folder / "models" / "m"
        self.control = Control(folder / "control.db")
        self.now = NOW

    def crown(self, version: str, cause: str = "run") -> None:
        self.now += timedelta(hours=1)
        artifacts.point_champion(self.dir, version)
        self.control.crown(Crowning("m", version, self.now, f"{cause} {version}", "maintainer", "promote"))

    def promoted(self, *versions: str) -> None:
        for version in versions:
            with artifacts.publish(self.dir / "versions" / version) as partial:
                (partial / "model.onnx").write_bytes(version.encode())
                digest = artifacts.sha256(partial / "model.onnx")
                artifacts.write_text(partial / "manifest.json", manifest(version, digest).model_dump_json())
            self.crown(version)

    def back(self, to: str | None = None) -> tuple[str, str]:
        self.now += timedelta(hours=1)
        return rollback(self.control, self.dir, Rollback("m", to, "operator", self.now))

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in (self.dir / "versions").iterdir())


def manifest(version: str, digest: str) -> Manifest:
    return Manifest(
        model="m",
        version=version,
        parent=None,
        run=f"run-{version}",
        created_at=NOW,
        task=TaskKind.REGRESSION,
        family="tabular-mlp",
        classes=(),
        trained=SPAN,
        held_out=SPAN,
        memory_from=NOW,
        block_seconds=None,
        metrics={},
        baseline={},
        strategy="frontier",
        alpha=1.0,
        seed=0,
        threads=1,
        policy_hash="p",
        data_hash="d",
        packages={},
        files={"model.onnx": digest},
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_rollback_brings_back_the_version_that_served_before(world: World) -> None:
    world.promoted("v1", "v2", "v3")
    assert world.back() == ("v3", "v2")
    assert artifacts.champion_of(world.dir) == "v2"


def test_a_second_rollback_goes_one_further_and_not_forward_again(world: World) -> None:
    world.promoted("v1", "v2", "v3")
    world.back()
    assert world.back() == ("v2", "v1")
    with pytest.raises(NotFoundError, match="v1 is the first"):
        world.back()


def test_after_a_rollback_and_a_new_promotion_the_way_back_skips_what_was_rolled_back(world: World) -> None:
    world.promoted("v1", "v2")
    world.back()
    world.promoted("v3")
    assert former_of(world.control, "m", "v3") == "v1"


def test_a_rollback_to_a_named_version_is_refused_where_it_serves_is_unknown_or_leaves_the_folder(world: World) -> None:
    world.promoted("v1", "v2")
    with pytest.raises(RefusedError, match="v2 is the champion of m already"):
        world.back("v2")
    for name in ("v9", "../../m/versions/v1", "..", ""):
        with pytest.raises(NotFoundError, match="it has v1, v2"):
            world.back(name or ".")
    assert artifacts.champion_of(world.dir) == "v2"


def test_a_version_whose_file_was_edited_cannot_come_back(world: World) -> None:
    world.promoted("v1", "v2")
    (world.dir / "versions" / "v1" / "model.onnx").write_bytes(b"edited")
    with pytest.raises(RefusedError, match="differs from its sha256"):
        world.back()
    assert artifacts.champion_of(world.dir) == "v2"


def test_without_a_champion_there_is_nothing_to_roll_back(world: World) -> None:
    with pytest.raises(NotFoundError, match="no champion to roll back from"):
        world.back()


def test_pruning_keeps_the_newest_the_champion_and_the_one_to_roll_back_to(world: World) -> None:
    world.promoted("v1", "v2", "v3", "v4", "v5")
    assert prune(world.control, world.dir, "m", keep=3) == ["v1", "v2"]
    world.back("v3")  # v3 serves, and v3 was crowned before: nothing that came after counts
    world.promoted("v6", "v7")
    assert world.names == ["v3", "v4", "v5", "v6", "v7"]
    assert prune(world.control, world.dir, "m", keep=2) == ["v3", "v4", "v5"]
    world.back()
    assert artifacts.champion_of(world.dir) == "v6"


def test_the_version_to_roll_back_to_is_never_pruned_however_old(world: World) -> None:
    world.promoted("v1", "v2", "v3", "v4")
    world.back("v2")
    world.promoted("v5")
    prune(world.control, world.dir, "m", keep=2)
    assert world.names == ["v2", "v4", "v5"]
    assert world.back() == ("v5", "v2")


def test_v10000_is_newer_than_v9999(world: World) -> None:
    world.promoted("v0998", "v9999", "v10000", "v10001")
    assert prune(world.control, world.dir, "m", keep=2) == ["v0998", "v9999"]


class Killed(BaseException):
    """The process is gone."""


def test_a_rollback_killed_before_it_is_told_is_told_by_the_next_process(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(self: Control, what: Crowning) -> None:
        raise Killed

    world.promoted("v1", "v2", "v3")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Control, "crown", kill)
        world.back()
    assert artifacts.champion_of(world.dir) == "v2" != world.control.champions("m")[-1].version
    said = reconcile(world.control, world.dir, "m", world.now)
    assert said is not None and "v2 serves m where the history said v3" in said
    assert [event.version for event in world.control.champions("m")] == ["v1", "v2", "v3", "v2"]
    assert reconcile(world.control, world.dir, "m", world.now) is None
    assert world.back() == ("v2", "v1")


def test_a_rollback_waits_for_a_promotion_under_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.promoted("v0", "v1", "v2")
    world.back("v1")
    record = RunRecord("m-0002", "m", 2, NOW, "", (), "p", "v1", "v2", None, 0)
    with ThreadPoolExecutor(1) as other:
        asked = list[object]()

        def publish(model_dir: Path, finished: Finished) -> None:
            asked.append(other.submit(world.back))
            with pytest.raises(TimeoutError):
                asked[0].result(timeout=0.2)

        monkeypatch.setattr(changing, "publish_version", publish)
        promote(world.control, world.dir, Finished(record, None, world.dir, NOW))
        assert asked[0].result(timeout=10) == ("v2", "v1")
    assert artifacts.champion_of(world.dir) == "v1" == world.control.champions("m")[-1].version
