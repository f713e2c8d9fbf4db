"""Training with real torch on small synthetic streams."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch

from maintainer.domain.phase import PhaseSpec, TrainResult
from maintainer.domain.policy import Policy
from maintainer.errors import InputError
from maintainer.families.labels import targets_of
from maintainer.families.table import read_samples
from maintainer.families.tabular_mlp import FAMILY
from maintainer.families.weights import MODEL, load_tensors
from maintainer.train import checkpoint, stage
from maintainer.train.features import features
from maintainer.train.memory import FILE as IMPORTANCE

CLASSIFICATION, REGRESSION = "tabular-classification", "tabular-regression"
FEATURES = {"x": "number", "big": "number", "flat": "number", "gone": "number", "colour": "category"}
Edit = Callable[[dict[str, list[object]]], None]


def policy(kind: str, **train: object) -> Policy:
    features = {name: {"type": kind_} for name, kind_ in FEATURES.items()}
    task = {"kind": kind, "features": features, "label": "y"}
    pace = {"epochs": 10, "optimizer": {"learning_rate": 5e-3}, "early_stopping": {"patience": 3}}
    return Policy.model_validate({"version": 1, "model": "m", "task": task, "train": pace | train})


def world(kind: str, n: int, seed: int, turned: bool = False, edit: Edit | None = None) -> pa.Table:
    """A rule of x and colour; `turned`, red has the other sign, and `big` tells that from before."""
    rng = np.random.default_rng(seed)
    x, colour = rng.normal(size=n), rng.choice(["red", "green", "blue"], n)
    sign = np.where((colour == "red") & turned, -1.0, 1.0)
    signal = sign * x + (colour == "blue") * 0.5 + rng.normal(size=n) * 0.1
    columns: dict[str, list[object]] = {
        "x": [None if rng.random() < 0.03 else v for v in x],
        "big": list((rng.normal(size=n) + 3.0 * turned) * 1e6),
        "flat": [3.0] * n,
        "gone": [None] * n,
        "colour": [None if rng.random() < 0.03 else str(v) for v in colour],
        "_label": ["UP" if v > 0 else "DOWN" for v in signal] if kind == CLASSIFICATION else list(signal * 40 + 100),
    }
    if edit:
        edit(columns)
    kinds = {name: pa.float64() if of == "number" else pa.string() for name, of in FEATURES.items()}
    kinds["_label"] = pa.string() if kind == CLASSIFICATION else pa.float64()
    table = pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})
    table = table.add_column(0, "_id", pa.array([str(i) for i in range(n)]))
    return table.add_column(0, "_key", pa.array(np.arange(n), pa.uint64()))


def collect(home: Path, **parts: pa.Table) -> Path:
    home.mkdir(parents=True)
    for name, table in parts.items():
        pq.write_table(table, home / f"{name}.parquet")
    return home


def train(
    home: Path, rules: Policy, inputs: Path, champion: Path | None = None, keep: Path | None = None
) -> TrainResult:
    home.mkdir(parents=True)
    spec = PhaseSpec(
        phase="train",
        run="r",
        version="v",
        policy=rules,
        classes=(),
        inputs={"collect": str(inputs)},
        champion=str(champion) if champion else None,
        out=str(home),
        threads=1,
        keep=str(keep) if keep else None,
    )
    stage.run(spec)
    return TrainResult.model_validate_json((home / "result.json").read_bytes())


def first(home: Path, kind: str) -> Path:
    """A champion of the plain rule."""
    inputs = collect(home / "first", train=world(kind, 1500, 1), validation=world(kind, 300, 2))
    result = train(home / "champion", policy(kind), inputs)
    assert result.challenger, result.reason
    return home / "champion"


def drifted(home: Path, kind: str) -> Path:
    """Labelled data after the rule turned for red, with former data of the plain one."""
    return collect(
        home / "second",
        train=world(kind, 1200, 3, turned=True),
        validation=world(kind, 400, 4, turned=True),
        replay=world(kind, 800, 1),
        replay_validation=world(kind, 400, 2),
    )


@pytest.fixture(scope="module", params=[CLASSIFICATION, REGRESSION])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Path, Path]:
    home = tmp_path_factory.mktemp("story")
    return request.param, home, first(home, request.param), drifted(home, request.param)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", [CLASSIFICATION, REGRESSION])
def test_the_first_model_learns_the_rule(kind: str, tmp_path: Path):
    inputs = collect(tmp_path / "in", train=world(kind, 1500, 1), validation=world(kind, 300, 2))
    result = train(tmp_path / "out", policy(kind), inputs)
    assert result.challenger and result.alpha == 1.0 and result.strategy == "bootstrap"
    if kind == CLASSIFICATION:
        assert result.classes == ("DOWN", "UP")
        assert result.frontier[-1].new > 0.93
    else:
        assert result.frontier[-1].new < 8.0  # the label's deviation is about 45


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new weights be trained for a few epochs only, where a test is not about how good they are."""
    scratch = sys.modules["maintainer.train.strategies.scratch"]
    monkeypatch.setattr(scratch, "EPOCHS", 3)
    monkeypatch.setattr(scratch, "STEPS", 30)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("strategy", ["frontier", "finetune", "scratch"])
