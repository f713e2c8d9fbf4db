"""The champion's answers to a file of rows, given by the warm worker."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from maintainer.daemon.context import Context
from maintainer.domain.policy import Policy
from maintainer.errors import RefusedError
from maintainer.ingest.names import sent
from maintainer.store.reading import Source, format_of
from maintainer.store.rows import features_of, read_answers

MOST = 100_000  # rows that one request may ask about


def answer_file(context: Context, policy: Policy, path: Path) -> dict[str, Any]:
    """Return the version and its answers, in the order of the file's rows; probabilities for classification.

    Raises:
        InputError: the file or a row of it cannot be read, or it lacks a feature.
        RefusedError: there is no champion, or the file has too many rows.
    """
    champion = context.champion(policy.model)
    if champion is None:
        raise RefusedError(f"{policy.model} has no champion yet; `maintainer bootstrap {policy.model}` makes the first")
    version = context.model_dir(policy.model) / "versions" / champion.version
    with TemporaryDirectory(dir=context.scratch()) as folder:
        samples, answers = Path(folder) / "samples.parquet", Path(folder) / "answers.parquet"
        source = Source(path, format_of(path), sent(path).name)
        rows = features_of(context.database, context.schema(policy), source, samples)
        if rows > MOST:
            raise RefusedError(f"{source.name} has {rows} rows; one request answers at most {MOST}")
        context.warm.ask("answer", {"version": str(version), "samples": str(samples), "answers": str(answers)})
        found = read_answers(context.database, answers)
    return {"version": champion.version, "rows": len(found), "answers": [_plain(row) for row in found]}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"answer": row["value"]}
    prefix = "probability_"
    shares = {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
    if shares:
        answer["probabilities"] = {name: value for name, value in shares.items() if math.isfinite(value)}
    return answer
