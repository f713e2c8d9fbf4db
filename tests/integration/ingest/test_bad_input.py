"""The list of bad input: each is said in words, the good rows beside it are stored, and what comes next is taken."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maintainer.errors import PolicyError
from maintainer.policies import load
from maintainer.store import reading

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
JUNK = random.Random(3).randbytes(20_000)


@pytest.fixture(autouse=True)
def usable_afterwards(world: Any) -> Any:
    """Whatever a test did, the next good file is taken."""
    yield
    assert world.sent(world.csv(world.rows(3, first=300)), "next.csv")["stored"] == 3
    assert world.ask("GET", "/status").status_code == 200


def bad_row(world: Any, **wrong: object) -> tuple[int, list[str]]:
    """Send two good rows around a wrong one; return how many were stored, and what was said of the wrong one."""
    first, middle, last = world.rows(3)
    done = world.sent(world.jsonl([first, {**middle, **wrong}, last]), "a.jsonl")
    assert done["rows"] == 3
    return done["stored"], [reason for _, _, reason in world.refused()]


# --- values


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"x": "abc"}, "x is abc, wanted a number"),
        ({"x": {"deep": 1}}, 'x is {"deep":1}, wanted a number'),
        ({"x": [1]}, "x is [1], wanted a number"),
        ({"x": True}, "x is true, wanted a number"),
        ({"x": float("inf")}, "x is Infinity, wanted a finite number"),
        ({"x": -1e999}, "x is -Infinity, wanted a finite number"),
        ({"x": 1e6}, "x is 1000000, wanted at most 100"),
        ({"x": -101}, "x is -101, wanted at least -100"),
        ({"at": "2026-01-01T13:00:01Z"}, "at is 2026-01-01T13:00:01Z, which was in the future on arrival"),
        ({"at": "infinity"}, "at is infinity, which was in the future on arrival"),
        ({"at": "-infinity"}, "at is -infinity, wanted a time from 1900-01-01 on"),
        ({"at": "0044-03-15 (BC)"}, "at is 0044-03-15 (BC), wanted a time from 1900-01-01 on"),
        ({"at": "yesterday"}, "at is yesterday, wanted a time"),
        ({"at": 1767225600}, "at is 1767225600, wanted a time"),
        ({"at": None}, "at is missing, wanted a time"),
        ({"id": None}, "id is missing, wanted an id"),
        ({"id": ""}, "id is missing, wanted an id"),
        ({"x": "abc", "at": "never"}, "at is never, wanted a time; x is abc, wanted a number"),
    ],
    ids=str,
)
def test_a_wrong_value_is_said_and_the_rows_beside_it_are_stored(world: Any, wrong: Any, said: str) -> None:
    assert bad_row(world, **wrong) == (2, [said])


def test_a_number_that_is_nan_is_missing(world: Any) -> None:
    assert bad_row(world, x=float("nan")) == (3, [])
    assert [row[2] for row in world.samples()] == [0.0, None, 0.5]


def test_a_clock_that_is_an_hour_ahead_is_forgiven(world: Any) -> None:
    assert bad_row(world, at="2026-01-01T13:00:00Z") == (3, [])


def test_a_label_outside_the_classes_is_said_and_its_sample_is_stored(world: Any) -> None:
    assert bad_row(world, label="sideways") == (3, ["label is sideways, wanted one of the classes down, up"])
    assert world.labels() == {"s0": "up", "s2": "up"}


def test_an_id_that_comes_again_with_other_content_is_said_and_the_first_stays(world: Any) -> None:
    world.sent(world.csv(world.rows(2)), "a.csv")
    before = world.samples()
    done = world.sent(world.csv([{**world.rows(1)[0], "x": 9}, *world.rows(1, first=2)]), "b.csv")
    assert (done["stored"], done["quarantined"]) == (1, 1)
    assert world.refused() == [(1, "sample", "id s0 is stored already with other content")]
    assert world.samples()[:2] == before
    twice = [{**world.rows(1, first=5)[0], "x": value} for value in (1, 2)]
    done = world.sent(world.jsonl(twice), "c.jsonl")
    assert (done["stored"], done["quarantined"]) == (1, 1)


def test_labels_for_unknown_ids_are_kept_and_counted(world: Any) -> None:
    done = world.sent(b"id,label\nnobody,up\nno one,down\n", "a.csv", "labels")
    assert (done["labels"], done["unmatched"], done["quarantined"]) == (2, 2, 0)


def test_what_is_set_aside_is_kept_as_it_was_found(world: Any) -> None:
    bad_row(world, x="abc")
    content = world.sql("select content from quarantine")[0][0]
    assert json.loads(content) | {} == {**world.rows(2)[1], "x": "abc"}


# --- columns and types


def test_unknown_columns_are_left_out_and_named(world: Any) -> None:
    done = world.sent(world.csv([{**row, "colour": "red", "_row": 9, "Z": 1} for row in world.rows(2)]), "a.csv")
    assert (done["stored"], done["unknown_columns"]) == (2, ["Z", "_row", "colour"])


def test_absent_features_are_missing_and_named(world: Any) -> None:
    done = world.sent(b"id,at,x\na,2026-01-01,1\n", "a.csv")
    assert (done["stored"], done["absent_columns"]) == (1, ["day"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"at,x,day\n2026-01-01,1,mon\n", "a.csv: column id is missing; found at, x, day"),
        (b"id,x,day\na,1,mon\n", "a.csv: column at is missing; found id, x, day"),
        (b"id,at,label\na,2026-01-01,up\n", "a.csv: has none of the features x, day; found id, at, label"),
        (b"weight,height\n1,2\n", "a.csv: none of its columns is known; found weight, height; wanted at, day, id"),
    ],
)
def test_a_file_without_what_it_must_have_is_refused(world: Any, content: bytes, said: str) -> None:
    answer = world.send(content, "a.csv")
    assert answer.status_code == 422
    assert answer.json() == {"error": answer.json()["error"], "kind": "InputError"}
    assert answer.json()["error"].startswith(said)


@pytest.mark.parametrize(
    "sql",
    [
        "date '2020-01-01'",
        "[1, 2]",
        "{'a': 1}",
        "'ab'::blob",
        "interval 1 day",
        "map {'a': 1}",
        "uuid()",
        "time '12:00'",
    ],
)
def test_parquet_columns_of_a_wrong_type_are_said_row_by_row(world: Any, tmp_path: Path, sql: str) -> None:
    path = tmp_path / "a.parquet"
    with duckdb.connect() as db:
        db.execute(
            f"copy (select 'a' as id, timestamp '2026-01-01' as at, {sql} as x, 'mon' as day) "
            f"to '{path}' (format parquet)"
        )
    done = world.sent(path.read_bytes(), "a.parquet")
    assert (done["stored"], done["quarantined"]) == (0, 1)
    assert world.refused()[0][2].endswith("wanted a number")


# --- files


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_an_empty_file_is_refused(world: Any, name: str) -> None:
    assert world.send(b"", name).json()["error"] == f"{name}: the file is empty"
    path = world.drop(name, b"")
    assert world.operations.tick() == [f"small: {name}: the file is empty; moved to quarantine/"]
    assert not path.exists()
    assert world.refused() == [(0, "file", f"{name}: the file is empty")]


def test_a_csv_with_a_header_alone_has_no_rows(world: Any) -> None:
    assert world.sent(b"id,at,x,day\n", "a.csv")["rows"] == 0


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.ndjson", "a.parquet", "a.pq"])
@pytest.mark.parametrize(
    "junk", [JUNK, b"\x00" * 5000, b"\n" * 5000, b"\xff" * 10], ids=["random", "nul", "lines", "ff"]
)
def test_junk_is_refused_whatever_its_ending(world: Any, name: str, junk: bytes) -> None:
    answer = world.send(junk, name)
    assert (answer.status_code, answer.json()["kind"]) == (422, "InputError")
    assert answer.json()["error"].startswith(name)
    world.drop(name, junk)
    assert world.operations.tick()[0].endswith("moved to quarantine/")
    assert world.samples() == []


def test_junk_between_good_lines_is_set_aside_line_by_line(world: Any) -> None:
    lines = world.csv(world.rows(4)).splitlines(keepends=True)
    done = world.sent(
        b"".join([*lines[:3], b"\xff\xfe,\x00,,,\n", b"too,few\n", b"1,2,3,4,5,6,7\n", *lines[3:]]), "a.csv"
    )
    assert (done["rows"], done["stored"], done["quarantined"]) == (7, 4, 3)
    lines = world.jsonl(world.rows(4, first=10)).splitlines(keepends=True)
    done = world.sent(b"".join([*lines[:2], b"{not json\n", b"[1]\n", b"null\n", *lines[2:]]), "a.jsonl")
    assert (done["rows"], done["stored"], done["quarantined"]) == (7, 4, 3)
    assert "not a JSON object: {not json" in [reason for _, _, reason in world.refused()]


def test_a_lone_quote_costs_its_own_line_and_no_other(world: Any) -> None:
    lines = world.csv(world.rows(300)).splitlines(keepends=True)
    lines[101] = lines[101].replace(b",mon,", b',"mon,')
    done = world.sent(b"".join(lines), "a.csv")
    assert (done["rows"], done["stored"], done["quarantined"]) == (300, 299, 1)
    assert world.refused() == [(102, "sample", "its quote is not closed")]
    assert world.sql("select content from quarantine") == [(lines[101].decode(),)]


def test_a_line_that_is_far_too_long_is_counted_and_set_aside(world: Any) -> None:
    lines = world.csv(world.rows(4)).splitlines(keepends=True)
    done = world.sent(b"".join([*lines[:2], b"x" * 40_000_000 + b"\n", *lines[2:]]), "a.csv")
    assert (done["rows"], done["stored"], done["quarantined"]) == (5, 4, 1)
    assert world.refused() == [(3, "sample", "the line is longer than 2000000 bytes")]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_line_ends_of_two_kinds_in_one_file_are_read(world: Any, form: str) -> None:
    lines = getattr(world, form)(world.rows(6)).splitlines(keepends=True)
    mixed = [line.replace(b"\n", b"\r\n") if number % 2 else line for number, line in enumerate(lines)]
    done = world.sent(b"".join(mixed), f"a.{form}")
    assert (done["rows"], done["stored"], done["labels"]) == (6, 6, 6)


def test_a_file_of_which_a_line_is_lost_is_refused_whole(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "REJECTS", reading.NO_REJECTS)
    answer = world.send(world.csv(world.rows(4)) + b"too,few\n", "a.csv")
    assert answer.status_code == 422
    assert answer.json()["error"] == "a.csv is not readable as csv: 4 of its 5 records were found"
    assert (world.samples(), world.refused()) == ([], [])
    monkeypatch.undo()


def test_broken_lines_of_a_file_of_labels_are_set_aside_as_labels(world: Any) -> None:
    done = world.sent(b'id,label\ns0,up\ns1,"up\ns2\n', "a.csv", "labels")
    assert (done["labels"], done["quarantined"]) == (1, 2)
    assert [kind for _, kind, _ in world.refused()] == ["label", "label"]


def test_text_that_is_not_utf_8_in_a_parquet_file_is_told(world: Any, tmp_path: Path) -> None:
    given = pa.array([b"mon", b"\xff\xfe"], pa.binary())
    day = pa.Array.from_buffers(pa.string(), len(given), given.buffers())
    pq.write_table(pa.table({"id": ["a", "b"], "at": [NOW, NOW], "day": day}), tmp_path / "a.parquet")
    said = world.send((tmp_path / "a.parquet").read_bytes(), "a.parquet").json()["error"]
    assert said.startswith("a.parquet is not readable as parquet: ")
    assert said.endswith('"a.parquet": value "\\xFF\\xFE" is not valid UTF8!')


def test_a_csv_cut_in_the_middle_of_a_row_waits_then_gives_its_whole_rows(world: Any) -> None:
    whole = world.csv(world.rows(10))
    cut = whole[: whole.rindex(b",mon")]
    world.drop("a.csv", cut, age=30)
    assert world.operations.tick() == []  # its writer may go on
    world.drop("a.csv", cut, age=90)
    assert world.operations.tick() == ["small: a.csv: 9 stored, 0 duplicate, 1 quarantined, 9 labels"]
    world.drop("a.csv", whole)
    assert world.operations.tick() == ["small: a.csv: 1 stored, 9 duplicate, 0 quarantined, 1 labels"]


def test_a_jsonl_cut_in_the_middle_of_a_row_waits_then_gives_its_whole_rows(world: Any) -> None:
    whole = world.jsonl(world.rows(10))
    world.drop("a.jsonl", whole[:-20], age=30)
    assert world.operations.tick() == []
    world.drop("a.jsonl", whole[:-20], age=90)
    assert world.operations.tick() == ["small: a.jsonl: 9 stored, 0 duplicate, 1 quarantined, 9 labels"]
    assert world.refused() == [(10, "sample", "the file ends in the middle of this line")]


def test_a_parquet_cut_in_the_middle_waits_then_is_refused_whole(world: Any, tmp_path: Path) -> None:
    whole = world.parquet(world.rows(10), tmp_path)
    path = world.drop("a.parquet", whole[: len(whole) // 2], age=30)
    assert world.operations.tick() == []
    assert path.exists()
    assert world.samples() == []
    world.drop("a.parquet", whole[: len(whole) // 2], age=90)
    assert world.operations.tick()[0].startswith("small: a.parquet is not readable as parquet: ")
    assert (world.samples(), path.exists()) == ([], False)
    world.drop("a.parquet", whole)
    assert world.operations.tick() == ["small: a.parquet: 10 stored, 0 duplicate, 0 quarantined, 10 labels"]


def test_a_file_that_is_gone_again_stops_nothing(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = world.drop("gone.csv", world.csv(world.rows(2)), age=7200)
    world.drop("good.csv", world.csv(world.rows(2, first=10)))
    real = Path.iterdir

    def listed(folder: Path) -> Any:
        found = list(real(folder))
        if folder == world.inbox and gone.exists():
            gone.unlink()
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", listed)
    assert world.operations.tick() == ["small: good.csv: 2 stored, 0 duplicate, 0 quarantined, 2 labels"]


# --- policies


def test_ten_mistakes_in_a_policy_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("""\
version: 2
model: Bad Name
task:
  kind: tabular-clasification
  features:
    x: {type: nummer}
    y: {type: number, min: much}
  label: label
