"""A policy of a model that reads texts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from maintainer.domain.policy import Policy, schema_of
from maintainer.domain.sample import ColumnKind


def document(**changes: Any) -> dict[str, Any]:
    task = {"kind": "text-classification", "text": "body", "label": "y"}
    base = {"family": "huggingface", "path": "bases/minilm"}
    return {"version": 1, "model": "m", "task": task | changes.pop("task", {}), "base": base, **changes}


def faults(made: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as raised:
        Policy.model_validate(made)
    return "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}" for e in raised.value.errors())


def test_a_text_is_one_column_that_is_compared_by_its_lengths() -> None:
    made = Policy.model_validate(document())
    (column,) = schema_of(made).features
    assert (column.name, column.kind) == ("body", ColumnKind.TEXT)
    assert [c.name for c in schema_of(made).compared] == ["body.characters", "body.words"]
    trigger = {"name": "longer", "metric": "drift.score.body.words", "above": 0.1}
    assert Policy.model_validate(document(triggers=[trigger]))
    drift = {"columns": ["body.words"]}
    assert Policy.model_validate(document(checks={"drift": drift}, triggers=[trigger]))


def test_a_network_that_reads_texts_may_be_larger_and_slower() -> None:
    limits = {gate.kind: gate for gate in Policy.model_validate(document()).gates}
    assert limits["latency"].model_dump()["p95_ms_at_most"] == 100 and limits["size"].model_dump()["mib_at_most"] == 500


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (document(task={"text": None}), "task.text is missing"),
        (
            document(task={"features": {"a": {"type": "number"}}}),
            "task.features is given, but text-classification reads",
        ),
        (document(task={"label": "body"}), "task.label is 'body', which is a feature too"),
        (document(task={"prediction": "body.words"}), "task.prediction is 'body.words', which is a feature too"),
        (document(task={"label": "BODY"}), "differs from 'body' only in case"),
        (
            document(base={"family": "tabular-mlp"}),
            "base.family is 'tabular-mlp', which does not fit text-classification",
        ),
        (document(base={"family": "huggingface", "path": "../minilm"}), "wanted a folder below bases/"),
        (document(base={"family": "huggingface", "path": "bases/../x"}), "wanted a folder below bases/"),
        (document(base={"family": "huggingface", "path": "/bases/x"}), "wanted a folder below bases/"),
        (document(base={"family": "huggingface", "longest": 4}), "greater than or equal to 8"),
        (document(triggers=[{"name": "t", "metric": "drift.score.body", "above": 1}]), "which is no evidence"),
        (document(task={"slices": ["body"]}), "task.slices is given, but text-classification has no features"),
        (document(checks={"drift": {"columns": ["body"]}}), "names 'body', which is no column"),
    ],
)
def test_what_does_not_fit_a_text_is_told(made: dict[str, Any], said: str) -> None:
    assert said in faults(made)


def test_a_text_is_changed_in_its_words_and_a_table_in_its_numbers() -> None:
    ours = {"augment": ["word-dropout", "text-noise"]}
    assert Policy.model_validate(document(data=ours)).data.augment == ("word-dropout", "text-noise")
    said = faults(document(data={"augment": ["text-noise", "mixup"]}))
    assert said == (
        "data.augment.1 is 'mixup', which is for tables, and text-classification has none; "
        "wanted one of word-dropout, text-noise"
    )
    table = {"kind": "tabular-classification", "label": "y", "features": {"a": {"type": "number"}}}
    said = faults({"version": 1, "model": "m", "task": table, "data": {"augment": ["mixup", "word-dropout"]}})
    assert said == (
        "data.augment.1 is 'word-dropout', which is for texts, and tabular-classification has none; "
        "wanted one of feature-noise, mixup"
    )


def test_a_table_has_no_tokens_to_count() -> None:
    table = {"kind": "tabular-regression", "label": "y", "features": {"a": {"type": "number"}}}
    made = {"version": 1, "model": "m", "task": table, "base": {"longest": 64}}
    assert "base.longest is given, but tabular-mlp reads no text" in faults(made)


def test_a_table_has_features_and_no_text() -> None:
    table = {"kind": "tabular-regression", "label": "y"}
    made = {"version": 1, "model": "m", "task": table}
    assert "task.features is missing" in faults(made)
    given = {"features": {"a": {"type": "number"}}, "text": "body"}
    assert "task.text is given, but tabular-regression takes a table" in faults({**made, "task": table | given})
    base = {"family": "huggingface"}
    assert "base.family is 'huggingface'" in faults({**made, "task": table | given, "base": base})
