"""Commands about one model's data: ingest, label, predict, check."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maintainer.cli import say
from maintainer.cli.app import Json, Model, settings
from maintainer.errors import MaintainerError

if TYPE_CHECKING:
    from maintainer.cli.api import Api

Files = Annotated[list[Path], typer.Argument(help="Files (parquet, csv, jsonl); - for JSON lines on standard input.")]

FailOnDrift = Annotated[bool, typer.Option("--fail-on-drift", help="Exit status 3 when a column drifted.")]
WithEvidently = Annotated[
    bool, typer.Option("--evidently", help="Write Evidently's own report of it too (slow, 4 MB).")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the root."""
    for command in (ingest, label, predict, check):
        app.command()(command)


def ingest(model: Model, files: Files, as_json: Json = False) -> None:
    """Take in samples, with their labels where the files have the label column; say what became of the rows.

    Example: maintainer ingest electricity week.parquet
    """
    _send(model, files, "samples", as_json)


def label(model: Model, files: Files, as_json: Json = False) -> None:
    """Take in late labels: columns id, label and, when known, time.

    Example: maintainer label electricity labels.csv
    """
    _send(model, files, "labels", as_json)


def _send(model: str, files: list[Path], what: str, as_json: bool) -> None:
    from maintainer.cli.api import Api

    found: list[dict[str, Any]] = []
    failed: MaintainerError | None = None
    with Api(settings(), begin=True) as api:
        for file in files:
            try:
                found.append({"file": str(file), **_sent(api, model, file, what)})
            except MaintainerError as error:  # told at the end: what was stored before it is stored
                failed = error
                if left := files[len(found) + 1 :]:
                    say.note(f"not sent: {', '.join(map(str, left))}")
                break
    if found:
        say.answer(found[0] if len(files) == 1 else found, as_json, lambda _: _tell_taken(found))
    if any(done["quarantined"] or done["labels_quarantined"] for done in found):
        say.note("some rows were quarantined: `maintainer status` counts them, table quarantine says why")
    if failed is not None:
        raise failed


def _sent(api: Api, model: str, file: Path, what: str) -> dict[str, Any]:
    source, name = (Path("/dev/stdin"), "stdin.jsonl") if str(file) == "-" else (file, file.name)
    from maintainer.cli.api import place

    with say.progress(f"{what} of {model} from {source}"):
        return api.upload(place("models", model, what), source, name)


def _tell_taken(found: list[dict[str, Any]]) -> None:
    for done in found:
        words = [f"{done[k]} {k.replace('_', ' ')}" for k in ("stored", "duplicate", "quarantined", "labels")]
        words += [f"{done[k]} {k.replace('_', ' ')}" for k in ("labels_quarantined", "unmatched") if done[k]]
        listed = [k for k in ("unknown_columns", "absent_columns") if done[k]]
        words += [f"{k.replace('_', ' ')}: {', '.join(done[k])}" for k in listed]
        print(f"{done['file']}: {', '.join(words)}")


def predict(
    model: Model,
    file: Annotated[Path, typer.Argument(help="File of rows with the model's features.")],
    as_json: Json = False,
) -> None:
    """Answer the rows of a file with the champion, through ONNX Runtime; nothing is stored.

    Example: maintainer predict electricity rows.csv --json
    """
    from maintainer.cli.api import Api, place

    with Api(settings()) as api:
        found = api.upload(place("models", model, "predictions"), file, file.name)

    def people(_: Any) -> None:
        print(f"version {found['version']}", file=sys.stderr)
        for row in found["answers"]:
            shares = "".join(f"\t{name}={share:.4f}" for name, share in row.get("probabilities", {}).items())
            print(f"{row['answer']}{shares}")

    say.answer(found, as_json, people)


def check(
    model: Model,
    fail_on_drift: FailOnDrift = False,
    evidently: WithEvidently = False,
    as_json: Json = False,
) -> None:
    """Check a model for drift and quality now; starts no run and counts for no trigger.

    Example: maintainer check electricity --fail-on-drift
    """
    from maintainer.cli.api import Api, place

    with Api(settings()) as api:
        with say.progress(f"checking {model}"):
            found = api.post(place("models", model, "checks"))
        if evidently:
            with say.progress("Evidently's report"):
                found["evidently"] = api.post(place("reports", found["check"], "evidently"))["path"]
    say.answer(found, as_json, _tell_check)
    if fail_on_drift and found["drifted"]:
        raise SystemExit(say.NO)


def _tell_check(found: dict[str, Any]) -> None:
    from maintainer.domain.evidence import DriftScore

    print(f"{found['check']}: {found['decision']['reason']}")
    scores = [DriftScore(**score) for score in found["evidence"]["scores"]]
    for score in sorted(scores, key=lambda score: score.limit - score.score)[:20]:
        mark = "drifted" if score.drifted else "ok"
        kind = "" if score.kind == "value" else f" ({score.kind})"
        limit = f"{score.score:8.4f} of {score.limit:.4g}"
        print(f"  {score.column + kind:24} {score.method:14} {limit}  {mark}")
    for metric in found["evidence"]["metrics"]:
        print(f"  {metric['name']:24} {metric['value']:.4f} on {metric['n']} labelled samples")
    for remark in found["notes"]:
        print(f"  note: {remark}")
    print(f"report: {found['report']}" + (f"\nevidently: {found['evidently']}" if "evidently" in found else ""))