def test_the_same_run_twice_gives_the_same_weights_to_the_bit(strategy: str, tmp_path: Path, story):
    kind, _, champion, inputs = story
    rules = policy(kind, strategy=strategy, forgetting_budget=9.0)
    for name in ("a", "b"):
        torch.rand(7)  # whatever happened before in the process
        assert train(tmp_path / name, rules, inputs, champion).challenger
    for file in (MODEL, IMPORTANCE, "encoder.json"):
        assert digest(tmp_path / "a" / file) == digest(tmp_path / "b" / file)
    other = policy(kind, strategy=strategy, forgetting_budget=9.0, seed=1)
    train(tmp_path / "c", other, inputs, champion)
    assert digest(tmp_path / "a" / MODEL) != digest(tmp_path / "c" / MODEL)


def test_the_frontier_keeps_the_budget_and_gains_on_new_data(story, tmp_path: Path):
    kind, _, champion, inputs = story
    for budget in (0.02, 1.0):
        result = train(tmp_path / str(budget), policy(kind, forgetting_budget=budget), inputs, champion)
        start = result.frontier[0]
        assert [p.alpha for p in result.frontier] == [step / 10 for step in range(11)]
        chosen = next(p for p in result.frontier if p.alpha == result.alpha)
        assert chosen.inside_budget
        gain = chosen.new - start.new if kind == CLASSIFICATION else start.new - chosen.new
        loss = start.former - chosen.former if kind == CLASSIFICATION else chosen.former / start.former - 1
        assert loss <= budget + 0.02  # a standard error of 400 former samples, where the answer is a class
        if budget == 1.0:
            assert gain > (0.03 if kind == CLASSIFICATION else 3.0)


def test_the_frontier_forgets_less_than_finetuning(story, tmp_path: Path):
    kind, _, champion, inputs = story
    held: dict[str, tuple[float, float]] = {}
    for strategy in ("frontier", "finetune"):
        result = train(tmp_path / strategy, policy(kind, strategy=strategy, forgetting_budget=1.0), inputs, champion)
        end = result.frontier[-1]
        held[strategy] = (end.new, end.former)
    worse = held["finetune"][1] - held["frontier"][1]
    assert worse < -0.02 if kind == CLASSIFICATION else worse > 2.0


def test_the_written_weights_are_the_chosen_point_of_the_frontier(story, tmp_path: Path):
    kind, _, champion, inputs = story
    result = train(tmp_path / "out", policy(kind, forgetting_budget=1.0), inputs, champion)
    encoder = FAMILY.load(tmp_path / "out")
    samples = read_samples(inputs / "validation.parquet", policy(kind).task)
    targets = targets_of(encoder, samples)
    with torch.no_grad():
        module = FAMILY.build(encoder, load_tensors(tmp_path / "out" / MODEL)).eval()
        outputs = module(FAMILY.inputs(encoder, samples)).numpy()
    if kind == CLASSIFICATION:
        found = np.mean(outputs.argmax(axis=1) == targets)
    else:
        found = np.mean(np.abs(outputs[:, 0] - targets)) * encoder.target_scale
    chosen = next(p for p in result.frontier if p.alpha == result.alpha)
    assert found == pytest.approx(chosen.new, rel=1e-5)


