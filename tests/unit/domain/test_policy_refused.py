"""What a policy may not say: what is not built, what is wrong by itself, and what does not fit together."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from maintainer.domain.policy import NOT_BUILT, Policy

Document = dict[str, Any]


def document(**changes: Any) -> Document:
    """Return the smallest classification policy, with a number `a` and a category `b`, and changes at its root."""
    task = {
        "kind": "tabular-classification",
        "features": {"a": {"type": "number"}, "b": {"type": "category"}},
        "label": "y",
    }
    return {"version": 1, "model": "m", "task": task} | changes


def with_value(path: str, value: object) -> Document:
    """Return the smallest policy with a value put at a dotted path."""
    made = document()
    around: Any = made
    *steps, last = path.split(".")
    for step in steps:
        around = around.setdefault(step, {})
    around[last] = deepcopy(value)
    return made


def messages(made: Document) -> list[str]:
    """Return `path: message` of every error of a document; none where it is a policy."""
    try:
        Policy.model_validate(made)
    except ValidationError as error:
        told = [e for e in error.errors() if e["type"] != "default_factory_not_called"]  # follows from another error
        return [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in told]
    return []


UNBUILT = [
    *(("task.kind", kind) for kind in ("token-classification", "image-segmentation", "causal-lm")),
    ("mode", "propose"),
    ("task.protected", ["b"]),
    ("task.image", "photo"),
    ("task.features.a.missing", "impute"),
    ("base.family", "module"),
    ("base.entry_point", "acme:make"),
    *(("sources", [{"kind": kind, "topic": "x"}]) for kind in ("http", "kafka", "sql", "objects")),
    ("retention.samples", "180d"),
    *(("references", [{"kind": kind}]) for kind in ("rolling", "seasonal", "fixed")),
    ("checks.cron", "15 * * * *"),
    ("checks.drift.method", "mannw"),
    ("checks.drift.method", {"a": "TVD"}),
    ("checks.drift.method", "fisher_exact"),
    ("checks.contract", {"quarantine_share_above": 0.05}),
    *(("triggers", [{"name": "t", "metric": metric, "above": 1}]) for metric in ("fairness.parity.b",)),
    ("data.augment", ["crop"]),
    ("export.opset", 17),
    ("export.quantize", "int8-dynamic"),
    *(("gates", [{"kind": kind}]) for kind in ("slices", "pinned", "calibration", "robustness", "fairness")),
    ("promotion.approval", "required"),
    ("promotion.shadow", {"samples": 100}),
    ("promotion.probation", {"window": "1d"}),
    ("notify", [{"kind": "webhook", "url_env": "X"}]),
]


@pytest.mark.parametrize(("path", "value"), UNBUILT)
def test_what_is_designed_but_not_built_is_refused_in_these_words(path: str, value: object) -> None:
    found = messages(with_value(path, value))
    assert [m for m in found if NOT_BUILT in m and m.startswith(path.split(".")[0])], found
    assert NOT_BUILT == "is designed but not built yet"


INERT = [
    ("notify", []),
    ("task.slices", []),
    ("task.protected", []),
    ("promotion.shadow", {"samples": 0}),
    ("promotion.approval", "none"),
    ("promotion.probation", None),
    ("train.unfreeze", "auto"),
    ("train.precision", "auto"),
    ("export", {"opset": "auto", "quantize": "none"}),
    ("export", {}),
    ("data.balance", "none"),
    ("data.augment", []),
    ("data.outliers", "keep"),
    ("data.deduplicate", False),
    ("data.label_errors", None),
    ("checks.quality.estimate_without_labels", False),
    ("base.path", None),
]


@pytest.mark.parametrize(("path", "value"), INERT)
def test_what_asks_for_nothing_is_accepted_and_leaves_no_trace(path: str, value: object) -> None:
    assert Policy.model_validate(with_value(path, value)) == Policy.model_validate(document())


@pytest.mark.parametrize(
    ("path", "value"),
    [("export", {"opset": 0}), ("promotion.shadow", 0), ("notify", "")],
)
def test_what_only_looks_like_nothing_is_refused(path: str, value: object) -> None:
    assert any(NOT_BUILT in message for message in messages(with_value(path, value)))


ROLES = ("id", "time", "label", "prediction")
WRONG = [
    ("task.features", {"_a": {"type": "number"}}, "task.features._a"),
    ("task.features", {"": {"type": "number"}}, "task.features."),
    ("task.features", {}, "task.features"),
    ("task.features", {"a": {"type": "number"}, "A": {"type": "number"}}, "differs from 'a' only in case"),
    *((f"task.{role}", "A", f"task.{role}: is 'A', which differs from 'a' only in case") for role in ROLES),
    ("task.prediction", "Y", "task.prediction: is 'Y', which differs from 'y' only in case"),
    ("task.id", "PREDICTION", "task.prediction: is 'prediction', which differs from 'PREDICTION' only in case"),
    ("task.features.a.min", "low", "task.features.a.number.min"),
    ("task.features.a", {"type": "number", "min": 2, "max": 1}, "task.features.a.min: is 2, which is above max"),
    ("task.features.b.values", ["x", "x"], "task.features.b.values.1: is 'x', which is listed before"),
    ("task.features.b.unknown", "reject", "needs the known values"),
    ("task.label", "a", "task.label: is 'a', which is a feature too"),
    ("task.id", "b", "task.id: is 'b', which is a feature too"),
    ("task.prediction", "a", "task.prediction: is 'a', which is a feature too"),
    ("task.slices", ["b", "y"], "task.slices.1: names 'y', which is no feature; wanted one of a, b"),
    ("task.slices", ["b", "b"], "task.slices.1: is 'b', which is listed before"),
    ("task.prediction", "y", "task.prediction: is 'y', which is the column of label too"),
    ("task.time", "y", "task.label: is 'y', which is the column of time too"),
    ("task.classes", ["x", "x"], "task.classes.1"),
    ("task.classes", ["x"], "at least two"),
    ("checks.quality.metrics", ["mae"], "checks.quality.metrics.0: is 'mae', which is no metric of classification"),
    ("checks.window", {"min_samples": 500, "max_samples": 400}, "checks.window.min_samples: is 500"),
    ("checks.drift.columns", ["c"], "checks.drift.columns.0: names 'c'"),
    ("checks.drift.columns", "a", "wanted all, or a list"),
    ("checks.drift.columns", [], "wanted all, or a list"),
    ("checks.drift.method", {"c": "psi"}, "checks.drift.method.c: names 'c'"),
    ("checks.drift.threshold", {"c": 0.1}, "checks.drift.threshold.c: names 'c'"),
    ("checks.drift.threshold", 0, "checks.drift.threshold"),
    ("checks.drift.threshold", "0.2", "checks.drift.threshold"),
    ("checks.drift.false_alarms", {"at_most": 0}, "checks.drift.false_alarms.at_most"),
    ("checks.drift.weights", {"c": 1}, "checks.drift.weights.c: names 'c'"),
    ("checks.drift.weights", {"a": 1e308}, "checks.drift.weights.a"),
    ("data.split", {"validation": 0.5, "holdout": 0.4}, "data.split"),
    (
        "data.split",
        {"by": "group"},
        "data.split.group: is missing: by group needs the category that names the groups; wanted b",
    ),
    ("data.split", {"by": "group", "group": "a"}, "data.split.group: is 'a', which is no category feature; wanted b"),
    ("data.split", {"group": "b"}, "data.split.group: is 'b', but data.split.by is 'time'"),
    ("data.split.by", "id", "data.split.by"),
    ("data.deduplicate", "near", "data.deduplicate"),
    ("data.label_errors", {"method": "guess"}, "data.label_errors.method"),
    ("data.label_errors", {"drop_share_at_most": 0.9}, "data.label_errors.drop_share_at_most"),
    ("data.outliers", "remove", "data.outliers"),
    ("data.augment", ["mixup", "mixup"], "data.augment.1: is 'mixup', which is listed before"),
    ("data.augment", "mixup", "data.augment"),
    ("train.loss", "huber", "train.loss: is 'huber', which does not fit"),
    ("train.search", {"trials": 5, "timeout": "30m"}, "train.search.timeout: is 30m, and run.timeout 30m"),
    ("train.replay.share", 1.0, "train.replay.share"),
    ("train.replay.policy", "newest", "train.replay.policy"),
    ("train.replay.policy", "herding", "train.replay.policy: is 'herding', which is for small memories"),
    ("train.replay.policy", "recency", "train.replay.half_life: is not given; policy recency wants a duration"),
    ("train.replay", {"policy": "recency", "half_life": "0d"}, "train.replay.half_life"),
    ("train.replay.expire", True, "train.replay.expire"),
    ("retention.replay", -1, "retention.replay"),
    ("retention.replay", 0.0, "retention.replay"),
    ("train.epochs", 0, "train.epochs"),
    ("train.epochs", 2.5, "train.epochs"),
    ("train.epochs", True, "train.epochs"),
    ("train.epochs", "5", "train.epochs"),
    ("train.optimizer.learning_rate", float("inf"), "train.optimizer.learning_rate"),
    ("train.seed", -1, "train.seed"),
    ("gates", [{"kind": "superior", "metric": "rmse"}], "gates.0.metric: is 'rmse', which is no metric"),
    ("gates", [{"kind": "superior", "metric": "ece"}], "gates.0.superior.metric: no gate can compare it"),
    ("gates", [{"kind": "non-inferior", "metric": "ece"}], "use log_loss"),
    ("gates", [{"kind": "parity"}, {"kind": "parity"}], "gates.1: is the same as gates[0]"),
    ("promotion.keep_versions", 1, "promotion.keep_versions"),
    ("model", "Big", "model"),
    ("model", "../x", "model"),
    ("version", 2, "version"),
    ("nonsense", 1, "nonsense"),
    *(
        ("sources", [{"kind": "directory", "path": path}], "sources.0.path")
        for path in ("/etc", "../x", "inbox/../../x", "", ".", "~/x", "C:\\x", "a\x00b", "file://x")
    ),
    *(
        ("sources", [{"kind": "directory", "path": path}], "sources.0.path: wanted a folder below inbox/")
        for path in ("inbox", "models/m", "./control", "inbox/..", "/inbox/m", "inbox/m\\x", "inbox/m/done", "Inbox/m")
    ),
    ("sources", [{"kind": "directory", "path": "inbox/m/quarantine/x"}], "that is not done or quarantine, nor in them"),
    *(
        (
            "sources",
            [{"kind": "directory", "path": path} for path in ("inbox/x", other)],
            "sources.1.path: is 'inbox/x'",
        )
        for other in ("inbox/x/", "inbox//x", "./inbox/./x")
    ),
    *(("checks.every", value, "checks.every") for value in ("1", "0d", "-1h", "1.5h", 60, "1y", "99999999999d", "٣d")),
    *(("run.memory", value, "run.memory") for value in ("4GB", "0MiB", 1.5, True, 7, "4 GiB")),
]


@pytest.mark.parametrize(("path", "value", "told"), WRONG)
def test_a_wrong_value_is_refused_where_it_stands(path: str, value: object, told: str) -> None:
    found = messages(with_value(path, value))
    assert any(told in message for message in found), found


@pytest.mark.parametrize("strategy", ["frontier", "replay", "der++", "a-gem"])
def test_a_strategy_that_rehearses_is_refused_where_no_sample_may_be_kept(strategy: str) -> None:
    made = document(retention={"replay": 0}, train={"strategy": strategy})
    told = f"train.strategy: is '{strategy}', which rehearses former samples, but retention.replay is 0; wanted kfac"
    assert any(told in message for message in messages(made))


def test_a_number_has_no_classes_to_balance() -> None:
    made = with_value("train.replay.policy", "class-balanced")
    made["task"] |= {"kind": "tabular-regression"}
    told = "train.replay.policy: is 'class-balanced', but regression has no classes"
    assert any(told in message for message in messages(made))


def test_letters_beyond_ascii_are_told_apart_as_the_store_does() -> None:
    made = with_value("task.features", {"Ä": {"type": "number"}, "ä": {"type": "number"}})
    made["task"] |= {"label": "STRASSE", "id": "straße", "time": "É", "prediction": "é"}
    assert messages(made) == []


TRIGGERS = [
    ({"metric": "drift.shar", "above": 0.3}, "did you mean 'drift.share'?"),
    ({"metric": "quality.acuracy", "drop": 0.3}, "did you mean 'quality.accuracy'?"),
    ({"metric": "quality.mae", "drop": 0.3}, "which is no evidence"),
    ({"metric": "drift.score.c", "above": 0.3}, "which is no evidence"),
    ({"metric": "drift.share", "drop": 0.3}, "drop is for quality.<metric> only"),
    ({"metric": "drift.share", "above": 30}, "above: is 30, which drift.share is never above: it is 0 to 1"),
    ({"metric": "drift.share", "above": 1}, "above: is 1, which drift.share is never above"),
    ({"metric": "drift.missing.a", "above": 1.0}, "above: is 1, which drift.missing.a is never above"),
    ({"metric": "quality.accuracy", "above": 3}, "above: is 3, which quality.accuracy is never above"),
    ({"metric": "labels.new", "above": -1}, "above: is -1, which labels.new is always above"),
    ({"metric": "labels.coverage", "below": 0}, "below: is 0, which labels.coverage is never below"),
    ({"metric": "labels.coverage", "below": 2}, "below: is 2, which labels.coverage is always below"),
    ({"metric": "samples.new", "below": 0}, "below: is 0, which samples.new is never below"),
    ({"metric": "drift.share", "above": 0.3, "clear_below": -1}, "clear_below: is -1, which drift.share is always"),
    (
        {"metric": "labels.coverage", "below": 0.3, "clear_above": 2},
        "clear_above: is 2, which labels.coverage is always",
    ),
    ({"metric": "quality.accuracy", "drop": 1}, "drop: is 1, which the loss of quality.accuracy is never above"),
    ({"metric": "quality.accuracy", "drop": 0.1, "clear_below": -2}, "clear_below: is -2, which the loss of"),
    ({"metric": "labels.new", "above": "5m"}, "above: is 5m; wanted a number: labels.new is no duration"),
    ({"metric": "drift.share", "above": 0.3, "clear_below": "1d"}, "clear_below: is 1d; wanted a number"),
    ({"metric": "champion.age", "above": 30}, "above: is 30; wanted a duration such as 30d"),
    ({"metric": "labels.delay", "below": "1d", "clear_above": 2}, "clear_above: is 2; wanted a duration"),
    (
        {"metric": "champion.age", "above": "30d", "clear_below": "5w"},
        "clear_below: is 35d, which is above the limit, 30d",
    ),
    ({"metric": "labels.new", "above": True}, "wanted a finite number"),
    ({"metric": "labels.new", "above": float("nan")}, "wanted a finite number"),
    ({"metric": "labels.new", "above": 10**400}, "wanted a finite number"),
    ({"metric": "drift.prediction", "above": 0.3, "clear_below": 0.4}, "clear_below: is 0.4, which is above the limit"),
    ({"metric": "quality.f1_macro", "below": 0.3, "clear_above": 0.2}, "clear_above: is 0.2, which is below the limit"),
    ({"metric": "quality.f1_macro", "drop": 0.1, "clear_below": 0.2}, "clear_below: is 0.2, which is above the limit"),
    ({"metric": "drift.share"}, "exactly one of the limits"),
    ({"metric": "drift.share", "above": 0.3, "below": 0.1}, "exactly one of the limits"),
    ({"metric": "drift.share", "above": 0.3, "for": "5 of 3"}, "wanted 'm of n'"),
    ({"metric": "drift.share", "above": 0.3, "for": "0 of 3"}, "wanted 'm of n'"),
    ({"metric": "champion.age", "above": "a month"}, "wanted a finite number, or a duration such as 30d"),
]


@pytest.mark.parametrize(("trigger", "told"), TRIGGERS)
def test_a_trigger_that_cannot_work_is_refused(trigger: Document, told: str) -> None:
    found = messages(document(triggers=[{"name": "t"} | trigger]))
    assert len(found) == 1 and told in found[0], found


@pytest.mark.parametrize(
    ("metric", "limit"),
    [
        *((f"drift.{name}", 0.5) for name in ("share", "prediction", "score.a", "missing.b")),
        *((name, 0.5) for name in ("quality.f1_macro", "contract.quarantine_share", "labels.coverage")),
        *(("labels.new", 5000), ("samples.new", 0), ("labels.delay", "3h"), ("champion.age", "30d")),
    ],
)
def test_every_evidence_name_of_the_task_can_be_triggered_on(metric: str, limit: object) -> None:
    assert messages(document(triggers=[{"name": "t", "metric": metric, "above": limit}])) == []


@pytest.mark.parametrize(
    "trigger",
    [
        {"metric": "quality.r2", "below": -3, "clear_above": 1.0},
        {"metric": "quality.r2", "drop": 7},
        {"metric": "quality.mae", "drop": 7, "clear_below": -0.5},
        {"metric": "labels.coverage", "below": 1, "clear_above": 1},
        {"metric": "contract.quarantine_share", "above": 0, "clear_below": 0},
    ],
)
def test_a_limit_on_the_edge_of_what_can_be_is_taken_where_the_trigger_can_hold_and_clear(trigger: Document) -> None:
    made = with_value("task.kind", "tabular-regression")
    assert messages(made | {"triggers": [{"name": "t"} | trigger]}) == []


def test_evidence_that_the_checks_leave_out_cannot_be_triggered_on() -> None:
    checks = {"drift": {"columns": ["b"]}, "quality": {"metrics": ["f1_macro"]}}
    triggers = [
        {"name": "s", "metric": "drift.score.a", "above": 0.3},
        {"name": "t", "metric": "quality.accuracy", "drop": 0.1},
    ]
    assert messages(document(checks=checks, triggers=triggers)) == [
        "triggers.0.metric: is 'drift.score.a', but checks.drift.columns leaves 'a' out",
        "triggers.1.metric: is 'quality.accuracy', but checks.quality.metrics leaves 'accuracy' out",
    ]


@pytest.mark.parametrize(
    "drift", [{"weights": {"a": 0, "b": 0.0}}, {"columns": ["b"], "weights": {"b": 0}}, {"columns": ["prediction"]}]
)
def test_a_share_of_no_column_with_a_weight_cannot_be_triggered_on(drift: Document) -> None:
    triggers = [{"name": "t", "metric": "drift.share", "above": 0.3}]
    assert messages(document(checks={"drift": drift}, triggers=triggers)) == [
        "triggers.0.metric: is 'drift.share', but checks.drift leaves no feature with a weight above 0"
    ]
    assert (
        messages(document(checks={"drift": drift | {"columns": "all", "weights": {"a": 0}}}, triggers=triggers)) == []
    )


def test_faults_between_parts_are_all_told_at_once() -> None:
    trigger = {"name": "t", "metric": "drift.share", "above": 0.3}
    made = document(
        triggers=[trigger, trigger],
        gates=[{"kind": "superior", "metric": "mae"}],
        train={"loss": "huber"},
        data={"split": {"validation": 0.6, "holdout": 0.6}},
    )
    paths = {message.split(":")[0] for message in messages(made)}
    assert paths == {"triggers.1.name", "gates.0.metric", "train.loss", "data.split"}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"label_errors": {}}, "data.label_errors: is given, but confident learning is for classes"),
        ({"balance": "oversample"}, "data.balance: is 'oversample', but tabular-regression has no classes"),
        ({"balance": "undersample"}, "data.balance: is 'undersample', but tabular-regression has no classes"),
    ],
)
def test_care_for_classes_is_refused_where_the_answer_is_a_number(data: Document, told: str) -> None:
    made = with_value("data", data)
    made["task"]["kind"] = "tabular-regression"
    assert any(told in message for message in messages(made))


@pytest.mark.parametrize("data", [{"outliers": "clip"}, {"augment": ["feature-noise"]}, {"augment": ["mixup"]}])
def test_care_for_numbers_is_refused_where_there_are_none(data: Document) -> None:
    made = with_value("data", data)
    del made["task"]["features"]["a"]
    assert any("but task.features has no number" in message for message in messages(made))
    del made["task"]
    made |= {"task": document()["task"]}
    assert messages(made) == []


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("data.fault", "starts no run"),
        ("drift.unseen.a", "'a' is a number, and all of those are new"),
        ("drift.embedding", "is no evidence"),
        ("drift.unseen.zebra", "is no evidence"),
    ],
)
def test_evidence_of_another_kind_of_input_starts_no_run(metric: str, said: str) -> None:
    found = messages(with_value("triggers", [{"name": "t", "metric": metric, "above": 0.1}]))
    assert [message for message in found if said in message], found


@pytest.mark.parametrize("metric", ["drift.label", "drift.multivariate", "drift.unseen.b"])
def test_the_kinds_of_drift_may_start_a_run(metric: str) -> None:
    assert not messages(with_value("triggers", [{"name": "t", "metric": metric, "above": 0.1}]))
