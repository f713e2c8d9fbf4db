"""What goes in is kept once, whichever way it comes."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from maintainer.daemon.doctor import examine, repair

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)

# --- the same, whichever way it comes


def test_parquet_csv_and_jsonl_give_the_same_store(make_world: Callable[..., Any], tmp_path: Path) -> None:
    world = make_world()
    given = [*world.rows(30), {"id": "7", "at": NOW.isoformat(), "x": None, "day": None, "label": None}]
    found: list[Any] = []
    for name, content in (
        ("a.csv", world.csv(given)),
        ("a.jsonl", world.jsonl(given)),
        ("a.parquet", world.parquet(given, tmp_path)),
    ):
        world = make_world()
        done = world.sent(content, name)
        assert (done["rows"], done["stored"], done["labels"], done["quarantined"]) == (31, 31, 30, 0), name
        found.append((world.samples(), world.labels()))
    assert found[0] == found[1] == found[2]
    assert found[0][0][0][0] == "7"


def test_the_inbox_and_the_api_give_the_same_store(make_world: Callable[..., Any]) -> None:
    one, other = make_world(), make_world()
    content = one.csv(one.rows(20))
    one.sent(content, "a.csv")
    path = other.drop("a.csv", content)
    said = other.operations.tick()
    assert "small: a.csv: 20 stored, 0 duplicate, 0 quarantined, 20 labels" in said
    assert (one.samples(), one.labels()) == (other.samples(), other.labels())
    assert not path.exists()
    assert [kept.name.partition("-")[2] for kept in (other.inbox / "done").iterdir()] == ["a.csv"]
    assert other.operations.tick() == []


def test_the_same_file_twice_changes_nothing(world: Any) -> None:
    content = world.csv(world.rows(20))
    world.sent(content, "a.csv")
    before = (world.samples(), world.labels())
    world.moment[0] += timedelta(hours=1)
    done = world.sent(content, "again.csv")
    assert (done["stored"], done["duplicate"], done["labels"]) == (0, 20, 0)
    assert (world.samples(), world.labels()) == before


def test_of_overlapping_files_only_what_is_new_is_stored(world: Any) -> None:
    world.sent(world.csv(world.rows(20)), "a.csv")
    done = world.sent(world.jsonl(world.rows(20, first=10)), "b.jsonl")
    assert (done["stored"], done["duplicate"]) == (10, 10)
    assert len(world.samples()) == 30


def test_any_order_and_any_split_of_files_ends_in_the_same_rows(make_world: Callable[..., Any]) -> None:
    whole = make_world()
    given = whole.rows(40)
    whole.sent(whole.csv(given), "all.csv")
    for seed in range(3):
        draw, world = random.Random(seed), make_world()
        shuffled = draw.sample(given, len(given))
        cuts = sorted(draw.sample(range(1, 40), 4))
        parts = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, 40], strict=True)]
        late = [[{"id": row["id"], "label": row["label"]} for row in part] for part in parts]
        early = [[{**row, "label": None} for row in part] for part in parts]
        files = [*((part, "samples") for part in [*early, *parts]), *((part, "labels") for part in late)]
        for number, (part, kind) in enumerate(draw.sample(files, len(files))):
            form = draw.choice((("csv", world.csv), ("jsonl", world.jsonl)))
            world.sent(form[1](part), f"{number}.{form[0]}", kind)
        assert (world.samples(), world.labels()) == (whole.samples(), whole.labels()), seed


@pytest.mark.parametrize("kept", ["  id: id\n", "  time: at\n", ""], ids=["id alone", "time alone", "neither"])
def test_a_model_without_an_id_or_a_time_takes_the_same_file_once_too(
    make_world: Callable[..., Any], kept: str
) -> None:
    world = make_world(("  id: id\n", ""), ("  time: at\n", ""), ("  label:", f"{kept}  label:"))
    assert world.sent(world.csv(world.rows(10)), "a.csv")["stored"] == 10
    world.moment[0] += timedelta(hours=1)
    done = world.sent(world.csv(world.rows(10)), "a.csv")
    assert (done["stored"], done["duplicate"], done["quarantined"]) == (0, 10, 0)
    world.operations.context.database.close()
    (world.state / "samples.duckdb").write_bytes(b"junk" * 9000)
    repair(world.operations)
    assert world.sent(world.csv(world.rows(10)), "a.csv")["duplicate"] == 10


# --- labels


def test_labels_may_come_before_their_samples(world: Any) -> None:
    done = world.sent(b"id,label\ns0,down\nnobody,up\n", "labels.csv", "labels")
    assert (done["labels"], done["unmatched"]) == (2, 2)
    world.sent(world.csv([{**row, "label": None} for row in world.rows(1)]), "a.csv")
    query = "select s._id, l.value from model_small.sample s join model_small.label l using (_key)"
    assert world.sql(query) == [("s0", "down")]


def test_a_later_label_corrects_and_the_same_one_again_is_no_news(world: Any) -> None:
    world.sent(world.csv(world.rows(3)), "a.csv")
    assert world.sent(b"id,label\ns0,down\ns1,up\n", "b.csv", "labels")["labels"] == 1
    assert world.labels() == {"s0": "down", "s1": "up", "s2": "up"}
    again = world.sent(b"id,label\ns0,down\ns1,up\n", "b.csv", "labels")
    assert (again["labels"], again["duplicate"]) == (0, 2)
    world.sent(b"id,label\ns0,up\n", "c.csv", "labels")
    assert world.labels()["s0"] == "up"


def test_of_two_labels_for_one_id_in_a_file_the_last_counts(world: Any) -> None:
    world.sent(b"id,label\ns0,up\ns0,down\n", "a.csv", "labels")
    assert world.labels() == {"s0": "down"}


def test_wrong_labels_are_set_aside_beside_the_good_ones(world: Any) -> None:
    lines = (
        *("id,label,at", "s0,up,", "s1,sideways,", ",up,", "s3,,", "s4,down,yesterday"),
        *("s5,down,2027-01-01", "s6,down,2026-01-01", ""),
    )
    done = world.sent("\n".join(lines).encode(), "a.csv", "labels")
    assert (done["rows"], done["labels"], done["quarantined"]) == (7, 2, 5)
    assert world.labels() == {"s0": "up", "s6": "down"}
    assert [reason for _, _, reason in world.refused()] == [
        "label is sideways, wanted one of the classes down, up",
        "id is missing, wanted an id",
        "label is missing, wanted a label",
        "at is yesterday, wanted a time",
        "at is 2027-01-01, which was in the future on arrival",
    ]


def test_a_file_of_labels_in_the_inbox_is_known_by_its_columns(world: Any) -> None:
    world.drop("labels.csv", b"id,label\ns0,down\n")
    assert "small: labels.csv: 0 stored, 0 duplicate, 0 quarantined, 1 labels, 1 labels without a sample yet" in (
        world.operations.tick()
    )


def test_labels_without_an_id_are_refused(world: Any) -> None:
    answer = world.send(b"name,label\ns0,up\n", "a.csv", "labels")
    assert answer.status_code == 422
    assert "found columns name, label; wanted id, label" in answer.json()["error"]


# --- uploads and files


def test_an_upload_that_a_dead_process_left_is_taken_in_at_the_next_tick(world: Any) -> None:
    spool = world.state / "spool" / "small"
    spool.mkdir(parents=True)
    (spool / f"{'0' * 32}.samples-a.csv").write_bytes(world.csv(world.rows(5)))
    (spool / f"{'1' * 32}.labels-b.csv").write_bytes(b"id,label,x\ns0,down,1\n")
    (spool / f"{'2' * 32}.samples-c.csv.partial").write_bytes(world.csv(world.rows(9)))
    said = world.operations.tick()
    assert "small: a.csv: 5 stored, 0 duplicate, 0 quarantined, 5 labels" in said
    assert world.labels()["s0"] == "down"
    assert len(world.samples()) == 5
    assert list(spool.iterdir()) == []


def test_an_upload_in_the_hands_of_a_request_is_left_alone_by_the_clock(world: Any) -> None:
    path = world.state / "spool" / "small" / f"{'0' * 32}.samples-a.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(world.csv(world.rows(5)))
    world.operations.context.uploads.add(path)
    world.operations.tick()
    assert path.exists()
    world.operations.context.uploads.clear()
    world.operations.tick()
    assert not path.exists()
    assert len(world.samples()) == 5


@pytest.mark.parametrize("name", ["../../../escaped.csv", "/outside/escaped.csv", "..%2fescaped.csv"])
def test_a_name_from_outside_cannot_leave_its_folder(world: Any, name: str) -> None:
    world.sent(world.csv(world.rows(2)), name)
    assert [path.parent.name for path in world.home.parent.rglob("*escaped.csv")] == ["done"]


@pytest.mark.parametrize("name", ["a" * 200 + ".csv", "a\nb.csv", "a\0.csv"])
def test_a_name_that_no_file_should_have_is_refused(world: Any, name: str) -> None:
    answer = world.send(world.csv(world.rows(2)), name)
    assert answer.status_code == 422
    assert "printable text" in answer.json()["error"]


def test_a_refused_upload_leaves_no_file(world: Any) -> None:
    assert world.send(b"", "a.csv").status_code == 422
    said = world.send(b"junk", "a.xyz").json()["error"]
    assert said.startswith("a.xyz: cannot tell the format; wanted a name ending in")
    assert [path for path in (world.state / "spool").rglob("*") if path.is_file()] == []


def test_an_upload_for_an_unknown_model_is_not_even_received(world: Any) -> None:
    answer = world.ask("POST", "/models/large/samples", params={"name": "a.csv"}, content=world.csv(world.rows(2)))
    assert answer.status_code == 404
    assert "no policy for model 'large'" in answer.json()["error"]
    assert not (world.state / "spool" / "large").exists()


def test_a_batch_that_is_taken_in_again_after_a_crash_is_not_quarantined_twice(world: Any) -> None:
    content = (
        world.csv([*world.rows(3), {**world.rows(1)[0], "id": "bad", "x": "abc", "label": "sideways"}]) + b"cut,off\n"
    )
    first = world.sent(content, "a.csv")
    before = world.refused()
    assert len(before) == 3
    world.moment[0] += timedelta(hours=1)
    second = world.sent(content, "a.csv")
    assert (first["quarantined"], second["quarantined"]) == (2, 2)
    assert world.refused() == before


def test_predictions_logged_by_the_champion_are_its_own(world: Any) -> None:
    (world.state / "models" / "small" / "versions" / "v1").mkdir(parents=True)
    (world.state / "models" / "small" / "champion").symlink_to(Path("versions") / "v1")
    world.sent(world.csv([{**row, "prediction": "down"} for row in world.rows(1)]), "a.csv")
    assert world.sql("select _version, _prediction from model_small.sample") == [("v1", "down")]


def test_doctor_finds_a_sound_store_well(world: Any) -> None:
    world.sent(world.csv(world.rows(3)), "a.csv")
    found = {finding["about"]: finding for finding in examine(world.operations)["findings"]}
    assert found["samples.duckdb"]["level"] == "ok"
    assert repair(world.operations) == ["nothing to repair"]
