"""Care of training data, with real cleanlab, scikit-learn and scipy."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maintainer.domain.phase import CareRow, PhaseSpec, TrainResult
from maintainer.domain.policy import Data, Policy, Task
from maintainer.families.labels import spread
from maintainer.families.table import Samples, join
from maintainer.train import stage
from maintainer.train.care import care, doubt
from maintainer.train.care.augment import mixed, noisy
from maintainer.train.care.balance import balanced
from maintainer.train.care.cared import Cared
from maintainer.train.care.copies import without_copies
from maintainer.train.care.outliers import fences, without_outliers
from maintainer.train.situation import Parts

TASK = Task.model_validate({"kind": "tabular-classification", "features": {"x": {"type": "number"}}, "label": "y"})


def samples(n: int, seed: int = 0, first: int = 0) -> Samples:
    """A rule of x and c that a model can learn."""
    draw = np.random.default_rng(seed)
    x, z, c = draw.normal(size=n), draw.normal(size=n), draw.choice(["a", "b"], n).astype(object)
    labels = np.where(np.where(c == "a", x, -x) + 0.5 * z > 0, "up", "down").astype(object)
    return Samples(n, {"x": x, "z": z}, {"c": c}, labels, np.array([str(first + i) for i in range(n)], object))


def none() -> Samples:
    return samples(0)


def parts(new: Samples, former: Samples | None = None) -> Parts:
    return Parts(new, former or none(), none(), none())


def found(cared: Cared) -> set[tuple[str, str, str]]:
    return {(row.sample, row.finding, row.action) for row in cared.rows}


def names(held: Samples) -> list[str]:
    assert held.ids is not None
    return held.ids.tolist()


# Copies


def test_copies_and_near_copies_are_left_out_and_the_first_stays() -> None:
    new = samples(200)
    near = replace(new.take(np.array([7])), categories={"c": np.array([f" {new.categories['c'][7].upper()} "], object)})
    near = replace(near, numbers={"x": near.numbers["x"] + 5e-4 * spread(new.numbers["x"])[1], "z": near.numbers["z"]})
    again = join(join(new, new.take(np.array([3, 150]))), near)
    again = replace(again, ids=np.array([str(i) for i in range(203)], object))
    cared = without_copies(parts(again), none(), classes=True)
    assert found(cared) == {("200", "copy", "dropped"), ("201", "copy", "dropped"), ("202", "copy", "dropped")}
    assert names(cared.parts.new) == [str(i) for i in range(200)]
    assert {row.sample: row.why for row in cared.rows} == {
        "200": "equal to 3", "201": "equal to 150", "202": "nearly equal to 7",
    }  # fmt: skip
    assert not without_copies(cared.parts, none(), classes=True).rows


@pytest.mark.parametrize("apart", [0.0, 0.9e-3, 1.5e-3])
def test_near_copies_agree_with_every_pair_held_against_each_other(apart: float) -> None:
    new = samples(120, seed=2)
    moved = replace(new, numbers={"x": new.numbers["x"] + apart * spread(new.numbers["x"])[1], "z": new.numbers["z"]})
    both = join(new, moved)
    scale = {name: spread(column)[1] for name, column in both.numbers.items()}

    def near(i: int, j: int) -> bool:
        close = all(abs(both.numbers[k][i] - both.numbers[k][j]) <= 1e-3 * scale[k] * (1 + 1e-9) for k in scale)
        return close and both.categories["c"][i] == both.categories["c"][j] and both.labels[i] == both.labels[j]

    kept: list[int] = []
    for row in range(both.size):
        if not any(near(row, other) for other in kept):
            kept.append(row)
    cared = without_copies(parts(replace(both, ids=np.arange(240).astype(str).astype(object))), none(), classes=True)
    assert names(cared.parts.new) == [str(row) for row in kept]


def test_a_copy_of_what_judges_is_left_out_of_new_and_of_former_samples() -> None:
    judging, new, former = samples(100, 1, 1000), samples(200, 2), samples(150, 3, 500)
    new = join(new, replace(judging.take(np.array([4])), ids=np.array(["leak"], object)))
    former = join(former, replace(judging.take(np.array([9])), ids=np.array(["old"], object)))
    cared = without_copies(parts(new, former), judging, classes=True)
    assert found(cared) == {("leak", "leak", "dropped"), ("old", "leak", "dropped")}
    assert {row.part for row in cared.rows} == {"new", "former"}
    assert cared.rows[0].why == "equal to 1004, which judges"
    assert (cared.parts.new.size, cared.parts.former.size) == (200, 150)


def test_equal_features_with_other_labels_are_listed_and_stay() -> None:
    new = samples(200)
    twin = new.take(np.array([5]))
    other = replace(twin, labels=np.array(["down" if twin.labels[0] == "up" else "up"], object))
    new = join(new, replace(other, ids=np.array(["twin"], object)))
    cared = without_copies(parts(new), none(), classes=True)
    assert found(cared) == {("5", "conflict", "kept"), ("twin", "conflict", "kept")}
    assert cared.parts.new.size == 201


def test_samples_of_few_values_are_alike_by_chance_and_stay() -> None:
    draw = np.random.default_rng(0)
    c, d = (draw.choice(list("abcdefgh"), 2000).astype(object) for _ in range(2))
    few = Samples(2000, {}, {"c": c, "d": d}, np.where(c == "a", "up", "down").astype(object))
    no = few.take(np.zeros(0, np.int64))
    cared = without_copies(Parts(few, no, no, no), few.take(np.arange(50)), classes=True)
    assert cared.parts.new.size == 2000 and not cared.rows
    assert "copies were not looked for: by chance alone 25." in cared.notes[0]


def test_near_samples_of_one_number_are_near_by_chance_and_stay() -> None:
    x = np.random.default_rng(0).normal(size=3000)
    held = Samples(3000, {"x": x}, {}, np.where(x > 0, "up", "down").astype(object))
    no = held.take(np.zeros(0, np.int64))
    again = join(held, held.take(np.array([11])))
    cared = without_copies(Parts(again, no, no, no), no, classes=True)
    assert [(row.sample, row.why) for row in cared.rows] == [("row 3000", "equal to row 11")]
    assert "near copies were not looked for: by chance alone 1." in cared.notes[0]


def test_near_copies_are_found_among_fifty_columns() -> None:
    x = np.random.default_rng(0).normal(size=(3000, 50)).round(1)
    x[100:110] = x[:10] + 4e-4
    held = Samples(3000, {f"x{i}": x[:, i] for i in range(50)}, {}, np.full(3000, "up", object))
    no = held.take(np.zeros(0, np.int64))
    cared = without_copies(Parts(held, no, no, no), no, classes=True)
    assert [row.sample for row in cared.rows] == [f"row {i}" for i in range(100, 110)]


def test_where_all_samples_are_one_none_is_left_out_and_it_is_said() -> None:
    one = samples(1).take(np.zeros(300, np.int64))
    cared = without_copies(parts(one), none(), classes=True)
    assert cared.parts.new.size == 300
    assert cared.notes == ("299 of 300 samples are alike: that is the nature of these columns, all were kept",)


def test_copies_of_missing_huge_and_regression_samples_are_found() -> None:
    new = samples(100)
    x = new.numbers["x"].copy()
    x[[1, 2, 3]] = np.nan, np.inf, 1e300
    new = replace(new, numbers=new.numbers | {"x": x}, labels=np.random.default_rng(1).normal(size=100))
    again = join(new, replace(new.take(np.array([1, 2, 3])), ids=np.array(["a", "b", "c"], object)))
    empty = replace(none(), labels=np.zeros(0))
    cared = without_copies(Parts(again, empty, empty, empty), empty, classes=False)
    assert {row.sample for row in cared.rows} == {"a", "b", "c"}


# Label errors


def flipped(held: Samples, share: float, seed: int = 9) -> tuple[Samples, np.ndarray]:
    wrong = np.random.default_rng(seed).random(held.size) < share
    turned = np.where(held.labels == "up", "down", "up")
    return replace(held, labels=np.where(wrong, turned, held.labels).astype(object)), wrong


def test_planted_label_errors_are_found_far_above_chance_and_the_right_label_is_suggested() -> None:
    right = samples(1000)
    held, wrong = flipped(right, 0.05)
    doubts = doubt.doubted(held, seed=0)
    hit = wrong[doubts.rows]
    assert hit.mean() > 0.7 and hit.sum() > 0.6 * wrong.sum()  # chance: 0.05 of either
    assert (doubts.suggested[hit] == right.labels[doubts.rows][hit]).all()
    assert (np.diff(doubts.scores) >= 0).all() and ((doubts.scores >= 0) & (doubts.scores <= 1)).all()
    again = doubt.doubted(held, seed=0)
    assert (again.rows == doubts.rows).all() and (again.scores == doubts.scores).all()


def test_no_more_is_left_out_than_the_policy_allows_and_the_rest_is_listed() -> None:
    held, wrong = flipped(samples(600), 0.1)
    cared = doubt.without_label_errors(parts(held), 0.02, seed=0)
    dropped = [row for row in cared.rows if row.action == "dropped"]
    listed = [row for row in cared.rows if row.action == "kept"]
    assert len(dropped) == 12 and len(listed) > 20 and cared.parts.new.size == 588
    assert np.mean([wrong[int(row.sample)] for row in dropped]) > 0.8
    assert max(row.score for row in dropped) <= min(row.score for row in listed)
    assert "12 were left out (at most 2.0%)" in cared.notes[0]
    assert doubt.without_label_errors(parts(held), 0.0, seed=0).parts.new.size == 600


def test_new_labels_that_contradict_the_past_are_no_errors() -> None:
    former, new = samples(600, 1), flipped(samples(400, 2), 1.0)[0]
    cared = doubt.without_label_errors(parts(new, former), 0.5, seed=0)
    assert len(cared.rows) < 0.02 * 1000


def test_wrong_labels_of_texts_are_found_by_their_words() -> None:
    draw = np.random.default_rng(4)
    words = {"up": "great fine lovely good nice happy", "down": "awful bad poor broken sad late"}
    labels = draw.choice(["up", "down"], 400).astype(object)
    texts = [" ".join(draw.choice([*words[label].split(), "the", "a", "it"], 8)) for label in labels]
    texts[0] = ""  # an empty text is one like others
    right = Samples(400, {}, {"text": np.array(texts, object)}, labels)
    held, wrong = flipped(right, 0.05)
    doubts = doubt.doubted(held, seed=0)
    assert wrong[doubts.rows].mean() > 0.8 and wrong[doubts.rows].sum() > 0.8 * wrong.sum()


@pytest.mark.parametrize(
    ("held", "told"),
    [
        (samples(10), "found 0 samples of 0 classes"),
        (replace(samples(300), labels=np.full(300, "up", object)), "found 300 samples of 1 classes"),
        (
            replace(samples(300), labels=np.array(["up"] * 290 + ["rare"] * 10, object)),
            "found 290 samples of 1 classes",
        ),
        (replace(samples(300), labels=np.array([f"k{i}" for i in range(300)], object)), "found 0 samples of 0 classes"),
    ],
    ids=["ten samples", "one class", "a rare class", "every label another"],
)
def test_labels_that_cannot_be_judged_are_a_note(held: Samples, told: str) -> None:
    cared = doubt.without_label_errors(parts(held), 0.1, seed=0)
    assert cared.parts.new.size == held.size and not cared.rows
    assert "label errors of new samples were not looked for" in cared.notes[0] and told in cared.notes[0]


def test_a_class_that_came_in_one_stretch_of_time_does_not_make_the_search_fail() -> None:
    held = samples(300)
    held = replace(held, labels=np.array(["up"] * 270 + ["down"] * 30, object))
    cared = doubt.without_label_errors(parts(held), 0.02, seed=0)
    assert cared.parts.new.size >= 294


def test_missing_and_endless_numbers_do_not_stop_the_search_for_label_errors() -> None:
    held, wrong = flipped(samples(500), 0.05)
    z = held.numbers["z"].copy()
    z[:20], z[20:40] = np.nan, np.inf
    empty = np.full(500, np.nan)
    doubts = doubt.doubted(replace(held, numbers=held.numbers | {"z": z, "empty": empty}), seed=0)
    assert wrong[doubts.rows].mean() > 0.5


# Outliers


def test_fences_are_those_of_tukey() -> None:
    x = np.concatenate([np.random.default_rng(0).normal(size=999), [np.nan, np.inf, 1e300]])
    held = Samples(1002, {"x": x, "flat": np.ones(1002)}, {}, np.full(1002, "a", object))
    low, high = np.percentile(x[np.isfinite(x)], [25, 75])
    assert fences(held) == {"x": pytest.approx((low - 3 * (high - low), high + 3 * (high - low)))}


def test_outliers_are_left_out_or_moved_to_the_fence_of_new_and_former_together() -> None:
    new, former = samples(200, 1), samples(200, 2, 500)
    x = new.numbers["x"].copy()
    x[[3, 5, 8]] = 1e6, -np.inf, np.nan
    new = replace(new, numbers=new.numbers | {"x": x})
    dropped = without_outliers(parts(new, former), "drop")
    assert found(dropped) == {("3", "outlier", "dropped"), ("5", "outlier", "dropped")}
    assert (dropped.parts.new.size, dropped.parts.former.size) == (198, 200)
    assert dropped.rows[0].why.startswith("x is 1e+06, outside -")
    clipped = without_outliers(parts(new, former), "clip")
    low, high = fences(join(new, former))["x"]
    moved = clipped.parts.new.numbers["x"]
    assert (moved[3], moved[5]) == (high, low) and np.isnan(moved[8])
    assert (np.delete(moved, [3, 5, 8]) == np.delete(x, [3, 5, 8])).all()
    assert not without_outliers(clipped.parts, "clip").rows


def test_heavy_tails_are_no_outliers() -> None:
    held = replace(samples(500), numbers={"x": np.random.default_rng(1).standard_cauchy(500) ** 3})
    cared = without_outliers(parts(held), "drop")
    assert cared.parts.new.size == 500 and "so many are no mistakes" in cared.notes[0]
    assert {row.action for row in cared.rows} == {"kept"}


# Balance and augmentation


def skewed(a: int, b: int) -> Samples:
    return replace(samples(a + b), labels=np.array(["a"] * a + ["b"] * b, object))


@pytest.mark.parametrize(("how", "each"), [("oversample", 90), ("undersample", 40)])
def test_classes_are_equally_many_and_the_same_under_a_seed(how: str, each: int) -> None:
    new, former = skewed(90, 40), skewed(20, 60)
    first, again, other = (balanced(parts(new, former), how, np.random.default_rng(s)) for s in (0, 0, 1))
    for part, many in ((first.parts.new, each), (first.parts.former, {"oversample": 60, "undersample": 20}[how])):
        assert [(part.labels == name).sum() for name in "ab"] == [many, many]
    assert names(first.parts.new) == names(again.parts.new) != names(other.parts.new)
    if how == "oversample":
        assert set(names(first.parts.new)) == set(names(new)) and not first.rows
    else:
        assert len(set(names(first.parts.new))) == 80
        assert {row.sample for row in first.rows if row.part == "new"} == set(names(new)) - set(names(first.parts.new))


def test_one_sample_is_not_repeated_for_ever_and_does_not_cost_all_others() -> None:
    over = balanced(parts(skewed(1000, 1)), "oversample", np.random.default_rng(0)).parts.new
    under = balanced(parts(skewed(1000, 1)), "undersample", np.random.default_rng(0)).parts.new
    assert ((over.labels == "b").sum(), (under.labels == "a").sum()) == (20, 50)


def test_noise_moves_numbers_by_a_tenth_of_their_spread_and_nothing_else() -> None:
    held = samples(4000)
    x = held.numbers["x"].copy()
    x[:10] = np.nan
    held = replace(held, numbers={"x": x * 50, "flat": np.full(4000, 7.0)})
    made = noisy(held, np.random.default_rng(0))
    assert np.nanstd(made.numbers["x"] - held.numbers["x"]) == pytest.approx(5.0, rel=0.1)
    assert np.isnan(made.numbers["x"][:10]).all() and (made.numbers["flat"] == 7.0).all()
    assert (made.labels == held.labels).all() and (made.categories["c"] == held.categories["c"]).all()


def test_mixtures_have_the_mean_target_of_mixup() -> None:
    n = 40_000
    draw = np.random.default_rng(0)
    x = (draw.random(n) < 0.5).astype(np.float64)
    held = Samples(n, {"x": x}, {"c": x.astype(str).astype(object)}, np.where(x == 1, "up", "down").astype(object))
    made = mixed(held, np.random.default_rng(1))
    for low in (
        0.1,
        0.3,
        0.5,
        0.7,
    ):  # the number is lambda: so often must the label, and the category, be that of x = 1
        inside = (made.numbers["x"] > low) & (made.numbers["x"] < low + 0.2)
        mean = made.numbers["x"][inside].mean()
        assert (made.labels[inside] == "up").mean() == pytest.approx(mean, abs=0.05)
        assert (made.categories["c"][inside] == "1.0").mean() == pytest.approx(mean, abs=0.05)
    numeric = mixed(replace(held, labels=3 * x + 1), np.random.default_rng(1))
    assert numeric.labels == pytest.approx(3 * numeric.numbers["x"] + 1)


def test_mixtures_of_missing_and_endless_numbers_are_one_or_the_other() -> None:
    held = replace(
        samples(1000), numbers={"x": np.where(np.arange(1000) % 2, np.nan, np.inf), "z": np.full(1000, 1e308)}
    )
    made = mixed(held, np.random.default_rng(0))
    assert set(made.numbers["x"][~np.isnan(made.numbers["x"])]) == {np.inf}
    assert (made.numbers["z"] <= 1e308 * (1 + 1e-12)).all()


# All of it, as the training phase does it


POLICY = {
    "version": 1,
    "model": "m",
    "task": {
        "kind": "tabular-classification",
        "features": {"x": {"type": "number"}, "z": {"type": "number"}, "c": {"type": "category"}},
        "label": "y",
    },
    "train": {"epochs": 1},
}


def write(held: Samples, path: Path) -> None:
    columns = {"_id": held.ids.tolist(), **held.numbers, "c": held.categories["c"].tolist()}
    pq.write_table(pa.table({**columns, "_label": held.labels.tolist()}), path)


def run(home: Path, data: dict[str, object], **files: Samples) -> TrainResult:
    inputs, out = home / "in", home / "out"
    inputs.mkdir(parents=True), out.mkdir()
    for name, held in files.items():
        write(held, inputs / f"{name}.parquet")
    policy = Policy.model_validate(POLICY | {"data": data})
    stage.run(
        PhaseSpec(
            phase="train",
            run="r",
            version="v",
            policy=policy,
            classes=(),
            inputs={"collect": str(inputs)},
            champion=None,
            out=str(out),
            threads=1,
        )
    )
    return TrainResult.model_validate_json((out / "result.json").read_bytes())


ALL = {"deduplicate": True, "label_errors": {}, "outliers": "drop", "balance": "oversample", "augment": ["mixup"]}


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new weights be trained for a few epochs only: these tests are not about how good they are."""
    scratch = sys.modules["maintainer.train.strategies.scratch"]
    monkeypatch.setattr(scratch, "EPOCHS", 3)
    monkeypatch.setattr(scratch, "STEPS", 30)