def test_nothing_to_gain_is_no_challenger_and_says_why(story, tmp_path: Path):
    kind, _, champion, inputs = story
    frozen = policy(kind, epochs=1, optimizer={"learning_rate": 1e-30})
    result = train(tmp_path / "out", frozen, inputs, champion)
    assert not result.challenger and result.alpha == 0.0
    assert f"no challenger beats the champion's {result.metric} of {result.frontier[0].new:.4f}" in result.reason
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["result.json"]


def test_a_gain_that_would_cost_more_than_the_budget_is_not_taken(tmp_path: Path):
    kind = CLASSIFICATION
    champion = first(tmp_path, kind)

    def reverse(columns: dict[str, list[object]]) -> None:
        columns["_label"] = ["UP" if label == "DOWN" else "DOWN" for label in columns["_label"]]

    inputs = collect(
        tmp_path / "in",
        train=world(kind, 800, 3, edit=reverse),
        validation=world(kind, 200, 4, edit=reverse),
        replay=world(kind, 100, 1),
        replay_validation=world(kind, 2000, 2),
    )
    rules = policy(kind, forgetting_budget=0.001, replay={"share": 0.0}, epochs=30, early_stopping={"patience": 30})
    result = train(tmp_path / "out", rules, inputs, champion)
    freest = max(result.frontier, key=lambda p: p.new)
    assert freest.new > result.frontier[0].new + 0.2 and not freest.inside_budget
    assert result.alpha < freest.alpha
    start, chosen = result.frontier[0], next(p for p in result.frontier if p.alpha == result.alpha)
    assert start.former - chosen.former <= 0.006  # a standard error of 2000 former samples beyond it


REPLAYS = [
    {"policy": "class-balanced"},
    {"policy": "herding"},
    {"policy": "recency", "half_life": "9d"},
    {"policy": "similar-to-new"},
    {"expire": "auto"},
]
MEMORIES: dict[str, Callable[[dict[str, list[object]]], None]] = {
    "one class": lambda columns: columns.update(_label=["UP"] * len(columns["_label"])),
    "no value": lambda columns: columns.update({name: [None] * len(columns["x"]) for name in FEATURES}),
    "duplicates": lambda columns: columns.update({name: [column[0]] * len(column) for name, column in columns.items()}),
    "no label": lambda columns: columns.update(_label=[None] * len(columns["_label"])),
    "whatever": lambda columns: columns["x"].__setitem__(slice(4), [1e300, float("inf"), float("-inf"), float("nan")]),
}


@pytest.mark.parametrize("rules", REPLAYS, ids=lambda rules: "-".join(rules.values()))
@pytest.mark.parametrize("memory", [*MEMORIES, "three samples", "none"])
def test_whatever_is_in_the_memory_a_run_ends_with_finite_weights(
    rules: dict[str, str], memory: str, story, tmp_path: Path
):
    _, _, champion, _ = story if story[0] == CLASSIFICATION else pytest.skip("classes alone have all replay policies")
    size = {"three samples": 3, "none": 0}.get(memory, 120)
    inputs = collect(
        tmp_path / "in",
        train=world(CLASSIFICATION, 300, 3, turned=True),
        validation=world(CLASSIFICATION, 100, 4, turned=True),
        replay=world(CLASSIFICATION, size, 1, edit=MEMORIES.get(memory)),
        replay_validation=world(CLASSIFICATION, 100, 2),
        unlabelled=world(CLASSIFICATION, 50, 5, edit=MEMORIES["no label"]),
    )
    document = policy(CLASSIFICATION, strategy="replay", epochs=2).model_dump(mode="json")
    document["train"]["replay"] |= rules
    small = Policy.model_validate({**document, "retention": {"replay": 60}})
    assert train(tmp_path / "out", small, inputs, champion).challenger
    weights = load_tensors(tmp_path / "out" / MODEL)
    assert all(bool(torch.isfinite(value).all()) for value in weights.values())


