"""Which samples a run learns from and is judged on, over a sequence of runs."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from maintainer.daemon.collect import collect, split_of
from maintainer.domain.model import Manifest, Span
from maintainer.domain.phase import CollectResult
from maintainer.domain.policy import Policy, schema_of
from maintainer.domain.sample import Part, TaskKind
from maintainer.errors import RefusedError
from maintainer.families.table import read_samples
from maintainer.policies import load_text
from maintainer.store.batch import Batch
from maintainer.store.database import Database
from maintainer.store.intake import ingest_samples
from maintainer.store.tables import adopt
from maintainer.store.windows import Reader

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = """\
version: 1
model: small
task:
  kind: tabular-regression
  id: id
  time: at
  features: {x: {type: number}, g: {type: category}}
  label: y
checks: {window: {last: LAST, min_samples: 10, max_samples: 1000}}
retention: {replay: 500}
triggers: [{name: t, metric: samples.new, above: 1}]
"""
LEARNED = ("train", "replay")


def champion_of(result: CollectResult, policy: Policy) -> Manifest:
    """A champion as far as the next run looks at it."""
    return Manifest(
        model=policy.model, version="v", parent=None, run="r", created_at=BEGIN, task=TaskKind.REGRESSION, family="f",
        classes=(), trained=result.trained, held_out=Span(start=BEGIN, end=BEGIN), memory_from=result.memory_from,
        block_seconds=result.block_seconds, metrics={}, strategy="s", alpha=1.0, seed=0, threads=1, policy_hash="h",
        data_hash=result.data_hash, packages={}, files={}, baseline={},
    )  # fmt: skip


def ids(folder: Path) -> dict[str, dict[int, tuple[datetime, str]]]:
    """Return the samples of each file of a run: hash -> time and group."""
    with duckdb.connect() as db:
        return {
            path.stem: {
                key: (at.replace(tzinfo=UTC), group or "")
                for key, at, group in db.execute(f"select _key, _time, g from read_parquet('{path}')").fetchall()
            }
            for path in folder.glob("*.parquet")
        }


@settings(max_examples=12, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
@given(
    seed=st.integers(0, 1000),
    last=st.sampled_from(["2d", "5d", "30d"]),
    rule=st.sampled_from(["{by: time}", "{by: stratified}", "{by: group, group: g}"]),
    bunched=st.booleans(),
    steps=st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=2, max_size=4),
)
def test_over_any_sequence_of_runs_no_sample_judges_after_it_was_learned_from(
    seed: int, last: str, rule: str, bunched: bool, steps: list[tuple[int, bool]]
) -> None:
    policy = load_text(POLICY.replace("LAST", last) + f"data: {{split: {rule}}}\n", "small.yaml")
    draw = random.Random(seed)
    with TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(folder / "samples.duckdb", 256, 1)
        adopt(database, schema_of(policy))
        now, learned, judged, champion = BEGIN, set[int](), set[int](), None
        for number, (days, late) in enumerate([(8, False), *steps]):
            start = BEGIN if late else now  # late: what comes now happened long ago
            rows = [_sample(draw, start, timedelta(days=days), bunched) for _ in range(25 * days)]
            path = folder / f"{number}.jsonl"
            path.write_text("".join(json.dumps({"id": f"{number}-{i}", **row}) + "\n" for i, row in enumerate(rows)))
            now += timedelta(days=days)
            ingest_samples(database, Batch(schema_of(policy), path, "jsonl", path.name, now))
            try:
                collect(Reader(database, schema_of(policy), now), policy, champion, folder / f"run{number}")
            except RefusedError:  # too little in this window
                assert champion is not None
                continue
            result = CollectResult.model_validate_json((folder / f"run{number}" / "result.json").read_text())
            files = ids(folder / f"run{number}")
            assert {key: len(found) for key, found in files.items()} == result.rows
            newest = [at for at, _ in files["current_holdout"].values() if at >= result.current_holdout.start]
            assert len(newest) == result.newest_rows
            assert all(result.former.start <= at < result.former.end for at, _ in files.get("replay", {}).values())
            everything = [key for found in files.values() for key in found]
            assert len(everything) == len(set(everything)), "a sample is in two files of a run"
            split = split_of(policy, result.block_seconds)
            for file in LEARNED:
                assert all(split.part(at, key, g) is Part.TRAIN for key, (at, g) in files.get(file, {}).items())
                learned |= files.get(file, {}).keys()
            for file in ("replay_validation", "validation"):
                assert all(split.part(at, key, g) is Part.VALIDATION for key, (at, g) in files.get(file, {}).items())
            judged |= files.get("reference_holdout", {}).keys()
            assert not judged & learned, "the reference was learned from"
            assert not files["current_holdout"].keys() & learned, "the newest samples were learned from before"
            if policy.data.split.by == "group":
                groups = {file: {g for _, g in found.values() if g} for file, found in files.items()}
                told = [
                    g
                    for found in (groups["train"] | groups.get("replay", set()), groups["current_holdout"])
                    for g in found
                ]
                assert len(told) == len(set(told)), "a group is learned from and judges"
            champion = champion_of(result, policy)
        database.close()


def test_a_rule_of_splitting_that_was_changed_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    plain = POLICY.replace("LAST", "7d")
    policy, other = (
        load_text(plain + f"data: {{split: {{{rule}}}}}\n", "p") for rule in ("by: time", "by: stratified")
    )
    database, schema = Database(tmp_path / "samples.duckdb", 256, 1), schema_of(policy)
    adopt(database, schema)
    draw, path = random.Random(1), tmp_path / "data.jsonl"
    rows = [_sample(draw, BEGIN, timedelta(days=8), bunched=False) for _ in range(300)]
    path.write_text("".join(json.dumps({"id": str(i), **row}) + "\n" for i, row in enumerate(rows)))
    ingest_samples(database, Batch(schema, path, "jsonl", path.name, BEGIN + timedelta(days=8)))
    reader = Reader(database, schema, BEGIN + timedelta(days=8))
    collect(reader, policy, None, tmp_path / "run")
    champion = champion_of(CollectResult.model_validate_json((tmp_path / "run" / "result.json").read_text()), policy)
    with pytest.raises(RefusedError, match="is now by stratified, but v and those before it were split by time"):
        collect(reader, other, champion, tmp_path / "second")
    assert not (tmp_path / "second").exists()
    database.close()


def test_stratified_parts_have_their_share_of_a_class_that_came_in_one_hour() -> None:
    policy = load_text(POLICY.replace("LAST", "30d") + "data: {split: {by: stratified}}\n", "p")
    split, key_of = split_of(policy, None), random.Random(3).getrandbits
    parts = [split.part(BEGIN, key_of(64)) for _ in range(400)]
    for part, share in ((Part.TRAIN, 0.65), (Part.VALIDATION, 0.15), (Part.HOLDOUT, 0.2)):
        assert abs(parts.count(part) / 400 - share) < 0.06


def weekly_runs(folder: Path, block_seconds: float | None = None) -> list[CollectResult | None]:
    """Return the bootstrap after 700 days and five weekly runs, None where refused, of a sample every six hours.

    The runs split by blocks of `block_seconds`, or as the bootstrap chose.
    """
    policy = load_text(POLICY.replace("LAST", "7d"), "small.yaml")
    database, schema = Database(folder / "samples.duckdb", 256, 1), schema_of(policy)
    adopt(database, schema)
    done: list[CollectResult | None] = []
    champion, begin = None, BEGIN
    for number, days in enumerate([700, *[7] * 5]):
        now, path, target = begin + timedelta(days=days), folder / f"{number}.jsonl", folder / f"run{number}"
        moments = [(begin + timedelta(hours=6 * i)).isoformat() for i in range(4 * days)]
        path.write_text("".join(json.dumps({"id": at, "at": at, "x": 1, "y": 1, "g": "a"}) + "\n" for at in moments))
        ingest_samples(database, Batch(schema, path, "jsonl", path.name, now))
        begin = now
        try:
            collect(Reader(database, schema, now), policy, champion, target)
        except RefusedError:
            done.append(None)
            continue
        done.append(CollectResult.model_validate_json((target / "result.json").read_text()))
        champion = champion or champion_of(done[0], policy)
        champion = champion.model_copy(update={"block_seconds": block_seconds or champion.block_seconds})
    database.close()
    return done


def test_a_long_history_does_not_make_blocks_that_are_too_long_for_the_window(tmp_path: Path) -> None:
    for result in weekly_runs(tmp_path):
        assert result is not None and result.block_seconds == 6 * 3600
        assert result.rows["train"] and result.rows["validation"]


def test_a_model_with_blocks_as_long_as_its_window_is_trained_without_a_validation_part(tmp_path: Path) -> None:
    runs = [result.rows for result in weekly_runs(tmp_path, 604_800)[1:] if result is not None]  # others have no train
    assert len(runs) >= 3
    assert all(rows["train"] and not rows["validation"] for rows in runs)


def second_run(folder: Path, text: str, unlabelled: int = 0) -> tuple[CollectResult, Policy, Path]:
    """Return the run after a bootstrap: 60 days of hourly samples and 9 more, some of the newest without a label."""
    policy = load_text(text, "small.yaml")
    database, schema = Database(folder / "samples.duckdb", 256, 1), schema_of(policy)
    adopt(database, schema)
    begin, champion, result = BEGIN, None, None
    for number, days in enumerate((60, 9)):
        path, now = folder / f"{number}.jsonl", begin + timedelta(days=days)
        rows = [
            {"id": f"{number}-{i}", "at": (begin + timedelta(hours=i)).isoformat(), "x": i} for i in range(24 * days)
        ]
        known = len(rows) - unlabelled * number
        answered = [{**row, "y": 1.0 + i % 50} if i < known else row for i, row in enumerate(rows)]
        path.write_text("".join(json.dumps(row) + "\n" for row in answered))
        ingest_samples(database, Batch(schema, path, "jsonl", path.name, now))
        collect(Reader(database, schema, now), policy, champion, folder / f"run{number}")
        result = CollectResult.model_validate_json((folder / f"run{number}" / "result.json").read_text())
        champion, begin = champion_of(result, policy), now
    database.close()
    assert result is not None
    return result, policy, folder / "run1"


def test_where_no_sample_may_be_kept_former_ones_only_judge(tmp_path: Path) -> None:
    text = POLICY.replace("LAST", "9d").replace("replay: 500", "replay: 0")
    result, policy, folder = second_run(tmp_path, text)
    assert policy.train.strategy == "kfac"
    assert set(ids(folder)) == {"train", "validation", "current_holdout", "reference_holdout"} == set(result.rows)
    assert result.rows["reference_holdout"] > 100
    assert result.memory_from == result.trained.start


def test_a_training_that_chooses_itself_gets_five_times_as_many_to_choose_from(tmp_path: Path) -> None:
    text = POLICY.replace("LAST", "9d").replace("replay: 500", "replay: 80")
    result, _, _ = second_run(tmp_path, text + "train: {replay: {policy: herding}}\n")
    assert result.rows["replay"] == 400 and result.rows["replay_validation"] == 80


def test_the_newest_samples_without_a_label_are_there_to_be_compared_with(tmp_path: Path) -> None:
    text = POLICY.replace("LAST", "9d") + "train: {replay: {policy: similar-to-new}}\n"
    result, policy, folder = second_run(tmp_path, text, unlabelled=30)
    asked = read_samples(folder / "unlabelled.parquet", policy.task)
    assert asked.size == result.rows["unlabelled"] == 30
    assert np.isnan(asked.labels).all() and sorted(asked.numbers["x"]) == [float(i) for i in range(186, 216)]


def test_by_age_the_memory_is_younger_than_a_uniform_one(tmp_path: Path) -> None:
    ages: list[float] = []
    for number, rules in enumerate(("", "train: {replay: {policy: recency, half_life: 7d}}\n")):
        home = tmp_path / str(number)
        home.mkdir()
        text = POLICY.replace("LAST", "9d").replace("replay: 500", "replay: 200") + rules
        result, _, folder = second_run(home, text)
        assert result.rows["replay"] == 200
        times = ids(folder)["replay"].values()
        ages.append(sum((result.former.end - at) / timedelta(days=1) for at, _ in times) / 200)
    assert ages[1] < 0.6 * ages[0]


TIMELESS = POLICY.replace("  id: id\n  time: at\n", "").replace("LAST", "5d")


@pytest.mark.parametrize("first", [0, 3], ids=["one file", "a small file before"])
def test_a_model_without_times_learns_from_a_part_of_one_file_and_is_judged_on_another_part(
    tmp_path: Path, first: int
) -> None:
    policy, draw = load_text(TIMELESS, "small.yaml"), random.Random(5)
    database = Database(tmp_path / "samples.duckdb", 256, 1)
    adopt(database, schema_of(policy))

    def run(now: datetime, count: int, champion: Manifest | None) -> CollectResult:
        path = tmp_path / "data.jsonl"
        path.write_text(
            "".join(json.dumps({"x": draw.random(), "y": draw.random(), "g": "a"}) + "\n" for _ in range(count))
        )
        ingest_samples(database, Batch(schema_of(policy), path, "jsonl", path.name, now))
        target = tmp_path / f"run {now:%Y%m%d}"
        collect(Reader(database, schema_of(policy), now + timedelta(hours=1)), policy, champion, target)
        files = ids(target)
        everything = [key for found in files.values() for key in found]
        assert len(everything) == len(set(everything))
        return CollectResult.model_validate_json((target / "result.json").read_text())

    if first:
        with pytest.raises(RefusedError, match="too few labelled samples"):
            run(BEGIN, first, None)
    result = run(BEGIN + timedelta(days=1), 300, None)
    assert result.block_seconds is None
    assert result.rows["train"] > 150
    assert min(result.rows["validation"], result.rows["current_holdout"]) > 20
    month = run(
        BEGIN + timedelta(days=31), 300, champion_of(result, policy)
    )  # what is known before lies out of the window
    assert month.rows["train"] > 150
    assert min(month.rows["validation"], month.rows["current_holdout"], month.rows["replay"]) > 20
    database.close()


def _sample(draw: random.Random, start: datetime, length: timedelta, bunched: bool) -> dict[str, object]:
    place = draw.choice((0.1, 0.5, 0.9)) if bunched else draw.random()
    group = draw.choice(("", *(f"g{k}" for k in range(30))))
    return {"at": (start + length * place).isoformat(), "x": draw.random(), "y": draw.random(), "g": group}


TEXT = """\
version: 1
model: small
task: {kind: text-regression, id: id, time: at, text: body, label: y}
base: {family: huggingface}
checks: {window: {last: 30d, min_samples: 100}}
"""


def _texts(path: Path, count: int, labelled: bool) -> Path:
    rows = [{"id": str(i), "at": (BEGIN + timedelta(hours=i)).isoformat(), "body": f"text {i}"} for i in range(count)]
    path.write_text("".join(json.dumps(row | ({"y": i} if labelled else {})) + "\n" for i, row in enumerate(rows)))
    return path


@pytest.mark.parametrize(("count", "reference"), [(0, 0.0), (99, 0.0), (100, 99.0)])
def test_without_a_label_nothing_is_learned_from_and_a_full_window_is_the_reference(
    count: int, reference: float, tmp_path: Path
) -> None:
    policy = load_text(TEXT, "small.yaml")
    database, now = Database(tmp_path / "samples.duckdb", 256, 1), BEGIN + timedelta(days=25)
    adopt(database, schema_of(policy))
    if count:
        path = _texts(tmp_path / "new.jsonl", count, labelled=False)
        ingest_samples(database, Batch(schema_of(policy), path, "jsonl", path.name, now))
    said = collect(Reader(database, schema_of(policy), now), policy, None, tmp_path / "run")
    assert said == "no labelled samples: what the model starts from is taken as it is"
    result = CollectResult.model_validate_json((tmp_path / "run" / "result.json").read_text())
    assert not result.rows and not list((tmp_path / "run").glob("*.parquet"))
    adopted = champion_of(result, policy)
    assert not adopted.learned and adopted.trained.end < BEGIN
    ends = result.trained.start if not reference else BEGIN + timedelta(hours=reference, microseconds=1)
    assert result.current_holdout.end == ends
    labels = _texts(tmp_path / "labels.jsonl", 600, labelled=True)
    ingest_samples(database, Batch(schema_of(policy), labels, "jsonl", labels.name, now))
    collect(Reader(database, schema_of(policy), now), policy, adopted, tmp_path / "next")
    learned = CollectResult.model_validate_json((tmp_path / "next" / "result.json").read_text())
    assert learned.block_seconds is not None and learned.rows["train"] > 300 and learned.newest_rows > 50


def test_a_table_without_a_label_is_refused_as_is_a_text_that_has_a_champion(tmp_path: Path) -> None:
    table, text = load_text(POLICY.replace("LAST", "2d"), "small.yaml"), load_text(TEXT, "small.yaml")
    for place, policy in enumerate((table, text)):
        database = Database(tmp_path / f"{place}.duckdb", 256, 1)
        adopt(database, schema_of(policy))
        reader, champion = Reader(database, schema_of(policy), BEGIN), None
        if policy is text:
            collect(reader, policy, None, tmp_path / "first")
            read = (tmp_path / "first" / "result.json").read_text()
            champion = champion_of(CollectResult.model_validate_json(read), policy)
        with pytest.raises(RefusedError, match="no labelled samples"):
            collect(reader, policy, champion, tmp_path / "run")
