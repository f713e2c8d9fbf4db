"""Commands that try something with a past run: reproduce, compare."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from maintainer.cli import say
from maintainer.cli.app import Json, settings
from maintainer.cli.runs import Run

LISTED = 10  # tensors and figures that are told


def add_to(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command()(reproduce)
    app.command()(compare)


def reproduce(
    run: Run,
    threads: Annotated[int | None, typer.Option(min=1, max=64, help="Other than the run's own number.")] = None,
    as_json: Json = False,
) -> None:
    """Train a past run again from what was kept of it and compare weights and figures bit by bit; changes nothing.

    Exit status 3 when something differs, 1 when something that the run was made from is gone.

    Example: maintainer reproduce electricity-0007
    """
    from maintainer.cli.api import Api, place

    with Api(settings()) as api:
        found = api.experiment(place("runs", run, "reproduce"), f"reproducing {run}", {"threads": threads})
    say.answer(found, as_json, _tell_reproduced)
    if not found["same"]:
        raise SystemExit(say.NO)


def _tell_reproduced(found: dict[str, Any]) -> None:
    whole = "the same, bit by bit" if found["same"] else "not the same"
    print(f"run {found['run']}: {whole}; it took {found['seconds']:.1f} s, {found['seconds_then']:.1f} s then")
    if not found["challenger"]:
        print("  the run had no challenger: only its figures can be compared")
    for name in ("weights", "importances"):
        if found[name] is not None:
            _tell_tensors(name, found[name])
    if not found["encoder_same"]:
        print("  encoder: another one")
    for figure in found["figures"][:LISTED]:
        then, now = (str(figure[key])[:200] for key in ("then", "now"))
        print(f"  {figure['figure']}: {then} then, {now} now")
    for other in found["circumstances"]:
        print(f"  other circumstances: {other['what']} was {other['then']}, is {other['now']}")
    if not found["same"] and not found["circumstances"]:
        print("  packages, processor and threads are what they were then, as far as that was noted")


def _tell_tensors(name: str, found: dict[str, Any]) -> None:
    print(f"  {name}: {found['tensors']} tensors, sha256 {found['then'][:16]} then, {found['now'][:16]} now")
    for one in found["different"][:LISTED]:
        far = one["largest_difference"]
        print(f"    {one['tensor']}: " + ("another shape, or not there" if far is None else f"up to {far:.3g} apart"))


def compare(run: Run, as_json: Json = False) -> None:
    """Train finetune, replay, scratch and frontier on what a past run learned from: was anti-forgetting worth it?

    Champion and journal stay as they are; the page lies beside the other reports.

    Example: maintainer compare electricity-0007
    """
    from maintainer.cli.api import Api, place

    with Api(settings()) as api:
        found = api.experiment(place("runs", run, "compare"), f"comparing strategies on the data of {run}", {})
    say.answer(found, as_json, _tell_compared)


def _tell_compared(found: dict[str, Any]) -> None:
    rows = [[f"{found['champion']} (champion)", *_told(found["new"], found["former"]), ""]]
    for one in found["tried"]:
        stays = one["new"] is None
        told = _told(found["new"], found["former"]) if stays else _told(one["new"], one["former"])
        rows.append([f"{one['strategy']}{' (no challenger)' if stays else ''}", *told, f"{one['seconds']:.1f}"])
    columns = ["strategy", f"{found['metric']} new", "former", "flips new", "flips former", "seconds"]
    say.table(f"strategies on the data of {found['run']}", columns, rows)
    print(found["answer"])
    print(f"report: {found['report']}")


def _told(new: dict[str, Any] | None, former: dict[str, Any] | None) -> list[str]:
    values = [None if one is None else one["value"] for one in (new, former)]
    flips = [None if one is None else one["flips"] for one in (new, former)]
    shown = ["-" if value is None else f"{value:.4f}" for value in values]
    return shown + ["-" if flip is None else f"{100 * flip:.2f} %" for flip in flips]
