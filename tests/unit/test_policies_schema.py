"""Policy files and what is made of them: the shipped ones, the JSON Schema, and the way there and back."""

from __future__ import annotations

import re
import subprocess
import sys
from operator import ge, gt, le, lt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maintainer.domain.policy import Policy, policy_hash
from maintainer.policies import json_schema, load, load_text, to_yaml
from maintainer.policies.nodes import plain, read_yaml

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "policies").glob("*.yaml"))
SMALL = """\
version: 1
model: small
task:
  kind: tabular-classification
  features:
    a: {type: number}
    b: {type: category}
  label: y
"""


# --- the shipped policies


def test_three_policies_are_shipped() -> None:
    assert [path.stem for path in SHIPPED] == ["bike-sharing", "electricity", "template"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_is_valid_and_comes_back_from_what_show_prints(path: Path) -> None:
    policy = load(path)
    assert load_text(to_yaml(policy), "shown") == policy
    assert Policy.model_validate(policy.model_dump(mode="json", by_alias=True)) == policy
    assert Policy.model_validate_json(policy.model_dump_json()) == policy


def test_the_template_says_the_defaults_of_every_key_that_works() -> None:
    template = load(ROOT / "policies" / "template.yaml")
    asked = template.model_dump(mode="json", include={"version", "model", "task"})
    assert template.model_copy(update={"triggers": ()}) == Policy.model_validate(asked)
    text = (ROOT / "policies" / "template.yaml").read_text(encoding="utf-8")
    keys = {key for section in schema_sections() for key in section["properties"]} - {"loss", "drop", "margin"}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}:", text)] == []


def test_the_shipped_policies_leave_out_what_gives_the_answer_away() -> None:
    bike, elec = load(ROOT / "policies" / "bike-sharing.yaml"), load(ROOT / "policies" / "electricity.yaml")
    assert not {"yr", "instant", "casual", "registered", "cnt"} & set(bike.task.features)
    assert set(elec.task.features) == {"day", "period", "nswdemand", "vicprice", "vicdemand", "transfer"}
    assert elec.task.classes == ("DOWN", "UP")


# --- the JSON Schema


def schema_sections() -> list[dict[str, Any]]:
    """Return every object of the schema."""
    schema = json_schema()
    return [schema, *(part for part in schema["$defs"].values() if "properties" in part)]


def allows(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    """Return whether a value fits a schema, by the keywords that pydantic writes."""
    if "$ref" in schema:
        return allows(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], value, root)
    for word, enough in (("anyOf", lambda n: n >= 1), ("oneOf", lambda n: n == 1)):
        if word in schema and not enough(sum(allows(part, value, root) for part in schema[word])):
            return False
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        return False
    if "type" in schema and not of_type(schema["type"], value):
        return False
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    if isinstance(value, int | float) and not isinstance(value, bool):
        limits = (("minimum", ge), ("maximum", le), ("exclusiveMinimum", gt), ("exclusiveMaximum", lt))
        if any(word in schema and not holds(value, schema[word]) for word, holds in limits):
            return False
    if isinstance(value, list):
        return all(allows(schema.get("items", {}), item, root) for item in value)
    return allows_object(schema, value, root) if isinstance(value, dict) else True


def allows_object(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any]) -> bool:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    if set(schema.get("required", [])) - set(value):
        return False
    rest = {key: item for key, item in value.items() if key not in properties}
    if rest and others is False:
        return False
    known = all(allows(properties[key], value[key], root) for key in value if key in properties)
    return known and all(allows(others if isinstance(others, dict) else {}, item, root) for item in rest.values())


def of_type(name: str, value: Any) -> bool:
    types = {"string": str, "object": dict, "array": list, "boolean": bool, "null": type(None)}
    if name in types:
        return isinstance(value, types[name])
    return isinstance(value, int if name == "integer" else int | float) and not isinstance(value, bool)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_fits_the_schema(path: Path) -> None:
    schema = json_schema()
    document: Any = plain(read_yaml(path.read_text(encoding="utf-8"))[0])
    assert allows(schema, document, schema)
    assert not allows(schema, document | {"mode": "propose"}, schema)
    assert not allows(schema, document | {"train": {"replay": {"share": 1.0}}}, schema)
    assert not allows(schema, document | {"notify": [{"kind": "webhook"}]}, schema)
    assert not allows(schema, document | {"gates": [{"kind": "slices"}]}, schema)


