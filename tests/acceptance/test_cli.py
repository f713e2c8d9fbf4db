"""What an operator types, over the daemon's socket and without a daemon: the same answers and exit statuses."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NOW = datetime.now(UTC).isoformat()


def test_the_commands_of_a_day_answer_with_one_json_document(operator: Any) -> None:
    ask: Callable[..., Any] = operator.asked
    rows = [{"id": f"new{n}", "at": NOW, "x": n - 1.0, "y": 0.0, "day": "mon"} for n in range(3)]
    file = str(operator.file("new.jsonl", rows))
    taken = ask("ingest", "tiny", file)
    assert (taken["stored"], taken["duplicate"], taken["labels"]) == (3, 0, 0)
    assert ask("ingest", "tiny", file)["duplicate"] == 3
    labels = operator.home / "labels.csv"
    labels.write_text("id,label\nnew0,down\nnew1,up\n")
    assert ask("label", "tiny", str(labels))["labels"] == 2
    answers = ask("predict", "tiny", file)
    assert (answers["version"], answers["rows"]) == ("v0001", 3)
    assert [row["answer"] for row in answers["answers"]] == ["down", answers["answers"][1]["answer"], "up"]
    assert all(abs(sum(row["probabilities"].values()) - 1) < 1e-5 for row in answers["answers"])
    checked = ask("check", "tiny", "--fail-on-drift", status=3)
    assert "x" in checked["drifted"]
    assert checked["decision"]["reason"] == (
        "this check was made by hand; the daemon's next one would start a run, because "
        "inputs-moved fired: drift.share is 0.5, above 0.3."
    )
    status = ask("status")
    assert [model["samples"] for model in status["models"]] == [1803]
    assert ask("status", "tiny")["last_check"]["check"] == checked["check"]
    assert ask("report", checked["check"])["path"] == checked["report"]
    assert Path(checked["report"]).is_file()
    assert ask("doctor")["well"] is True
    assert [run["run"] for run in ask("runs", "tiny")] == ["tiny-0001"]
    assert ask("show", "tiny-0001")["verdict"] == "promoted"


def test_evidentlys_own_report_compares_what_the_check_compared(world: Any) -> None:
    found = world.asked("check", "tiny", "--evidently")
    page = Path(found["evidently"]).read_text()
    told = re.findall(r'"(column_name|data_drift)": "([^"]*)"', page)
    said = dict(zip([v for k, v in told if k == "column_name"], [v for k, v in told if k == "data_drift"], strict=True))
    assert {name for name, word in said.items() if word == "Detected"} == set(found["drifted"])
    assert said.keys() == {s["column"] for s in found["evidence"]["scores"] if s["kind"] in ("value", "missing")}
    assert world.asked("report", f"{found['check']}-evidently")["path"] == found["evidently"]


def test_a_run_is_started_followed_shown_and_rolled_back(operator: Any) -> None:
    run = operator.asked("train", "tiny", "--reason", "a new tariff")
    assert (run["run"], run["verdict"], run["reason"]) == ("tiny-0002", "promoted", "a new tariff")
    assert operator.asked("show", "tiny-0002")["gate"]["findings"]
    assert [r["run"] for r in operator.asked("runs")] == ["tiny-0002", "tiny-0001"]
    assert operator.asked("rollback", "tiny") == {"from": "v0002", "to": "v0001"}
    again = operator.run("rollback", "tiny")
    assert (again.returncode, again.stdout) == (1, "")
    assert "tiny has no former champion; v0001 is the first" in again.stderr
    assert operator.asked("rollback", "tiny", "--to", "v0002") == {"from": "v0001", "to": "v0002"}
    assert len(operator.sql("select * from audit where action = 'rollback' and actor = 'operator'")) == 2


WRONG = [
    (("status", "absent"), "no policy for model 'absent'"),
    (("check", "absent"), "no policy for model 'absent'"),
    (("train", "absent"), "no policy for model 'absent'"),
    (("ingest", "tiny", "absent.csv"), "absent.csv: no such file"),
    (("show", "tiny-9999"), "no run 'tiny-9999'"),
    (("report", "absent"), "no report of 'absent'"),
    (("report", "../control.db"), "Not Found"),
    (("rollback", "tiny", "--to", "v0009"), "tiny has no version 'v0009'; it has v0001"),
    (("rollback", "tiny", "--to", "../v0001"), "tiny has no version '../v0001'"),
    (("bootstrap", "tiny"), "tiny has a champion, v0001"),
    (("policy", "show", "absent"), "no policy for 'absent'"),
]


def test_a_wrong_request_is_one_clear_line_and_exit_status_1(operator: Any) -> None:
    for words, said in WRONG if operator.daemons else WRONG[2:6]:
        done = operator.run(*words, "--json")
        last = done.stderr.strip().splitlines()[-1]
        assert (words, done.returncode, done.stdout) == (words, 1, ""), done.stderr
        assert last.startswith("maintainer: "), done.stderr
        assert said in last
        assert "Traceback" not in done.stderr


def test_wrong_usage_is_exit_status_2(world: Any) -> None:
    for words in (("nonsense",), ("status", "a", "b"), ("ingest",), ("train", "tiny", "--nonsense"), ("show",)):
        done = world.run(*words)
        assert (words, done.returncode, done.stdout) == (words, 2, "")
        assert "Usage" in done.stderr


def test_progress_goes_to_standard_error_only_and_results_to_standard_output_only(world: Any) -> None:
    file = str(world.file("one.jsonl", [{"id": "one", "at": NOW, "x": 1, "y": 1, "day": "mon"}]))
    done = world.run("ingest", "tiny", file)
    assert done.stdout == f"{file}: 1 stored, 0 duplicate, 0 quarantined, 0 labels\n"
    assert done.stderr == f"samples of tiny from {file} …\n"


def test_standard_input_is_taken_in_as_json_lines(world: Any) -> None:
    line = json.dumps({"id": "piped", "at": NOW, "x": 1, "y": 1, "day": "mon"}) + "\n"
    done = world.run("ingest", "tiny", "-", "--json", stdin=line)
    assert (done.returncode, json.loads(done.stdout)["stored"]) == (0, 1), done.stderr


def test_no_colour_is_used_where_none_is_wanted(world: Any) -> None:
    coloured = world.run("status", FORCE_COLOR="1")
    plain = world.run("status", FORCE_COLOR="1", NO_COLOR="1")
    assert "\x1b[" in coloured.stdout
    assert not re.search(r"\x1b\[[349]\d", plain.stdout)  # weight is no colour


def test_an_invalid_policy_is_exit_status_3_with_every_problem(world: Any) -> None:
    world.policy.write_text(world.policy.read_text().replace("accuracy", "acuracy").replace("epochs: 12", "epochs: 0"))
    done = world.run("policy", "check", "--json")
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert (found["valid"], len(found["problems"])) == (False, 2)
    shown = world.run("policy", "show", "tiny")
    assert (shown.returncode, shown.stdout) == (3, "")


def test_a_state_path_too_long_for_a_socket_is_refused_by_the_daemon_and_served_in_process(world: Any) -> None:
    long = world.home / ("s" * 120)
    world.state.rename(long)
    daemon = world.run("run", MAINTAINER_STATE=str(long))
    assert daemon.returncode == 1
    assert "is longer than the 107 bytes of a socket's path; use a shorter state directory" in daemon.stderr
    assert "Traceback" not in daemon.stderr
    done = world.run("status", "--json", MAINTAINER_STATE=str(long))
    assert json.loads(done.stdout)["models"][0]["champion"] == "v0001"


def test_run_once_does_what_is_due_and_stops(world: Any) -> None:
    world.inbox.mkdir(parents=True, exist_ok=True)
    dropped = world.inbox / "a.jsonl"
    dropped.write_text(json.dumps({"id": "due", "at": NOW, "x": 1, "y": 1, "day": "mon"}) + "\n")
    world.age(dropped, minutes=5)
    said = world.asked("run", "--once")["done"]
    assert any("a.jsonl: 1 stored" in sentence for sentence in said)
    assert not dropped.exists()


def test_a_run_that_is_not_waited_for_needs_the_daemon(world: Any) -> None:
    done = world.run("train", "tiny", "--detach")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--detach needs the daemon" in done.stderr
    assert world.sql("select id from run where number > 1") == []


def test_an_interrupt_pauses_a_run_says_how_it_goes_on_and_a_second_start_goes_on_with_it(world: Any) -> None:
    asked = world.begin("train", "tiny")
    os.kill(world.job("tiny-0002", "train"), 0)
    asked.send_signal(signal.SIGINT)
    assert asked.wait(timeout=20) == 130
    assert world.journal("tiny-0002")[-1] == ("train", "paused")
    assert (world.home / "asked.err").read_text().splitlines()[-1] == (
        "maintainer: run tiny-0002 is paused; `maintainer train tiny` or the daemon goes on with it"
    )
    again = world.run("train", "tiny", "--json")
    assert "run tiny-0002 of tiny was paused; it goes on" in again.stderr
    assert (again.returncode, json.loads(again.stdout)["run"]) == (0, "tiny-0002")


def test_a_run_that_fails_is_exit_status_1(world: Any) -> None:
    world.policy.write_text(world.policy.read_text().replace("timeout: 2m", "timeout: 1s"))
    done = world.run("train", "tiny", "--json")
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (1, "failed")
