"""Commands about runs and versions: bootstrap, train, runs, show, rollback, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maintainer.cli import say
from maintainer.cli.app import Json, Model, settings
from maintainer.errors import RefusedError

if TYPE_CHECKING:
    from maintainer.cli.api import Api

Run = Annotated[str, typer.Argument(help="Id of a run, as `maintainer runs` prints it.")]
Detach = Annotated[bool, typer.Option("--detach", help="Do not wait for the end (needs the daemon).")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the root."""
    for command in (bootstrap, train, runs, show, rollback, report):
        app.command()(command)


def bootstrap(
    model: Model,
    data: Annotated[Path | None, typer.Option(help="Labelled samples; what is stored already when absent.")] = None,
    source: Annotated[Path | None, typer.Option("--from", help="A save_pretrained directory to start from.")] = None,
    as_json: Json = False,
) -> None:
    """Make the first champion of a model from labelled data, or from a network that somebody has trained before.

    Without labelled samples that network serves as it is, if its head answers what the policy asks.
    Exit status 3 when its gates reject it, 1 when the run failed or paused.

    Example: maintainer bootstrap electricity --data history.parquet
    """
    from maintainer.cli.api import Api, place

    with Api(settings(), begin=True) as api:
        if source is not None:
            _send_base(api, model, source)
        if data is not None:
            with say.progress(f"samples of {model} from {data}"):
                taken = api.upload(place("models", model, "samples"), data, data.name)
            say.note(f"{data}: {taken['stored']} stored, {taken['labels']} labels, {taken['quarantined']} quarantined")
        _follow(api, _start(api, model, "bootstrap", bootstrap=True), f"maintainer bootstrap {model}", as_json)


def _send_base(api: Api, model: str, folder: Path) -> None:
    from tempfile import TemporaryDirectory

    from maintainer.cli.api import place
    from maintainer.store.bases import pack

    with TemporaryDirectory() as scratch, say.progress(f"what {model} starts from, {folder}"):
        archive = Path(scratch) / "base.tar"
        pack(folder, archive)
        api.upload(place("models", model, "base"), archive, archive.name)


def train(
    model: Model,
    reason: Annotated[str, typer.Option(help="Why, for the report.")] = "asked for by an operator",
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Start a maintenance run now: collect, train, export, gate, promote or not, report.

    Goes on with a run that was paused. Exit status 3 when the challenger is rejected, 1 when the run failed or paused.

    Example: maintainer train electricity --reason "new tariff"
    """
    from maintainer.cli.api import Api, place

    held = settings()
    with Api(held) as api:
        if detach and not api.has_daemon:
            raise RefusedError(f"--detach needs the daemon, and none answers on {held.socket}; `maintainer run` is it")
        run = _start(api, model, reason)
        if detach:
            say.answer(api.get(place("runs", run)), as_json, _tell_end)
        else:
            _follow(api, run, f"maintainer train {model}", as_json)


def _start(api: Api, model: str, reason: str, bootstrap: bool = False) -> str:
    from maintainer.cli.api import place

    started = api.post(place("models", model, "runs"), {"reason": reason, "bootstrap": bootstrap})
    if started["resumed"]:
        say.note(f"run {started['run']} of {model} was paused; it goes on")
    return started["run"]


def _follow(api: Api, run: str, again: str, as_json: bool) -> None:
    """Follow a run and leave with what became of it; without a daemon an interrupt pauses it until `again` is typed."""
    try:
        found = api.follow(run)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_how_it_goes_on(api, run, again)) from None
    if as_json or found["over"]:
        say.answer(found, as_json, _tell_end)
    if not found["over"]:
        last = found["events"][-1]["note"] if found["events"] else "it was not begun"
        say.fail(f"{_how_it_goes_on(api, run, again)}; it stopped at {found['phase']}: {last}")
    if found["verdict"] != "promoted":
        raise SystemExit(say.NO if found["verdict"] == "rejected" else say.ERROR)


def _how_it_goes_on(api: Api, run: str, again: str) -> str:
    if api.has_daemon:
        return f"run {run} goes on in the daemon; `maintainer show {run}` tells of it"
    return f"run {run} is paused; `{again}` or the daemon goes on with it"


def _tell_end(found: dict[str, Any]) -> None:
    if not found["over"]:
        print(f"run {found['run']} is at {found['phase']}; `maintainer show {found['run']}` follows it")
        return
    print(f"run {found['run']} {found['verdict']}: {found['why']}")
    print(f"report: {found['report']}")


def runs(
    model: Annotated[str | None, typer.Argument(help="One model; all when absent.")] = None, as_json: Json = False
) -> None:
    """List maintenance runs, newest first.

    Example: maintainer runs electricity
    """
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
    """Show a run: its journal, its gates and its figures.

    Example: maintainer show electricity-0007
    """
    from maintainer.cli.api import Api, place

    with Api(settings()) as api:
        found = api.get(place("runs", run))
    say.answer(found, as_json, _tell_run)


def _tell_run(found: dict[str, Any]) -> None:
    print(f"run {found['run']} of {found['model']}: {found['verdict'] or found['phase']}")
    print(f"started {found['created_at'][:19]} because {found['reason']}; champion {found['champion'] or 'none'}")
    for event in found["events"]:
        print(f"  {event['at'][11:19]} {event['phase']:8} {event['kind']:11} {event['note']}")
    findings: list[dict[str, Any]] = found["gate"]["findings"] if found["gate"] else []
    for finding in findings:
        print(f"  gate {finding['gate']}: {finding['verdict']}; {finding['sentence']}")
    sliced: dict[str, Any] = found["gate"]["slices"] if found["gate"] else {}
    for holdout, slices in sliced.items():
        print(*say.slices(slices, f"the {holdout} holdout"), sep="\n")
    print(f"report: {found['report']}")


def rollback(
    model: Model,
    to: Annotated[str | None, typer.Option(help="A version; the one that served before when absent.")] = None,
    as_json: Json = False,
) -> None:
    """Make a former champion serve again, in one rename.

    Example: maintainer rollback electricity --to v0003
    """
    from maintainer.cli.api import Api, place

    with Api(settings()) as api:
        found = api.post(place("models", model, "rollback"), {"to": to})
    say.answer(found, as_json, lambda _: print(f"{model}: {found['to']} serves instead of {found['from']}"))


def report(
    name: Annotated[str, typer.Argument(help="A run, a check, or a model (its newest report).")],
    show_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Print the path of an HTML report.

    Example: maintainer report electricity --open
    """
    from maintainer.cli.api import Api, place

    with Api(settings()) as api:
        found = api.get(place("reports", name))
    if show_it:
        typer.launch(found["path"])
    say.answer(found, as_json, lambda _: print(found["path"]))