@pytest.mark.usefixtures("brief")
def test_a_run_lists_every_sample_it_touched_and_counts_them(tmp_path: Path) -> None:
    judging = samples(100, 1, 2000)
    new, _ = flipped(samples(500), 0.05)
    new = join(new, judging.take(np.array([0, 1])))
    result = run(tmp_path, ALL, train=new, validation=samples(100, 2, 3000), current_holdout=judging)
    assert result.challenger, result.reason
    assert result.care is not None and result.care.file == "care.csv"
    with (tmp_path / "out" / "care.csv").open(newline="") as file:
        rows = [CareRow.model_validate({k: v or None for k, v in row.items()}) for row in csv.DictReader(file)]
    told = {(count.finding, count.action): count.rows for count in result.care.counts}
    assert told[("leak", "dropped")] == 2 and told[("label error", "dropped")] == 10
    assert sum(told.values()) == len(rows) >= len(result.care.shown)
    assert {row.sample for row in rows if row.finding == "leak"} == {"2000", "2001"}
    assert "changed copies were added (mixup)" in result.reason and "oversampled to" in result.reason


@pytest.mark.usefixtures("brief")
def test_a_run_that_asks_for_no_care_says_nothing_of_it(tmp_path: Path) -> None:
    result = run(tmp_path, {}, train=samples(200), validation=samples(50, 2), current_holdout=samples(50, 3))
    assert result.care is None and not (tmp_path / "out" / "care.csv").exists()


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (samples(10), "10 labelled samples to learn from, at least 20"),
        (replace(samples(300), labels=np.full(300, "up", object)), "all 300 labels are 'up'"),
        (join(samples(19), samples(19).take(np.arange(19))), "19 labelled samples to learn from, at least 20"),
    ],
    ids=["ten samples", "labels of one class", "half are copies"],
)
def test_data_that_care_leaves_too_little_of_are_refused_in_words(new: Samples, told: str, tmp_path: Path) -> None:
    result = run(tmp_path, ALL, train=new, validation=samples(50, 2))
    assert not result.challenger and told in result.reason
    assert "label errors of new samples were not looked for" in result.reason


def test_what_judges_is_left_as_it_came() -> None:
    judge = replace(samples(200, 3), numbers={"x": np.full(200, 1e9), "z": samples(200, 3).numbers["z"]})
    given = replace(parts(samples(300)), judge_new=judge)
    rules = Data.model_validate(ALL | {"outliers": "clip"})
    cared = care.enrich(rules, care.clean(rules, given, none, TASK, 0), 0)
    assert cared.parts.judge_new is judge


def test_all_care_is_the_same_under_a_seed() -> None:
    rules = Data.model_validate(ALL)
    new = flipped(samples(400), 0.1)[0]

    def done(seed: int) -> Cared:
        return care.enrich(rules, care.clean(rules, parts(new), none, TASK, seed), seed)

    first, again, other = done(1), done(1), done(2)
    assert first.rows == again.rows and first.notes == again.notes
    assert np.array_equal(first.parts.new.numbers["x"], again.parts.new.numbers["x"])
    assert not np.array_equal(first.parts.new.numbers["x"], other.parts.new.numbers["x"])
