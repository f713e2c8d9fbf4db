"""Strategies on the data of a past run, and what a second version's page says of the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def test_four_strategies_are_held_against_each_other_and_nothing_else_changes(world: Any) -> None:
    world.start()
    assert world.asked("train", "tiny")["verdict"] == "promoted"
    before = (world.sql("select * from run_event"), world.sql("select * from audit"))
    found = world.asked("compare", "tiny-0002")
    tried = {one["strategy"]: one for one in found["tried"]}
    assert list(tried) == ["finetune", "replay", "scratch", "frontier"]
    assert tried["finetune"]["new"]["value"] > found["new"]["value"] + 0.2
    assert tried["finetune"]["former"]["value"] < found["former"]["value"]
    assert 0 < tried["finetune"]["former"]["flips"] <= 1
    assert all(one["seconds"] > 0 for one in found["tried"])
    own = world.asked("show", "tiny-0002")["gate"]["challenger"]["current"]["accuracy"]
    assert tried["finetune"]["new"]["value"] == own  # the run's own strategy, trained again
    assert (world.sql("select * from run_event"), world.sql("select * from audit")) == before
    assert world.asked("status", "tiny")["champion"] == "v0002"
    page = Path(found["report"]).read_text()
    assert found["answer"] in page.replace("&#39;", "'")
    assert world.asked("report", "tiny-0002-compare")["path"] == found["report"]
    assert list((world.state / "tmp").glob("tmp*")) == []
    line = world.asked("show", "tiny-0002")["gate"]["periods"]
    assert [period["version"] for period in line] == ["v0001", "v0002"]
    assert line[0]["champion"] > line[0]["challenger"]  # the world has turned: what was known is forgotten
    assert line[1]["challenger"] > line[1]["champion"]
    report = Path(world.asked("report", "tiny-0002")["path"]).read_text()
    assert "Over all versions" in report and "Per class" in report and "Backward transfer" in report
    done = world.run("compare", "tiny-0001")
    assert done.returncode == 1
    assert "run tiny-0001 made the first model: there is no champion that could have forgotten" in done.stderr
    assert world.stop() < 10
