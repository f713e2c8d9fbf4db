"""What a policy may say: the models, seen without a file."""

from __future__ import annotations

import types
from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any, get_args

import pytest
from pydantic import ValidationError

import maintainer.domain.policy as policy_module
from maintainer.domain.policy import (
    DirectorySource,
    LatencyGate,
    NegativeFlipsGate,
    NonInferiorGate,
    ParityGate,
    Policy,
    Section,
    SizeGate,
    SuperiorGate,
    policy_hash,
    schema_of,
)
from maintainer.domain.sample import Column, ColumnKind, Schema, TaskKind

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


def test_the_smallest_policy_gets_every_default() -> None:
    policy = Policy.model_validate(document())
    assert policy.mode == "auto"
    assert policy.sources == (DirectorySource(kind="directory", path="inbox/m"),)
    assert policy.references[0].kind == "champion"
    assert policy.checks.every == timedelta(hours=1)
    assert policy.checks.window.last == timedelta(days=7)
    assert policy.run.memory == 4 << 30
    assert policy.triggers == ()


@pytest.mark.parametrize(("kind", "main"), [("tabular-classification", "accuracy"), ("tabular-regression", "mae")])
@pytest.mark.parametrize("gates", [{}, {"gates": []}, {"gates": None}])
def test_a_policy_that_names_no_gates_gets_those_of_its_task(kind: str, main: str, gates: Document) -> None:
    made = with_value("task.kind", kind) | gates
    assert Policy.model_validate(made).gates == (
        ParityGate(kind="parity"),
        SuperiorGate.model_validate({"kind": "superior", "metric": main, "on": "current"}),
        NonInferiorGate.model_validate({"kind": "non-inferior", "metric": main, "on": "reference"}),
        *([NegativeFlipsGate(kind="negative-flips")] if main == "accuracy" else []),
        LatencyGate(kind="latency"),
        SizeGate(kind="size"),
    )


def test_named_gates_are_all_the_gates() -> None:
    policy = Policy.model_validate(document(gates=[{"kind": "parity"}]))
    assert policy.gates == (ParityGate(kind="parity"),)


def test_a_limit_that_is_a_duration_stays_one() -> None:
    policy = Policy.model_validate(document(triggers=[{"name": "t", "metric": "champion.age", "above": "48h"}]))
    assert policy.triggers[0].model_dump()["above"] == timedelta(days=2)
    assert policy.triggers[0].model_dump(mode="json")["above"] == "2d"


def test_the_hash_is_the_same_for_the_same_policy_however_it_is_written() -> None:
    first = Policy.model_validate(document(run={"cooldown": "24h", "timeout": "30m"}))
    turned = dict(reversed(document(run={"timeout": "1800s", "cooldown": "1d"}, mode="auto").items()))
    assert policy_hash(first) == policy_hash(Policy.model_validate(turned))
    assert len(policy_hash(first)) == 64


def test_the_hash_changes_with_any_value_and_with_the_order_of_the_features() -> None:
    made = document()
    turned = document()
    turned["task"]["features"] = dict(reversed(turned["task"]["features"].items()))
    policies = [made, turned, with_value("train.seed", 1), with_value("mode", "observe")]
    assert len({policy_hash(Policy.model_validate(each)) for each in policies}) == 4


@pytest.mark.parametrize(
    ("strategy", "idle"),
    [("frontier", []), ("scratch", ["forgetting_budget"]), ("finetune", ["forgetting_budget", "replay"])],
)
def test_what_a_strategy_does_not_look_at_is_noted_where_it_is_said(strategy: str, idle: list[str]) -> None:
    said = {"forgetting_budget": 0.1, "replay": {"share": 0.2}}
    policy = Policy.model_validate(document(train={"strategy": strategy} | said))
    assert policy.notes() == [f"train.{key} does nothing under strategy {strategy}" for key in idle]
    assert Policy.model_validate(document(train={"strategy": strategy})).notes() == []


