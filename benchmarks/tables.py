"""First models of tables: what the families reach in random order, and what the ramps of numbers are worth.

Beside scikit-learn's histogram boosting on the same rows: bike sharing (mean absolute error), Elec2 and adult (share of
wrong answers): lower is better everywhere. A fifth of the rows is the test part, 15 % of the rest choose the epoch.
"No ramps" is tabular-mlp with the deviation and the missing indicator of a number alone (decision 0012).
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.preprocessing import OrdinalEncoder

from benchmarks.harness import Arguments, Outcome, arguments, show
from benchmarks.streams import find
from maintainer.demo.story import bundled_data
from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.domain.training import Train
from maintainer.families import ft_transformer, tabular_mlp
from maintainer.families.table import Samples
from maintainer.families.tabular_mlp import MlpEncoder, TabularMlpFamily
from maintainer.policies import load_text
from maintainer.shipped import shipped_policy
from maintainer.train.exam import answers_of, rows_of
from maintainer.train.situation import Parts, Situation
from maintainer.train.strategies.scratch import bootstrap

ADULT_NUMBERS = ("age", "education_num", "capital_gain", "capital_loss", "hours_per_week")
ADULT_WORDS = ("workclass", "marital_status", "occupation", "relationship", "race", "sex", "native_country")
MOST = 20_000  # rows of a table


class NoRamps(TabularMlpFamily):
    """tabular-mlp without the ramps of its numbers."""

    def fit(self, task: TaskKind, samples: Samples, classes: tuple[str, ...], base: Base) -> MlpEncoder:
        """Return the encoder, without ramps."""
        made = super().fit(task, samples, classes, base)
        return made.model_copy(update={"numbers": tuple(c.model_copy(update={"knots": ()}) for c in made.numbers)})


FAMILIES: dict[str, Any] = {
    "tabular-mlp": tabular_mlp.FAMILY,
    "no ramps": NoRamps(),
    "ft-transformer": ft_transformer.FAMILY,
}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in random order."""

    task: TaskKind
    samples: Samples

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes; none for numbers."""
        return tuple(sorted(set(self.samples.labels))) if self.task is TaskKind.CLASSIFICATION else ()

    def part(self, low: float, high: float) -> Samples:
        """Return the rows between two shares."""
        return self.samples.take(np.arange(int(low * self.samples.size), int(high * self.samples.size)))


def tables(given: Arguments) -> dict[str, Table]:
    """Return what there is: the bundled one, and those below --data."""
    size = 4000 if given.quick else MOST
    found = {"bike-sharing": shipped("bike-sharing", pq.read_table(bundled_data()), size)}
    for name, folder, file in (("electricity", "elec2", "elec2.parquet"), ("adult", "adult", "adult.parquet")):
        path = find(given, folder, file)
        if path is not None:
            rows = pq.read_table(path)
            found[name] = adult(rows, size) if name == "adult" else shipped(name, rows, size)
    return found


def shipped(name: str, rows: pa.Table, size: int) -> Table:
    """Return the columns of a policy that the project ships."""
    policy = load_text(shipped_policy(name), name)
    features = policy.task.features
    numbers = [column for column, feature in features.items() if feature.type == "number"]
    return shuffled(rows, numbers, [c for c in features if c not in numbers], (policy.task.label, policy.task.of), size)


def adult(rows: pa.Table, size: int) -> Table:
    """Return the census table, without what repeats another column."""
    return shuffled(rows, list(ADULT_NUMBERS), list(ADULT_WORDS), ("class", TaskKind.CLASSIFICATION), size)


def shuffled(rows: pa.Table, numbers: list[str], words: list[str], what: tuple[str, TaskKind], size: int) -> Table:
    """Return some rows of a table in random order."""
    label, task = what
    rows = rows.take(np.random.default_rng(0).permutation(rows.num_rows)[:size])

    def text(name: str) -> Any:
        return np.array(["" if value is None else str(value) for value in rows[name].to_pylist()], object)

    labels = text(label) if task is TaskKind.CLASSIFICATION else np.array(rows[label].to_pylist(), np.float64)
    values = {name: np.array(rows[name].cast(pa.float64()).to_pylist(), np.float64) for name in numbers}
    return Table(task, Samples(rows.num_rows, values, {name: text(name) for name in words}, labels))


def ours(family: Any, table: Table) -> float:
    """Return the error of a first model on the test part."""
    none = table.part(0, 0)
    parts = Parts(table.part(0.0, 0.68), none, table.part(0.68, 0.8), none)
    metric = "accuracy" if table.classes else "mae"
    made = bootstrap(Situation(family, Base(), table.task, Train(), metric, table.classes, parts))
    test = table.part(0.8, 1.0)
    rows = rows_of(family, made.encoder, test)
    answers = answers_of(family.build(made.encoder, made.weights), rows, family.at_once)
    if table.classes:
        return float((answers.argmax(1) != rows.targets).float().mean())
    return float((answers[:, 0] - rows.targets).abs().mean()) * made.encoder.target_scale


def trees(table: Table) -> float:
    """Return the error of histogram boosting, which may learn from the rows that choose our epoch too."""
    train, test = table.part(0.0, 0.8), table.part(0.8, 1.0)
    coder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=254)

    def arrays(of: Samples, fit: bool) -> Any:
        words = np.column_stack(list(of.categories.values())) if of.categories else np.empty((of.size, 0))
        coded = (coder.fit_transform(words) if fit else coder.transform(words)) if of.categories else words
        return np.column_stack([*of.numbers.values(), coded.astype(np.float64)])

    kinds = np.arange(len(train.numbers) + len(train.categories)) >= len(train.numbers)
    kind = HistGradientBoostingClassifier if table.classes else HistGradientBoostingRegressor
    fitted = kind(categorical_features=kinds, random_state=0).fit(arrays(train, True), train.labels)
    answers = fitted.predict(arrays(test, False))
    return float(np.mean(answers != test.labels) if table.classes else np.mean(np.abs(answers - test.labels)))


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    peers: dict[str, float] = {}
    for name, table in tables(given).items():
        for kind, family in FAMILIES.items():
            began = time.process_time()
            figures[f"{name}: {kind}"] = ours(family, table)
            figures[f"{name}: {kind}, processor s"] = time.process_time() - began
            print(f"{name}: {kind}: {figures[f'{name}: {kind}']:.4f}", file=sys.stderr, flush=True)
        began = time.process_time()
        peers[name] = trees(table)
        peers[f"{name}, processor s"] = time.process_time() - began
    ratios = {
        f"{name} / {kind}": peers[name] / figures[f"{name}: {kind}"] for name in tables(given) for kind in FAMILIES
    }
    notes = () if given.data is not None else ("Elec2 and adult skipped: they need --data DIR",)
    show(Outcome("tables", figures, {"histogram boosting": peers}, ratios, notes), given)


if __name__ == "__main__":
    main()