def test_features_are_what_the_last_layer_takes_each_of_length_one(story, tmp_path: Path):
    kind, _, champion, inputs = story
    encoder, weights = FAMILY.load(champion), load_tensors(champion / MODEL)
    samples = read_samples(inputs / "replay.parquet", policy(kind).task)
    found = features(FAMILY, encoder, weights, samples)
    module = FAMILY.build(encoder, weights).eval()
    given = FAMILY.inputs(encoder, samples)
    with torch.no_grad():
        hidden = torch.cat([*(t(given.codes[:, i]) for i, t in enumerate(module.embeddings)), given.numbers], dim=1)
        for layer in module.layers:
            hidden = torch.nn.functional.silu(layer(hidden))
    assert torch.allclose(found, hidden / hidden.norm(dim=1, keepdim=True), atol=1e-6)


def test_what_new_labels_contradict_is_not_rehearsed_and_counted(tmp_path: Path):
    champion = first(tmp_path, CLASSIFICATION)

    def reverse(columns: dict[str, list[object]]) -> None:
        turned = {"UP": "DOWN", "DOWN": "UP"}
        pairs = zip(columns["x"], columns["_label"], strict=True)
        columns["_label"] = [turned[str(label)] if float(str(x or 0)) > 0.5 else label for x, label in pairs]

    inputs = collect(
        tmp_path / "in",
        train=world(CLASSIFICATION, 1200, 3, edit=reverse),
        validation=world(CLASSIFICATION, 300, 4, edit=reverse),
        replay=world(CLASSIFICATION, 900, 1),
        replay_validation=world(CLASSIFICATION, 400, 2),
    )
    gains: dict[str, float] = {}
    for expire in ("never", "auto"):
        rules = policy(CLASSIFICATION, replay={"expire": expire}, forgetting_budget=9.0)
        result = train(tmp_path / expire, rules, inputs, champion)
        gains[expire] = next(p.new for p in result.frontier if p.alpha == result.alpha)
        told = re.search(r"(\d+) of 900 former samples \((\d+)%\) were not rehearsed", result.reason)
        assert (told is not None) == (expire == "auto"), result.reason
        if told:
            assert 100 < int(told[1]) <= 450  # three in ten lie there
    assert gains["auto"] > gains["never"] + 0.01


def test_where_no_sample_is_kept_the_factors_of_the_champion_hold_what_it_knew(tmp_path: Path):
    document = policy(CLASSIFICATION).model_dump(mode="json")
    document["train"].pop("strategy")
    rules = Policy.model_validate({**document, "retention": {"replay": 0}})
    assert rules.train.strategy == "kfac"
    inputs = collect(tmp_path / "first", train=world(CLASSIFICATION, 1500, 1), validation=world(CLASSIFICATION, 300, 2))
    assert train(tmp_path / "champion", rules, inputs).challenger

    def one_sided(columns: dict[str, list[object]]) -> None:
        columns["x"] = [abs(float(str(x or 0))) + 0.1 for x in columns["x"]]
        columns["_label"] = ["UP"] * len(columns["_label"])

    new = collect(
        tmp_path / "new",
        train=world(CLASSIFICATION, 1200, 3, edit=one_sided),
        validation=world(CLASSIFICATION, 400, 4, edit=one_sided),
    )
    result = train(tmp_path / "held", rules, new, tmp_path / "champion")
    assert result.strategy == "kfac" and result.challenger and "importances" not in result.reason
    plain = train(tmp_path / "plain", policy(CLASSIFICATION, strategy="finetune"), new, tmp_path / "champion")
    assert plain.challenger
    former = read_samples(inputs / "validation.parquet", rules.task)

    def right(home: Path) -> float:
        encoder = FAMILY.load(home)
        module = FAMILY.build(encoder, load_tensors(home / MODEL)).eval()
        with torch.no_grad():
            answers = module(FAMILY.inputs(encoder, former)).argmax(dim=1).numpy()
        return float(np.mean(answers == targets_of(encoder, former)))

    assert right(tmp_path / "held") > right(tmp_path / "plain") + 0.01


