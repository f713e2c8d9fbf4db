"""Commands about runs and versions: bootstrap, train, runs, show, rollback, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from maintainer.cli import say
from maintainer.cli.app import Json, Model, settings
from maintainer.errors import RefusedError

Run = Annotated[str, typer.Argument(help="Id of a run, as `maintainer runs` prints it.")]
Detach = Annotated[bool, typer.Option("--detach", help="Do not wait for the end (needs the daemon).")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the root."""
    for command in (bootstrap, train, runs, show, rollback, report):
        app.command()(command)


def bootstrap(
    model: Model,
    data: Annotated[Path | None, typer.Option(help="Labelled samples; what is stored already when absent.")] = None,
    source: Annotated[Path | None, typer.Option("--from", help="A save_pretrained directory (not built yet).")] = None,
    as_json: Json = False,
) -> None:
    """Make the first champion of a model from labelled data.

    Exit status 3 when its gates reject it. Example: maintainer bootstrap electricity --data history.parquet
    """
    if source is not None:
        raise RefusedError("--from is designed but not built yet: this version bootstraps tables from --data")
    from maintainer.cli.api import Api

    with Api(settings()) as api:
        if data is not None:
            with say.progress(f"samples of {model} from {data}"):
                taken = api.upload(f"/models/{model}/samples", data, data.name)
            say.note(f"{data}: {taken['stored']} stored, {taken['labels']} labels, {taken['quarantined']} quarantined")
        _start(api, model, "bootstrap", as_json, bootstrap=True)


def train(
    model: Model,
    reason: Annotated[str, typer.Option(help="Why, for the report.")] = "asked for by an operator",
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Start a maintenance run now: collect, train, export, gate, promote or not, report.

    Exit status 3 when the challenger is rejected. Example: maintainer train electricity --reason "new tariff"
    """
    from maintainer.cli.api import Api

    with Api(settings()) as api:
        _start(api, model, reason, as_json, detach=detach)


def _start(api: Any, model: str, reason: str, as_json: bool, bootstrap: bool = False, detach: bool = False) -> None:
    run = api.post(f"/models/{model}/runs", {"reason": reason, "bootstrap": bootstrap})["run"]
    found = api.get(f"/runs/{run}") if detach else api.follow(run)
    say.answer(found, as_json, _tell_end)
    if found["over"] and found["verdict"] != "promoted":
        raise SystemExit(say.NO)


def _tell_end(found: dict[str, Any]) -> None:
    if not found["over"]:
        print(f"run {found['run']} is at {found['phase']}; `maintainer show {found['run']}` follows it")
        return
    print(f"run {found['run']} {found['verdict']}: {found['why']}")
    print(f"report: {found['report']}")


def runs(
    model: Annotated[str | None, typer.Argument(help="One model; all when absent.")] = None, as_json: Json = False
) -> None:
    """List maintenance runs, newest first."""
    from maintainer.cli.api import Api

    with Api(settings()) as api:
        found = api.get("/runs", model=model)
    columns = ["run", "started", "reason", "verdict", "why"]

    def people(_: Any) -> None:
        rows = [
            [r["run"], r["created_at"][:16].replace("T", " "), r["reason"], r["verdict"] or r["phase"], r["why"]]
            for r in found
        ]
        say.table("runs", columns, rows)

    say.answer(found, as_json, people)


def show(run: Run, as_json: Json = False) -> None:
    """Show a run: its journal, its gates and its figures."""
    from maintainer.cli.api import Api

    with Api(settings()) as api:
        found = api.get(f"/runs/{run}")
    say.answer(found, as_json, _tell_run)


def _tell_run(found: dict[str, Any]) -> None:
    print(f"run {found['run']} of {found['model']}: {found['verdict'] or found['phase']}")
    print(f"started {found['created_at'][:19]} because {found['reason']}; champion {found['champion'] or 'none'}")
    for event in found["events"]:
        print(f"  {event['at'][11:19]} {event['phase']:8} {event['kind']:11} {event['note']}")
    findings: list[dict[str, Any]] = found["gate"]["findings"] if found["gate"] else []
    for finding in findings:
        print(f"  gate {finding['gate']}: {finding['verdict']}; {finding['sentence']}")
    print(f"report: {found['report']}")


def rollback(
    model: Model,
    to: Annotated[str | None, typer.Option(help="A version; the one that served before when absent.")] = None,
    as_json: Json = False,
) -> None:
    """Make a former champion serve again, in one rename.

    Example: maintainer rollback electricity --to v0003
    """
    from maintainer.cli.api import Api

    with Api(settings()) as api:
        found = api.post(f"/models/{model}/rollback", {"to": to})
    say.answer(found, as_json, lambda _: print(f"{model}: {found['to']} serves instead of {found['from']}"))


def report(
    name: Annotated[str, typer.Argument(help="A run, a check, or a model (its newest report).")],
    show_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Print the path of an HTML report."""
    from maintainer.cli.api import Api

    with Api(settings()) as api:
        found = api.get(f"/reports/{name}")
    if show_it:
        typer.launch(found["path"])
    say.answer(found, as_json, lambda _: print(found["path"]))
