"""The check worker: it keeps Evidently and ONNX Runtime loaded between checks."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
# pyarrow ships no types.

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from maintainer.compute.serving import serve
from maintainer.domain.sample import ColumnKind
from maintainer.errors import InputError


def drift(request: dict[str, Any]) -> dict[str, Any]:
    """Score the columns of a check."""
    from maintainer.monitor.drift import score
    from maintainer.monitor.exchange import DriftRequest

    return score(DriftRequest.model_validate(request)).model_dump(mode="json")


def calibrate(request: dict[str, Any]) -> dict[str, Any]:
    """Find the thresholds that the samples of a reference pass no more often than a policy allows."""
    from maintainer.monitor.exchange import CalibrationRequest
    from maintainer.monitor.tallies import thresholds

    return thresholds(CalibrationRequest.model_validate(request)).model_dump(mode="json")


def quality(request: dict[str, Any]) -> dict[str, Any]:
    """Measure a champion on files of its answers."""
    from maintainer.monitor.measured import MEASURED, QualityRequest
    from maintainer.monitor.measuring import measure

    return MEASURED.dump_python(measure(QualityRequest.model_validate(request)), mode="json")


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Write what a version answers to the samples of a Parquet file as `_key`, `value` (and `id`) to another."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from maintainer.champion import load_session
    from maintainer.store.artifacts import read_manifest

    version = Path(request["version"])
    digest = read_manifest(version).files["model.onnx"]
    samples = pq.read_table(request["samples"])
    answers = load_session(version / "model.onnx", 1, digest).predict(samples)
    columns: dict[str, Any] = {"_key": samples["_key"]} if "_key" in samples.column_names else {}
    columns["value"] = pa.array(answers.answers.tolist())
    if answers.probabilities is not None:
        for number, name in enumerate(answers.classes):
            columns[f"probability_{name}"] = pa.array(answers.probabilities[:, number])
    pq.write_table(pa.table(columns), request["answers"])
    return {"rows": samples.num_rows}


def evidently(request: dict[str, Any]) -> dict[str, Any]:
    """Write Evidently's own report of two bounded samples."""
    from maintainer.monitor.evidently_report import Compared, write

    columns = [Compared(c["name"], ColumnKind(c["kind"]), c["method"], c["threshold"]) for c in request["columns"]]
    write(Path(request["reference"]), Path(request["current"]), columns, Path(request["out"]))
    return {"path": request["out"]}


def outlook(request: dict[str, Any]) -> dict[str, Any]:
    """Say why no challenger can pass the gates with what was collected, and how many labels are missing."""
    from maintainer.domain.policy import Policy
    from maintainer.gate.foresee import foresee

    champion = None if request["champion"] is None else Path(request["champion"])
    return asdict(foresee(Policy.model_validate(request["policy"]), Path(request["collect"]), champion))


def doubt(request: dict[str, Any]) -> dict[str, Any]:
    """Write how much the champion is in doubt about each sample of a file."""
    import pyarrow.parquet as pq

    from maintainer.champion import load_session
    from maintainer.monitor import worth
    from maintainer.store.artifacts import read_manifest

    version = Path(request["version"])
    samples = pq.read_table(request["samples"])
    model = load_session(version / "model.onnx", 1, read_manifest(version).files["model.onnx"])
    said = model.predict(samples).probabilities
    if said is None:
        raise InputError(f"{version.name} answers numbers: it has no probabilities to be in doubt by")
    measure = {"margin": worth.margin, "entropy": worth.entropy}[request["by"]]
    return _ranked(samples, measure(said), request["worth"])


def moved(request: dict[str, Any]) -> dict[str, Any]:
    """Write how much commoner the values of each sample of a file have become."""
    import pyarrow.parquet as pq

    from maintainer.monitor import worth

    columns: dict[str, float] = request["columns"]
    files = {name: pq.read_table(request[name]) for name in ("reference", "current", "samples")}
    parts = [{name: table[name].to_numpy() for name in columns} for table in files.values()]
    return _ranked(files["samples"], worth.moved(columns, *parts), request["worth"])


def rows(request: dict[str, Any]) -> dict[str, Any]:
    """Compare two files of rows: all columns together, the words of a text, a version's states of it."""
    import pyarrow.parquet as pq

    from maintainer.monitor import multivariate, textual
    from maintainer.monitor.exchange import RowsReply, RowsRequest
    from maintainer.monitor.rows import columns_of, texts_of

    asked = RowsRequest.model_validate(request)
    before, now = (pq.read_table(path) for path in (asked.reference, asked.current))
    scores, found = (), None
    if asked.text is not None:
        scores = textual.scores(asked.text, texts_of(before, asked.text), texts_of(now, asked.text), asked.level)
    if asked.states is not None:
        found = _states_apart(Path(asked.states), before, now)
    elif asked.table:
        found = multivariate.compare(columns_of(before, asked.table), columns_of(now, asked.table))
    return RowsReply(scores=scores, together=found).model_dump(mode="json")


def _states_apart(version: Path, reference: Any, current: Any) -> Any:
    """Return how far apart a version's states of two tables of texts are."""
    from maintainer.champion import load_session
    from maintainer.monitor import energy
    from maintainer.store.artifacts import read_manifest

    model = load_session(version / "model.onnx", 1, read_manifest(version).files["model.onnx"])
    words, (before, now) = model.states([reference, current])
    return energy.compare(before, now, f"energy distance of {words}")


def _ranked(samples: Any, worths: Any, path: str) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from maintainer.monitor import worth

    columns = {"_key": samples["_key"], "_worth": pa.array(worths), "_rank": pa.array(worth.ranks(worths))}
    pq.write_table(pa.table(columns), path)
    return {"rows": samples.num_rows}


TASKS = {
    "drift": drift,
    "calibrate": calibrate,
    "quality": quality,
    "answer": answer,
    "evidently": evidently,
    "outlook": outlook,
    "doubt": doubt,
    "moved": moved,
    "rows": rows,
}


if __name__ == "__main__":
    serve(TASKS)