def test_a_champion_of_another_strategy_is_held_by_what_it_carries(tmp_path: Path):
    champion = first(tmp_path, CLASSIFICATION)
    new = collect(
        tmp_path / "new",
        train=world(CLASSIFICATION, 600, 3, turned=True),
        validation=world(CLASSIFICATION, 200, 4, turned=True),
    )
    result = train(tmp_path / "out", policy(CLASSIFICATION, strategy="kfac"), new, champion)
    assert result.challenger and "no former sample is left to measure 'kfac' on: they hold it" in result.reason


def set_labels(*labels: object) -> Edit:
    def edit(columns: dict[str, list[object]]) -> None:
        n = len(columns["_label"])
        columns["_label"] = [labels[i % len(labels)] for i in range(n)]

    return edit


@pytest.mark.parametrize(
    ("n", "edit", "said"),
    [
        (10, None, "10 labelled samples"),
        (0, None, "0 labelled samples"),
        (300, set_labels("UP"), "all 300 labels are 'UP'"),
        (300, set_labels(None), "0 labelled samples.*300 of 300 new samples have no usable label"),
    ],
)
def test_data_nothing_can_be_learned_from_are_rejected_in_words(n: int, edit: Edit | None, said: str, tmp_path: Path):
    table = world(CLASSIFICATION, n, 1, edit=edit)
    inputs = collect(tmp_path / "in", train=table, validation=world(CLASSIFICATION, 50, 2))
    result = train(tmp_path / "out", policy(CLASSIFICATION), inputs)
    assert not result.challenger
    assert re.search(said, result.reason)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["result.json"]


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("kind", [CLASSIFICATION, REGRESSION])
@pytest.mark.parametrize("strategy", ["frontier", "finetune", "scratch"])
def test_wild_values_never_reach_the_weights(kind: str, strategy: str, tmp_path: Path):
    champion = first(tmp_path, kind)

    def spoil(columns: dict[str, list[object]]) -> None:
        columns["x"][:6] = [1e30, -1e30, float("inf"), float("-inf"), float("nan"), 1e308]
        columns["big"] = [None] * len(columns["big"])
        columns["flat"] = [7e300] * len(columns["flat"])
        columns["colour"][:3] = ["", "unheard of", "a" * 4000]
        if kind == REGRESSION:
            columns["_label"][:3] = [1e30, float("inf"), float("nan")]

    inputs = collect(
        tmp_path / "in",
        train=world(kind, 400, 3, edit=spoil),
        validation=world(kind, 100, 4),
        replay=world(kind, 300, 1, edit=spoil),
        replay_validation=world(kind, 100, 2),
    )
    result = train(tmp_path / "out", policy(kind, strategy=strategy, forgetting_budget=9.0), inputs, champion)
    if result.challenger:
        for file in (MODEL, IMPORTANCE):
            assert all(bool(torch.isfinite(v).all()) for v in load_tensors(tmp_path / "out" / file).values())
    assert all(np.isfinite(point.new) for point in result.frontier)


@pytest.mark.usefixtures("brief")
def test_rows_of_a_class_seen_too_seldom_are_left_out_and_counted(tmp_path: Path):
    champion = first(tmp_path, CLASSIFICATION)

    def stranger(columns: dict[str, list[object]]) -> None:
        columns["_label"][:9] = ["SIDEWAYS"] * 9

    inputs = collect(
        tmp_path / "in",
        train=world(CLASSIFICATION, 400, 3, turned=True, edit=stranger),
        validation=world(CLASSIFICATION, 100, 4, turned=True, edit=stranger),
    )
    result = train(tmp_path / "out", policy(CLASSIFICATION), inputs, champion)
    assert "9 new samples of classes seen less than 10 times ['SIDEWAYS']" in result.reason
    assert result.classes == ("DOWN", "UP")