@pytest.mark.parametrize(
    ("key", "each"),
    [("weights", {"a": 2.0, "b": 1.0}), ("method", {"a": "psi", "b": "psi"}), ("threshold", {"a": 1, "b": 2})],
)
def test_the_hash_does_not_know_the_order_of_what_is_said_of_columns(key: str, each: Document) -> None:
    turned = dict(reversed(each.items()))
    policies = [Policy.model_validate(with_value(f"checks.drift.{key}", value)) for value in (each, turned)]
    assert policy_hash(policies[0]) == policy_hash(policies[1])
    assert list(getattr(policies[1].checks.drift, key)) == ["b", "a"]


def test_the_hash_is_fixed_so_that_an_upgrade_does_not_silently_change_every_run() -> None:
    digest = policy_hash(Policy.model_validate(document()))
    assert digest == FIXED_HASH, "the policy's format or a default changed: say so in the changelog, then fix this line"


FIXED_HASH = "34117f1a1fffa4198ae2000f0ed3dd86882c8deb4bcfefd59947de63f993cc86"


def test_the_schema_holds_the_contract_of_every_feature_in_order() -> None:
    made = with_value("task.time", "at")
    made["task"]["features"] = {
        "z": {"type": "number", "min": -1, "max": 1.5, "missing": "reject"},
        "b": {"type": "category", "values": ["x", "y"], "unknown": "reject"},
    }
    assert schema_of(Policy.model_validate(made), ("no", "yes")) == Schema(
        model="m",
        task=TaskKind.CLASSIFICATION,
        features=(
            Column("z", ColumnKind.NUMBER, -1.0, 1.5, missing_allowed=False),
            Column("b", ColumnKind.CATEGORY, values=("x", "y"), unknown_allowed=False),
        ),
        label="y",
        classes=("no", "yes"),
        time="at",
    )


def test_classes_of_the_policy_come_before_learned_ones() -> None:
    assert schema_of(Policy.model_validate(with_value("task.classes", ["u", "v"])), ("v", "u")).classes == ("u", "v")


def sections(annotation: object, seen: set[type[Section]]) -> Iterator[type[Section]]:
    """Yield every section that an annotation can hold, once."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, Section) and annotation not in seen:
            seen.add(annotation)
            yield annotation
            for field in annotation.model_fields.values():
                yield from sections(field.annotation, seen)
        return
    for part in get_args(annotation):
        yield from sections(part, seen)


def test_every_key_that_works_is_described() -> None:
    found = list(sections(Policy, set()))
    fields = [(cls.__name__, name, f) for cls in found for name, f in cls.model_fields.items() if not f.exclude]
    assert len(fields) > 80
    assert [(cls, name) for cls, name, field in fields if not field.description] == []


def test_all_public_names_can_be_had_from_the_policy_module() -> None:
    assert [name for name in policy_module.__all__ if not hasattr(policy_module, name)] == []


def test_a_policy_cannot_be_changed() -> None:
    policy = Policy.model_validate(document())
    with pytest.raises(ValidationError):
        policy.mode = "observe"  # pyright: ignore


def test_without_former_samples_the_strategy_is_kfac_unless_another_is_named() -> None:
    nothing_kept = {"retention": {"replay": 0}}
    unnamed = Policy.model_validate(document(**nothing_kept))
    assert unnamed.train.strategy == "kfac"
    assert unnamed.notes() == ["retention.replay is 0: no former sample is learned from; the strategy is kfac"]
    assert Policy.model_validate(document(**nothing_kept, train={"epochs": 3})).train.strategy == "kfac"
    assert Policy.model_validate(document(**nothing_kept, train={"strategy": "lwf"})).train.strategy == "lwf"
    assert Policy.model_validate(document(train={"epochs": 3})).train.strategy == "frontier"
    assert Policy.model_validate(unnamed.model_dump(mode="json")) == unnamed


def test_a_half_life_that_nothing_looks_at_is_told() -> None:
    policy = Policy.model_validate(document(train={"replay": {"half_life": "9d"}}))
    assert policy.notes() == ["train.replay.half_life does nothing under replay policy reservoir"]
    by_age = Policy.model_validate(document(train={"replay": {"half_life": "9d", "policy": "recency"}}))
    assert by_age.notes() == [] and by_age.train.replay.half_life == timedelta(days=9)