checks: {every: soon, window: {min_samples: -1}}
triggers: [{name: t, metric: samples.new}]
train: {epochs: none}
promotion: {keep_versions: 1}
colour: red
""")
    with pytest.raises(PolicyError) as caught:
        load(path)
    problems = caught.value.problems
    for words in (
        *("version", "model", "kind", "type", "min", "every", "min_samples", "triggers", "epochs", "keep_versions"),
        "colour",
    ):
        assert any(words in problem for problem in problems), f"{words} is not told of in {problems}"
    assert len(problems) >= 10
    assert all(problem.startswith(f"{path}:") for problem in problems), problems


def test_a_policy_of_a_model_without_a_champion_is_told_and_the_tick_goes_on(world: Any) -> None:
    answer = world.ask("POST", "/models/small/checks")
    assert answer.status_code == 409
    assert "small has no champion yet" in answer.json()["error"]
    world.drop("a.csv", world.csv(world.rows(2)))
    assert world.operations.tick() == ["small: a.csv: 2 stored, 0 duplicate, 0 quarantined, 2 labels"]


def test_a_broken_policy_beside_a_good_one_stops_only_itself(world: Any) -> None:
    (world.home / "policies" / "other.yaml").write_text("version: 1\nmodel: other\n")
    world.drop("a.csv", world.csv(world.rows(2)))
    assert "small: a.csv: 2 stored, 0 duplicate, 0 quarantined, 2 labels" in world.operations.tick()
    assert any("other.yaml" in problem for problem in world.operations.context.problems)