@pytest.mark.parametrize("strategy", ["frontier", "finetune", "der++", "scratch"])
def test_a_new_class_is_learned_and_the_former_ones_are_kept(strategy: str, tmp_path: Path):
    champion = first(tmp_path, CLASSIFICATION)

    def sideways(columns: dict[str, list[object]]) -> None:
        columns["_label"] = ["SIDEWAYS"] * len(columns["_label"])
        columns["x"] = [5.0 + i % 7 / 10 for i in range(len(columns["x"]))]

    def parts(n: int, seed: int) -> pa.Table:
        return pa.concat_tables([world(CLASSIFICATION, n, seed), world(CLASSIFICATION, n, seed, edit=sideways)])

    inputs = collect(
        tmp_path / "in",
        train=parts(400, 3),
        validation=parts(150, 4),
        replay=world(CLASSIFICATION, 400, 1),
        replay_validation=world(CLASSIFICATION, 300, 2),
    )
    result = train(tmp_path / "out", policy(CLASSIFICATION, strategy=strategy), inputs, champion)
    assert result.challenger and "new classes: SIDEWAYS" in result.reason
    assert result.classes == ("DOWN", "UP", "SIDEWAYS")
    before, after = (next(p for p in result.frontier if p.alpha == alpha) for alpha in (0.0, result.alpha))
    assert before.new < 0.55 and after.new > 0.9
    assert after.former > before.former - 0.02


def test_a_policy_with_other_features_than_the_champion_is_an_input_error(story, tmp_path: Path):
    kind, _, champion, inputs = story
    task = policy(kind).task
    fewer = task.model_copy(update={"features": {k: v for k, v in task.features.items() if k != "flat"}})
    with pytest.raises(InputError, match="bootstrap a model of another name"):
        train(tmp_path / "out", policy(kind).model_copy(update={"task": fewer}), inputs, champion)


