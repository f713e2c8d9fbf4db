"""A past run trained again: the same bits, also of a run that was killed, or in words what is gone or other."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest


def test_a_run_is_made_again_bit_by_bit_and_leaves_no_trace(operator: Any) -> None:
    assert operator.asked("train", "tiny")["verdict"] == "promoted"
    before = operator.sql("select count(*) from run_event")
    found = operator.asked("reproduce", "tiny-0002")
    assert found["same"] is True
    assert found["weights"]["then"] == found["weights"]["now"]
    assert found["weights"]["tensors"] > 3
    assert found["figures"] == found["circumstances"] == []
    assert operator.sql("select count(*) from run_event") == before
    assert operator.asked("status", "tiny")["champion"] == "v0002"
    assert list((operator.state / "tmp").glob("tmp*")) == []


def test_the_first_champion_is_made_again(world: Any) -> None:
    assert world.asked("reproduce", "tiny-0001")["same"] is True


def test_a_run_whose_training_was_killed_is_made_again_bit_by_bit(world: Any) -> None:
    world.policy.write_text(world.policy.read_text().replace("epochs: 12", "epochs: 300"))
    world.start()
    run = world.asked("train", "tiny", "--detach")["run"]
    kept = world.state / "runs" / run / "train.kept" / "tuned.safetensors"
    world.until(kept.exists, 60, "an epoch is done")
    os.kill(world.job(run, "train"), signal.SIGKILL)
    world.in_journal(run, "train", "interrupted")
    world.over(run)
    assert ("train", "interrupted") in world.journal(run)
    found = world.asked("reproduce", run)
    assert (found["same"], found["figures"]) == (True, [])
    assert world.stop() < 10


def test_other_weights_are_told_tensor_by_tensor(world: Any) -> None:
    world.asked("train", "tiny")
    train = world.state / "runs" / "tiny-0002" / "train"
    shutil.rmtree(world.state / "models" / "tiny" / "versions" / "v0002")  # so that what training left is compared with
    weights = bytearray((train / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (train / "model.safetensors").write_bytes(weights)
    told = json.loads((train / "result.json").read_text())
    told["circumstances"]["packages"]["torch"] = "1.0"
    (train / "result.json").write_text(json.dumps(told | {"alpha": 0.25}))
    found = world.asked("reproduce", "tiny-0002", status=3)
    assert [f["figure"] for f in found["figures"]] == ["alpha"]
    (different,) = found["weights"]["different"]
    assert different["largest_difference"] > 0
    assert found["importances"]["same"] is True
    (other,) = found["circumstances"]
    assert (other["what"], other["then"]) == ("torch", "1.0")
    people = world.run("reproduce", "tiny-0002")
    assert people.returncode == 3
    assert "other circumstances: torch was 1.0, is" in people.stdout


def gone_policy(world: Any) -> str:
    return "no run 'tiny-0009'"


def gone_file(world: Any) -> str:
    path = world.state / "runs" / "tiny-0001" / "collect" / "train.parquet"
    path.unlink()
    return f"run tiny-0001 cannot be made again: {path} is gone"


def changed_file(world: Any) -> str:
    folder = world.state / "runs" / "tiny-0001" / "collect"
    shutil.copy(folder / "train.parquet", folder / "validation.parquet")
    return f"run tiny-0001 cannot be made again: the files in {folder} have the hash"


def gone_result(world: Any) -> str:
    path = world.state / "runs" / "tiny-0001" / "train" / "result.json"
    path.unlink()
    return f"{path} is gone"


@pytest.mark.parametrize("harm", [gone_policy, gone_file, changed_file, gone_result])
def test_what_is_gone_or_changed_is_named(world: Any, harm: Any) -> None:
    said = harm(world)
    run = "tiny-0009" if harm is gone_policy else "tiny-0001"
    done = world.run("reproduce", run, "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_a_champion_that_is_gone_is_named(world: Any) -> None:
    world.asked("train", "tiny")
    first: Path = world.state / "models" / "tiny" / "versions" / "v0001"
    shutil.rmtree(first)
    done = world.run("reproduce", "tiny-0002")
    assert done.returncode == 1
    assert f"it began at the champion v0001, and {first} is gone" in done.stderr
