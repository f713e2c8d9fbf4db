"""Commands about the service: run, status, doctor."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from maintainer.cli import say
from maintainer.cli.app import Json, settings
from maintainer.errors import UnreadableError


def add_to(app: typer.Typer) -> None:
    """Add the commands to the root."""
    for command in (run, status, doctor):
        app.command()(command)


def run(
    once: Annotated[bool, typer.Option("--once", help="Do what is due now and stop.")] = False,
    as_json: Json = False,
) -> None:
    """Run the daemon in the foreground: inboxes, checks, runs and the API for the other commands.

    Example: maintainer run            (systemd: see systemd/maintainer.service)
    """
    import logging

    held = settings()
    logging.basicConfig(level=held.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if once:
        _once(as_json)
        return
    from maintainer.daemon.service import Service
    from maintainer.web.app import create_app

    Service(held, create_app).run()


def _once(as_json: bool) -> None:
    import signal

    from maintainer.daemon.context import Context
    from maintainer.daemon.operations import Operations
    from maintainer.daemon.service import utc_now
    from maintainer.store.owner import Owner

    held = settings()
    with Owner(held.state):
        context = Context.open(held, utc_now)
        for number in (signal.SIGTERM, signal.SIGINT):  # what is under way is paused, as by the daemon
            signal.signal(number, lambda _number, _frame: context.stopping.set())
        try:
            sentences = Operations(context).tick()
        finally:
            context.close()
    say.answer({"done": sentences}, as_json, lambda found: print("\n".join(found["done"]) or "nothing was due"))


def status(
    model: Annotated[str | None, typer.Argument(help="One model; all when absent.")] = None, as_json: Json = False
) -> None:
    """Say what is watched, what is due and what is wrong.

    Example: maintainer status electricity
    """
    from maintainer.cli.api import Api, place

    with Api(settings()) as api:
        if model is None:
            say.answer(api.get("/status"), as_json, _tell_overview)
        else:
            say.answer(api.get(place("models", model)), as_json, _tell_model)


def _tell_overview(found: dict[str, Any]) -> None:
    rows = [
        [m["model"], m.get("champion"), m.get("samples"), m.get("labels"), m.get("quarantined"), _last(m), _next(m)]
        for m in found["models"]
    ]
    say.table("models", ["model", "champion", "samples", "labels", "quarantined", "last check", "next check"], rows)
    for one in found["models"]:
        for note in one.get("inbox", []):
            print(f"inbox of {one['model']}: {note}")
    for problem in found["policy_problems"]:
        print(f"policy: {problem}")


def _last(model: dict[str, Any]) -> str:
    check = model.get("last_check")
    return model.get("problem") or (check["decision"]["reason"] if check else "none yet")


def _next(model: dict[str, Any]) -> str:
    return (model.get("next_check") or "")[:16].replace("T", " ")


def _tell_model(found: dict[str, Any]) -> None:
    for name in ("model", "mode", "champion", "champion_since", "samples", "labels", "quarantined", "next_check"):
        print(f"{name.replace('_', ' '):15} {found[name] if found[name] is not None else '-'}")
    if found["problem"]:
        print(f"{'problem':15} {found['problem']}")
    for problem in found["policy_problems"]:
        print(f"{'policy':15} {problem}")
    for note in found["inbox"]:
        print(f"{'inbox':15} {note}")
    for one in found["waiting_for_labels"]:
        print(f"{'labels':15} {one['labels']} more are waited for: {one['sentence']}")
    if found["waiting_for_labels"]:
        print(f"{'':15} `maintainer label-queue {found['model']}` names the samples most worth one")
    check, last = found["last_check"], found["last_run"]
    if check:
        print(f"{'last check':15} {check['check']} at {check['at'][:16]}: {check['decision']['reason']}")
        for finding in check["findings"]:
            print(f"{'':15} {finding['trigger']} ({finding['state']['mode']}): {finding['sentence']}")
        for one in check["estimates"]:
            print(f"{'':15} estimated {one['name']}: {one['value']:.4f}, {one['mark']}")
    if last:
        print(f"{'last run':15} {last['run']}: {last['verdict'] or last['phase']}; {last['why'] or last['reason']}")


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Do the safe repairs.")] = False, as_json: Json = False
) -> None:
    """Look for what is wrong: databases, disk, permissions, socket, clock, policies, champions; say what to do.

    Exit status 3 when something is wrong. Example: maintainer doctor --repair
    """
    from maintainer.cli.api import Api

    try:
        with Api(settings()) as api:
            done: list[str] = api.post("/doctor/repair")["done"] if repair else []
            found: dict[str, Any] = {"repaired": done, **api.get("/doctor")}
    except UnreadableError as error:  # of control.db, without which there is no app to ask
        finding = {"level": "wrong", "about": "control.db", "found": str(error), "do": ""}
        found = {"repaired": list[str](), "well": False, "findings": [finding]}
    say.answer(found, as_json, _tell_doctor)
    if not found["well"]:
        raise SystemExit(say.NO)


def _tell_doctor(found: dict[str, Any]) -> None:
    for sentence in found["repaired"]:
        print(f"repaired: {sentence}")
    for finding in found["findings"]:
        print(f"{finding['level']:8}{finding['about']}: {finding['found']}")
        if finding["do"]:
            print(f"{'':8}do: {finding['do']}")