@pytest.mark.parametrize(
    "strategy", ["l2-sp", "ewc", "online-ewc", "kfac", "si", "mas", "lwf", "replay", "der++", "a-gem"]
)
def test_every_strategy_learns_and_the_next_run_goes_on_from_it(strategy: str, story, tmp_path: Path):
    kind, _, champion, inputs = story
    rules = policy(kind, strategy=strategy, epochs=6)
    once = train(tmp_path / "a", rules, inputs, champion)
    _, end = once.frontier
    assert once.challenger and once.epochs[-1].loss < once.epochs[0].loss
    again = train(tmp_path / "b", rules, inputs, tmp_path / "a")
    assert again.challenger and again.frontier[0].new == pytest.approx(end.new, rel=1e-6)
    assert "measured anew" not in again.reason and "carries no path" not in again.reason


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("strategy", ["frontier", "ewc", "online-ewc", "kfac", "si", "mas", "lwf", "a-gem"])
def test_every_strategy_goes_on_where_the_next_data_make_the_network_grow(strategy: str, story, tmp_path: Path):
    kind, _, champion, inputs = story
    rules = policy(kind, strategy=strategy, epochs=4)
    train(tmp_path / "a", rules, inputs, champion)

    def strange(columns: dict[str, list[object]]) -> None:
        n = len(columns["flat"])
        columns["flat"] = [float(i % 9) for i in range(n)]
        columns["big"] = [(-1.0) ** i * 1e8 * (1.0 + i / n) for i in range(n)]
        columns["colour"][: n // 4] = ["violet"] * (n // 4)

    parts = {"train": 3, "validation": 4, "replay": 1, "replay_validation": 2}
    tables = {name: world(kind, 400, seed, edit=None if "replay" in name else strange) for name, seed in parts.items()}
    train(tmp_path / "b", rules, collect(tmp_path / "grown", **tables), tmp_path / "a")
    before, after = (FAMILY.load(tmp_path / name) for name in "ab")
    flat, big = (after.numbers[list(FEATURES).index(name)] for name in ("flat", "big"))
    assert flat.later == 2 and big.later >= 2 and before.width < after.width
    assert all(torch.isfinite(value).all() for value in load_tensors(tmp_path / "b" / MODEL).values())


@pytest.mark.parametrize("strategy", ["replay", "si"])
def test_a_training_killed_at_any_step_goes_on_to_the_same_bits(
    strategy: str, story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kind, _, champion, inputs = story
    rules = policy(kind, strategy=strategy, epochs=4, batch_size=32)
    train(tmp_path / "whole", rules, inputs, champion)
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    stepper = sys.modules["maintainer.train.recipe"]._Stepper
    step, keep = stepper._step, tmp_path / "keep"
    keep.mkdir()
    for deaths, after in enumerate((3, 17, 30)):
        left = iter(range(after))

        def dying(self, rows, left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return step(self, rows)

        monkeypatch.setattr(stepper, "_step", dying)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / f"dead{deaths}", rules, inputs, champion, keep)
    monkeypatch.setattr(stepper, "_step", step)
    train(tmp_path / "resumed", rules, inputs, champion, keep)
    for file in (MODEL, IMPORTANCE):
        assert digest(tmp_path / "whole" / file) == digest(tmp_path / "resumed" / file)


def test_a_run_without_validation_part_lets_the_newest_samples_judge(tmp_path: Path):
    inputs = collect(tmp_path / "in", train=world(CLASSIFICATION, 600, 1))
    result = train(tmp_path / "out", policy(CLASSIFICATION), inputs)
    assert result.challenger and "the newest samples judge" in result.reason


def test_a_file_without_a_feature_is_an_input_error(tmp_path: Path):
    inputs = collect(tmp_path / "in", train=world(CLASSIFICATION, 100, 1).drop_columns(["x"]))
    with pytest.raises(InputError, match=r"train.parquet lacks the columns \['x'\]"):
        train(tmp_path / "out", policy(CLASSIFICATION), inputs)


def test_a_champion_whose_weights_do_not_fit_is_an_input_error(story, tmp_path: Path):
    kind, _, champion, inputs = story
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in (IMPORTANCE, "encoder.json"):
        (broken / file).write_bytes((champion / file).read_bytes())
    with pytest.raises(InputError, match=r"model.safetensors of broken"):
        train(tmp_path / "out", policy(kind), inputs, broken)


@pytest.mark.usefixtures("brief")
def test_a_grown_champion_answers_as_before(tmp_path: Path):
    champion = first(tmp_path, CLASSIFICATION)

    def move(columns: dict[str, list[object]]) -> None:
        columns["flat"] = [float(i % 9) for i in range(len(columns["flat"]))]
        columns["gone"] = [float(i % 5) for i in range(len(columns["gone"]))]
        columns["colour"][:100] = ["violet"] * 100

    far = world(CLASSIFICATION, 400, 5, edit=move)
    far = far.set_column(far.column_names.index("x"), "x", pc.add(far["x"], 50.0))
    new = collect(tmp_path / "in", train=far) / "train.parquet"
    samples = read_samples(new, policy(CLASSIFICATION).task)
    former = read_samples(tmp_path / "first" / "train.parquet", policy(CLASSIFICATION).task)
    before = FAMILY.load(champion)
    after = FAMILY.grow(before, samples, before.classes)
    assert "violet" in after.categories[0].vocabulary
    assert [code.constant for code in after.numbers] == [False] * 4
    assert after.numbers[0].later == 1
    weights = load_tensors(champion / MODEL)
    grown = FAMILY.grow_weights(before, after, weights, fill=True)
    modules = [FAMILY.build(before, weights), FAMILY.build(after, grown)]
    known = former.take(np.arange(50)), replace(former, numbers=former.numbers | {"x": former.numbers["x"] + 50})
    for asked in known:
        answers: list[torch.Tensor] = []
        for encoder, module in zip((before, after), modules, strict=True):
            with torch.no_grad():
                answers.append(module.eval()(FAMILY.inputs(encoder, asked)))
        torch.testing.assert_close(*answers, rtol=1e-5, atol=1e-5)
