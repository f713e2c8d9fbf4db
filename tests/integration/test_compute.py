"""Child processes end when they should, and say why."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maintainer.compute.jobs import Job, Nursery
from maintainer.compute.warm import Patience, WarmChild
from maintainer.errors import ChildError, InputError, InterruptedRunError

GIB = 1 << 30

WORKER = """
import json, os, sys, time
from pathlib import Path
for line in sys.stdin:
    asked = json.loads(line)
    task, request = asked["task"], asked["request"]
    if task == "hang":
        Path(request["pid"]).write_text(str(os.getpid()))
        time.sleep(600)
    if task == "crash":
        os._exit(7)
    if task == "mumble":
        print("not JSON", flush=True)
        continue
    reply = {"refused": "no such column"} if task == "refuse" else {"pid": os.getpid(), **request}
    print(json.dumps(reply), flush=True)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Make a module that a child can be started with."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])]))

    def make(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return make


@pytest.fixture
def job(module: Callable[[str, str], str], tmp_path: Path) -> Callable[..., Job]:
    def make(text: str, seconds: float = 60, memory_bytes: int = 8 * GIB, loads: tuple[str, ...] = ()) -> Job:
        arguments = (str(tmp_path), str(memory_bytes))
        return Job(module("child_job", text), arguments, tmp_path / "job.log", seconds, memory_bytes, loads)

    return make


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def nursery(tmp_path: Path, stopping: threading.Event) -> Iterator[Nursery]:
    made = Nursery(tmp_path / "nursery.log", stopping)
    yield made
    made.close()


def lives(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def until(holds: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)
    return found


def noted(path: Path) -> int:
    """Return the process id that a child writes to a file, once it has."""
    until(lambda: path.is_file() and path.read_text().strip(), f"{path.name} is written")
    return int(path.read_text())


FAMILY = """
import os, subprocess, sys, time
from pathlib import Path
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path(sys.argv[1], "inner").write_text(str(inner.pid))
"""


def test_a_job_that_ends_well_leaves_its_files(job: Callable[..., Job], tmp_path: Path, nursery: Nursery) -> None:
    nursery.run(job("import sys, pathlib; pathlib.Path(sys.argv[1], 'done').touch()"))
    assert (tmp_path / "done").exists()


def test_a_deadline_ends_the_whole_process_group(job: Callable[..., Job], tmp_path: Path, nursery: Nursery) -> None:
    with pytest.raises(ChildError, match="deadline of 2 s"):
        nursery.run(job(FAMILY + "time.sleep(600)", seconds=2))
    until(lambda: not lives(noted(tmp_path / "inner")), "the grandchild is gone")


def test_what_a_crashed_job_has_started_goes_with_it(job: Callable[..., Job], tmp_path: Path, nursery: Nursery) -> None:
    with pytest.raises(ChildError, match="status 5"):
        nursery.run(job(FAMILY + "os._exit(5)"))
    until(lambda: not lives(noted(tmp_path / "inner")), "the grandchild is gone")


HUNGRY = """
import sys
from maintainer.compute.child import limit_self
import maintainer.daemon.worker as worker
{imports}
def hungry(spec): {body}
worker.perform = hungry
worker.PhaseSpec.model_validate_json = lambda text: None
open(sys.argv[1] + "/spec", "w").close()
sys.exit(worker.main([sys.argv[1] + "/spec", sys.argv[2]]))
"""


@pytest.mark.parametrize(
    ("imports", "body"),
    [("", "bytearray(16 << 30)"), ("import numpy", "numpy.ones(1 << 31)"), ("import torch", "torch.ones(1 << 31)")],
)
def test_a_job_over_its_memory_limit_is_told_so_in_words(
    job: Callable[..., Job], nursery: Nursery, imports: str, body: str
) -> None:
    hungry = job(HUNGRY.format(imports=imports, body=body), memory_bytes=4 * GIB)
    with pytest.raises(ChildError, match="ran out of memory or was killed; its limit is 4096 MiB"):
        nursery.run(hungry)


def test_a_deliberate_refusal_passes_the_jobs_own_message(job: Callable[..., Job], nursery: Nursery) -> None:
    text = "import sys; print('noise', file=sys.stderr); print('class c has no row', file=sys.stderr); sys.exit(3)"
    with pytest.raises(InputError, match=r"^class c has no row$"):
        nursery.run(job(text))


def test_the_phase_worker_refuses_what_is_no_heavy_phase(nursery: Nursery, tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text('{"phase": "collect"}')
    refused = Job("maintainer.daemon.worker", (str(spec), str(8 * GIB)), tmp_path / "log", 60, 8 * GIB)
    with pytest.raises((InputError, ChildError)):
        nursery.run(refused)


def test_stopping_interrupts_a_job_and_ends_its_group(
    job: Callable[..., Job], nursery: Nursery, stopping: threading.Event, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(nursery.run, job(FAMILY + "time.sleep(600)"))
        inner = noted(tmp_path / "inner")
        begun = time.monotonic()
        stopping.set()
        with pytest.raises(InterruptedRunError, match="stopping: the nursery gave up"):
            running.result(timeout=20)
    assert time.monotonic() - begun < 5
    until(lambda: not lives(inner), "the grandchild is gone")


def test_a_job_dies_when_its_parent_is_killed(job: Callable[..., Job], tmp_path: Path) -> None:
    endless = job(
        "import os, sys, time\nfrom pathlib import Path\nfrom maintainer.compute.child import limit_self\n"
        "limit_self(8 << 30)\nPath(sys.argv[1], 'pid').write_text(str(os.getpid()))\ntime.sleep(600)"
    )
    parent = (
        "import threading, sys, pathlib; from maintainer.compute.jobs import Job, Nursery\n"
        f"log = pathlib.Path({str(endless.log)!r})\n"
        "Nursery(log.with_name('nursery.log'), threading.Event()).run("
        f"Job({endless.module!r}, {endless.arguments!r}, log, 600, 0))"
    )
    process = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", parent])
    child = noted(tmp_path / "pid")
    os.kill(process, 9)
    os.waitpid(process, 0)
    until(lambda: not lives(child), "the child is gone")


def test_what_jobs_load_is_imported_once(
    job: Callable[..., Job], module: Callable[[str, str], str], nursery: Nursery, tmp_path: Path
) -> None:
    slow = module(
        "slow_to_load", "import os\nfrom pathlib import Path\nPath(__file__).with_name('loaded').open('a').write('x')"
    )
    for _ in range(3):
        nursery.run(job("import slow_to_load", loads=(slow,)))
    assert (tmp_path / "loaded").read_text() == "x"


def test_a_job_has_its_own_arguments_log_and_group_and_no_input(
    job: Callable[..., Job], nursery: Nursery, tmp_path: Path
) -> None:
    text = "import os, sys, pathlib\npathlib.Path(sys.argv[1], 'seen').write_text("
    text += "repr((sys.argv[1:], sys.stdin.read(), os.getpgid(0) == os.getpid(), __name__)))\nprint('to the log')"
    given = job(text)
    nursery.run(given)
    assert (tmp_path / "seen").read_text() == repr((list(given.arguments), "", True, "__main__"))
    assert given.log.read_text() == "to the log\n"


def test_jobs_of_two_threads_go_on_beside_each_other(job: Callable[..., Job], nursery: Nursery, tmp_path: Path) -> None:
    wants = "import sys, time, pathlib\nhere, mine, other = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]\n"
    both = job(wants + "(here / mine).touch()\nwhile not (here / other).exists(): time.sleep(0.01)")
    with ThreadPoolExecutor(2) as pool:
        sides = [replace(both, arguments=(str(tmp_path), mine, other)) for mine, other in ("ab", "ba")]
        list(pool.map(nursery.run, sides))


def test_a_nursery_that_is_killed_takes_its_job_along_and_is_started_again(
    job: Callable[..., Job], nursery: Nursery, tmp_path: Path
) -> None:
    limited = "from maintainer.compute.child import limit_self\nlimit_self(8 << 30)\n"
    text = "import os, sys, time\nfrom pathlib import Path\n" + limited
    text += "Path(sys.argv[1], 'pids').write_text(f'{os.getppid()} {os.getpid()}')\ntime.sleep(600)"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(nursery.run, job(text))
        written = tmp_path / "pids"
        until(lambda: written.is_file() and len(written.read_text().split()) == 2, "the job has begun")
        parent, child = map(int, written.read_text().split())
        os.kill(parent, 9)
        with pytest.raises(ChildError, match="the nursery failed at wait"):
            running.result(timeout=20)
    until(lambda: not lives(child), "the job is gone")
    nursery.run(job("import sys, pathlib; pathlib.Path(sys.argv[1], 'again').touch()"))
    assert (tmp_path / "again").exists()


@pytest.fixture
def warm(module: Callable[[str, str], str], tmp_path: Path) -> Iterator[Callable[..., WarmChild]]:
    made: list[WarmChild] = []

    def make(seconds: float = 30, **more: Any) -> WarmChild:
        made.append(WarmChild(module("warm_worker", WORKER), tmp_path / "warm.log", Patience(seconds, **more)))
        return made[-1]

    yield make
    for child in made:
        child.close()


def test_a_warm_child_answers_and_stays(warm: Callable[..., WarmChild]) -> None:
    child = warm()
    first, second = child.ask("echo", {"n": 1}), child.ask("echo", {"n": 2})
    assert (first["n"], second["n"]) == (1, 2)
    assert first["pid"] == second["pid"]


def test_a_warm_child_that_was_killed_is_started_again(warm: Callable[..., WarmChild]) -> None:
    child = warm()
    first = child.ask("echo", {})["pid"]
    os.kill(first, 9)
    until(lambda: not lives(first), "it is dead")
    assert child.ask("echo", {})["pid"] != first


@pytest.mark.parametrize("task", ["crash", "mumble"])
def test_a_warm_child_that_breaks_is_told_in_words_and_started_again(warm: Callable[..., WarmChild], task: str) -> None:
    child = warm()
    before = child.ask("echo", {})["pid"]
    with pytest.raises(ChildError, match=f"failed at {task}"):
        child.ask(task, {})
    assert child.ask("echo", {})["pid"] != before


def test_a_refusal_of_a_warm_child_passes_its_message_and_keeps_it(warm: Callable[..., WarmChild]) -> None:
    child = warm()
    before = child.ask("echo", {})["pid"]
    with pytest.raises(InputError, match="no such column"):
        child.ask("refuse", {})
    assert child.ask("echo", {})["pid"] == before


def test_a_hung_warm_child_is_ended_at_its_deadline(warm: Callable[..., WarmChild], tmp_path: Path) -> None:
    child = warm(seconds=2)
    child.ask("echo", {})  # so that the start is not part of the deadline
    with pytest.raises(ChildError, match="no answer within 2 s"):
        child.ask("hang", {"pid": str(tmp_path / "pid")})
    until(lambda: not lives(noted(tmp_path / "pid")), "the hung worker is gone")
    assert child.ask("echo", {"n": 3})["n"] == 3


def test_a_child_that_does_not_read_a_large_request_is_ended_at_its_deadline(
    module: Callable[[str, str], str], tmp_path: Path
) -> None:
    deaf = WarmChild(module("deaf", "import time; time.sleep(600)"), tmp_path / "warm.log", Patience(2))
    with pytest.raises(ChildError, match="no answer within 2 s"):
        deaf.ask("echo", {"large": "x" * (8 << 20)})
    deaf.close()


def test_a_large_request_and_its_large_answer_arrive_whole(warm: Callable[..., WarmChild]) -> None:
    large = "x" * (8 << 20)
    assert warm().ask("echo", {"large": large})["large"] == large


def test_stopping_ends_a_wait_for_a_warm_child(warm: Callable[..., WarmChild], tmp_path: Path) -> None:
    stopping = threading.Event()
    child = warm(seconds=600, stopping=stopping)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(child.ask, "hang", {"pid": str(tmp_path / "pid")})
        noted(tmp_path / "pid")
        stopping.set()
        with pytest.raises(InterruptedRunError, match="stopping"):
            asking.result(timeout=20)


def test_a_wait_for_a_warm_child_says_that_it_is_only_a_wait(warm: Callable[..., WarmChild], tmp_path: Path) -> None:
    beats: list[float] = []
    child = warm(seconds=2, alive=lambda: beats.append(time.monotonic()))
    with pytest.raises(ChildError):
        child.ask("hang", {"pid": str(tmp_path / "pid")})
    assert len(beats) >= 5


def test_threads_take_turns_with_a_warm_child(warm: Callable[..., WarmChild]) -> None:
    child = warm()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: child.ask("echo", {"n": n}), range(64)))
    assert [each["n"] for each in found] == list(range(64))
    assert len({each["pid"] for each in found}) == 1


def test_a_warm_child_outlives_the_thread_that_asked_first(module: Callable[[str, str], str], tmp_path: Path) -> None:
    mortal = "import ctypes, signal\nctypes.CDLL(None).prctl(1, signal.SIGKILL)\n" + WORKER
    child = WarmChild(module("mortal", mortal), tmp_path / "warm.log", Patience(30))
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(child.ask("echo", {})["pid"]))
    thread.start()
    thread.join()
    assert child.ask("echo", {})["pid"] == found[0]
    child.close()


def test_an_idle_warm_child_is_let_go(warm: Callable[..., WarmChild]) -> None:
    child = warm()
    process = child.ask("echo", {})["pid"]
    child.release_idle(3600)
    assert lives(process)
    child.release_idle(0)
    assert not lives(process)
