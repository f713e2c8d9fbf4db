"""A stream replayed through a policy, beside boosted trees that are left alone or fitted again at each tenth."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.preprocessing import OrdinalEncoder

from benchmarks.harness import Arguments
from maintainer.backtest import outcome, replay
from maintainer.domain.policy import Policy
from maintainer.policies import load_text

FIGURES = (
    "static",
    "maintained",
    "no_change",
    "bwt",
    "forgetting",
    "negative_flip_rate",
    "checks",
    "runs",
    "promotions",
)
FIGURES += ("rejections", "failures", "train_seconds", "total_seconds")


@dataclass(frozen=True, slots=True)
class Case:
    """One stream and the policy it goes through."""

    table: Any  # pyarrow.Table
    text: str  # of the policy
    bootstrap: float = 0.2


def find(given: Arguments, folder: str, file: str) -> Path | None:
    """Return a data file below --data, laid out in a folder of its own or not; None without it."""
    if given.data is None:
        return None
    return next((p for p in (given.data / folder / file, given.data / file) if p.is_file()), None)


def run(case: Case) -> dict[str, float]:
    """Return the figures of a backtest, as `maintainer backtest --json` prints them."""
    policy = load_text(case.text, "benchmark.yaml")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        data = Path(folder) / "stream.parquet"
        pq.write_table(case.table, data)
        held = replay.prepare(replay.Plan(policy, case.text, data, Path(folder) / "out", case.bootstrap))
        try:
            replay.run(held, lambda line: None)
            found = outcome.conclude(held)
        finally:
            held.operations.context.close()
    return {name: float(found[name]) for name in FIGURES if found[name] is not None}


def boosted_trees(case: Case) -> Mapping[str, float]:
    """Return what scikit-learn's histogram boosting reaches: fitted once, and on all of the past at each tenth."""
    policy = load_text(case.text, "benchmark.yaml")
    inputs, labels, kinds = _arrays(case, policy)
    start = int(len(labels) * case.bootstrap)
    edges = np.linspace(start, len(labels), 9).astype(int)
    began = time.perf_counter()
    static = _fit(policy, inputs[:start], labels[:start], kinds)
    answers = [static.predict(inputs[start:])]
    refit = [_fit(policy, inputs[:low], labels[:low], kinds).predict(inputs[low:high]) for low, high in pairwise(edges)]
    answers.append(np.concatenate(refit))
    score = _accuracy if policy.task.kind == "tabular-classification" else _mae
    names = ("static", "refit_each_tenth")
    found = {name: score(labels[start:], answer) for name, answer in zip(names, answers, strict=True)}
    return {**found, "seconds": time.perf_counter() - began}


def _fit(policy: Policy, inputs: Any, labels: Any, kinds: Any) -> Any:
    kind = HistGradientBoostingClassifier
    if policy.task.kind != "tabular-classification":
        kind = HistGradientBoostingRegressor
    return kind(categorical_features=kinds, random_state=0).fit(inputs, labels)


def _arrays(case: Case, policy: Policy) -> tuple[Any, Any, Any]:
    table = case.table.sort_by(policy.task.time or "")
    columns, kinds = [], []
    for name, feature in policy.task.features.items():
        values = np.array(table[name].to_pylist())
        kinds.append(feature.type == "category")
        if kinds[-1]:
            values = OrdinalEncoder().fit_transform(values.astype(str)[:, None])[:, 0]
        columns.append(values.astype(np.float64))
    return np.column_stack(columns), np.array(table[policy.task.label].to_pylist()), np.array(kinds)


def _accuracy(labels: Any, answers: Any) -> float:
    return float(np.mean(labels == answers))


def _mae(labels: Any, answers: Any) -> float:
    return float(np.mean(np.abs(labels - answers)))


def skipped(name: str, wanted: str) -> str:
    """Return the line that says why a benchmark did not run."""
    return f"benchmarks.{name} skipped: needs --data DIR with {wanted}"


def first(table: pa.Table, rows: int) -> pa.Table:
    """Return the beginning of a stream, for a quick look."""
    return table.slice(0, rows)
