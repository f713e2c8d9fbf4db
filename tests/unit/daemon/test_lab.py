from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from maintainer.daemon.lab import KEPT, Lab
from maintainer.errors import NotFoundError, RefusedError


def steps(log: list[str], name: str, fails: Exception | None = None) -> Generator[str, None, dict[str, Any]]:
    for number in range(2):
        log.append(f"{name}{number}")
        yield f"step {number}"
    if fails is not None:
        raise fails
    return {"done": name}


def ended(lab: Lab, experiment: str) -> dict[str, Any]:
    for _ in range(1000):
        found = lab.look(experiment)
        if found["over"]:
            return found
        time.sleep(0.005)
    raise AssertionError(f"{experiment} never ends")


def test_an_experiment_tells_its_news_and_its_result() -> None:
    lab = Lab(None)
    found = lab.look(lab.begin("x", steps([], "a")))
    assert (found["over"], found["told"], found["result"], found["error"]) == (
        True,
        ["step 0", "step 1"],
        {"done": "a"},
        None,
    )


def test_what_else_the_runner_has_to_do_comes_between_two_steps() -> None:
    log: list[str] = []
    with ThreadPoolExecutor(1) as runner:
        lab = Lab(runner)
        runner.submit(time.sleep, 0.05)  # so that all is in the queue when the first step begins
        experiment = lab.begin("x", steps(log, "a"))
        runner.submit(log.append, "a run")
        assert ended(lab, experiment)["result"] == {"done": "a"}
    assert log == ["a0", "a run", "a1"]


@pytest.mark.parametrize(
    ("fails", "said"), [(RefusedError("it is gone"), "it is gone"), (ValueError("oh"), "it broke: ValueError: oh")]
)
def test_a_failure_is_told_to_who_asked(fails: Exception, said: str) -> None:
    lab = Lab(None)
    found = lab.look(lab.begin("x", steps([], "a", fails)))
    assert (found["over"], found["result"], found["error"]) == (True, None, said)


def test_old_experiments_are_forgotten_and_unknown_ones_refused() -> None:
    lab = Lab(None)
    names = [lab.begin("x", steps([], "a")) for _ in range(KEPT + 1)]
    assert lab.look(names[-1])["over"]
    with pytest.raises(NotFoundError, match="no experiment"):
        lab.look(names[0])