def test_the_schema_describes_every_key_and_offers_nothing_that_is_not_built() -> None:
    schema = json_schema()
    assert schema["$schema"].startswith("https://json-schema.org/") and schema["title"]
    for section in schema_sections():
        assert [key for key, part in section["properties"].items() if "description" not in part] == []
        assert section["additionalProperties"] is False
    words = set(re.findall(r'"([\w+-]+)"', str(schema).replace("'", '"')))
    unbuilt = {
        "notify",
        "propose",
        "kafka",
        "fairness",
        "approval",
        "shadow",
        "quantize",
        "cron",
    }
    assert words & unbuilt == set()
    assert {"for", "frontier", "superior", "drift"} <= words


# --- there and back

WORDS = st.text("abcxyz019-_. :#'\"é", min_size=1, max_size=8).filter(lambda word: word.strip() == word)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
DURATIONS = st.builds(lambda n, unit: f"{n}{unit}", st.integers(1, 400), st.sampled_from("smhdw"))


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(WORDS.filter(lambda w: w[0] != "_"), min_size=1, max_size=4, unique_by=str.casefold))
    kinds = [{"type": "number", "max": 2.5}, {"type": "category", "values": draw(st.lists(WORDS, unique=True))}]
    features = {name: draw(st.sampled_from(kinds)) for name in names}
    taken = {name.casefold() for name in names} | {"prediction"}
    metric = draw(st.sampled_from(["drift.share", f"drift.score.{names[0]}", "champion.age"]))
    limit = draw(DURATIONS if metric == "champion.age" else st.floats(0, 0.9))
    of = draw(st.integers(1, 9))
    trigger = {"metric": metric, "above": limit, "clear_below": limit, "for": f"{draw(st.integers(1, of))} of {of}"}
    return {
        "version": 1,
        "model": draw(NAMES),
        "description": draw(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)),
        "task": {
            "kind": "tabular-classification",
            "features": features,
            "label": draw(WORDS.filter(lambda word: word.casefold() not in taken)),
            "classes": draw(st.lists(WORDS, min_size=2, unique=True)),
        },
        "checks": {"every": draw(DURATIONS), "drift": {"weights": {names[0]: draw(st.floats(0.1, 9))}}},
        "triggers": [
            {"name": "t", **trigger},
            {"name": "u", "metric": "quality.f1_macro", "drop": draw(st.floats(1e-9, 0.9))},
        ],
        "run": {"memory": f"{draw(st.integers(1, 9999))}MiB", "cooldown": draw(DURATIONS)},
    }


@settings(max_examples=40)
@given(policies())
def test_a_policy_comes_back_the_same_from_json_and_from_yaml(document: dict[str, Any]) -> None:
    policy = Policy.model_validate(document)
    assert Policy.model_validate(policy.model_dump(mode="json", by_alias=True)) == policy
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
    assert load_text(to_yaml(policy), "shown") == policy
    assert policy_hash(load_text(to_yaml(policy), "shown")) == policy_hash(policy)


def test_durations_sizes_and_fractions_are_shown_as_an_operator_writes_them() -> None:
    more = (
        "triggers: [{name: t, metric: drift.share, above: 0.3, for: 3 of 5}]\nrun: {cooldown: 48h, memory: 1536MiB}\n"
    )
    shown = to_yaml(load_text(SMALL + more, "p"))
    for line in ("for: 3 of 5", "cooldown: 2d", "memory: 1536MiB", "timeout: 30m", "last: 7d", "path: inbox/small"):
        assert line in shown
    assert "notify" not in shown and "protected" not in shown


def test_the_loader_brings_in_no_framework() -> None:
    code = "import sys, maintainer.policies; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"torch", "pandas", "evidently", "duckdb", "onnxruntime", "sklearn"} & set(loaded.split()) == set()
