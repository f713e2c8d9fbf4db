"""Commands about one model's data: ingest, label, label-queue, predict, check."""

from __future__ import annotations

import csv
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maintainer.cli import say
from maintainer.cli.app import Json, Model, settings
from maintainer.errors import InputError, MaintainerError, RefusedError

if TYPE_CHECKING:
    from maintainer.cli.api import Api

Files = Annotated[list[Path], typer.Argument(help="Files (parquet, csv, jsonl); - for JSON lines on standard input.")]

FailOnDrift = Annotated[
    bool, typer.Option("--fail-on-drift", help="Exit status 3 when a column drifted or is at fault.")
]
WithEvidently = Annotated[
    bool, typer.Option("--evidently", help="Write Evidently's own report of it too (slow, 4 MB).")
]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the root."""
    for command in (ingest, label, predict, check):
        app.command()(command)
    app.command("label-queue")(label_queue)


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


class Method(StrEnum):
    """How the worth of a label is told; margin for classes and diverse for numbers where none is named."""

    MARGIN = "margin"
    ENTROPY = "entropy"
    BALD = "bald"
    DIVERSE = "diverse"
    DRIFT = "drift"


def label_queue(
    model: Model,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=100_000, help="How many samples.")] = 20,
    by: Annotated[Method | None, typer.Option(help="How the worth of a label is told.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Also those that were given out before.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="CSV for `maintainer label`, its label column to be filled in.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Name the stored samples most worth a label; what is given out is not given out again.

    margin and entropy: the champion wavers. bald: its weights would learn most. diverse: unlike each other and what is
    labelled. drift: from where the data have moved to. At most labels.per_day of the policy on one day.

    Example: maintainer label-queue electricity -n 50 --by margin --out ask.csv
    """
    from maintainer.cli.api import Api, place

    if out is not None and out.exists():
        raise RefusedError(f"{out} is there already; wanted a new file, as labels may have been filled in")
    with Api(settings()) as api, say.progress(f"samples of {model} worth a label"):
        body = {"count": count, "by": by.value if by else None, "again": again}
        found = api.post(place("models", model, "label-queue"), body)
    if out is not None:
        _write_questions(found, out)
    say.answer(found, as_json, lambda _: _tell_queue(found, out))
    if len(found["samples"]) < count:
        left = f"{found['left_today']} of labels.per_day {found['per_day']} are left today"
        say.note(f"{len(found['samples'])} of {count}: {found['unlabelled']} had no label, {left}")


def _write_questions(found: dict[str, Any], out: Path) -> None:
    """Write what `maintainer label` takes once the labels are filled in; other columns only help who labels."""
    own = {found["id"], found["label"], found["time"], "id", "label", "time"}
    names = [name for name in (found["samples"][0]["features"] if found["samples"] else ()) if name not in own]
    try:
        with out.open("x", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([found["id"], found["label"], *names])
            for sample in found["samples"]:
                writer.writerow([sample["id"], "", *(sample["features"][name] for name in names)])
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror or error}") from error


def _tell_queue(found: dict[str, Any], out: Path | None) -> None:
    names = list(found["samples"][0]["features"])[:6] if found["samples"] else []
    rows = [
        [s["id"], s["time"][:16].replace("T", " "), f"{s['worth']:.4f}", *(_shown(s["features"][n]) for n in names)]
        for s in found["samples"]
    ]
    say.table(f"samples of {found['model']} worth a label, by {found['by']}", ["id", "time", "worth", *names], rows)
    if out is not None:
        print(f"{out}: fill in the column {found['label']}, then `maintainer label {found['model']} {out}`")


def _shown(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


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
    if fail_on_drift and (found["drifted"] or found["together"] or found["faults"]):
        raise SystemExit(say.NO)


def _tell_check(found: dict[str, Any]) -> None:
    from maintainer.domain.evidence import DriftScore

    print(f"{found['check']}: {found['decision']['reason']}")
    if found["diagnosis"] is not None:
        print(f"{found['diagnosis']['kind']}: {found['diagnosis']['sentence']}")
    scores = [DriftScore(**score) for score in found["evidence"]["scores"]]
    for score in sorted(scores, key=lambda score: score.limit - score.score)[:20]:
        mark = "drifted" if score.drifted else "ok"
        kind = "" if score.kind == "value" else f" ({score.kind})"
        limit = f"{score.score:8.4f} of {score.limit:.4g}"
        print(f"  {score.column + kind:24} {score.method:14} {limit}  {mark}")
    for one in found["evidence"].get("together", ()):
        print(f"  {one['evidence']:24} {one['method']} {one['score']:.4f}, p {one['p']:.2g}")
    for line in say.quality(found["evidence"]):
        print(f"  {line}")
    for remark in found["notes"]:
        print(f"  note: {remark}")
    print(f"report: {found['report']}" + (f"\nevidently: {found['evidently']}" if "evidently" in found else ""))
