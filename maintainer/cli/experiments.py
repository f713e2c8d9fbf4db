"""Commands that try something with a past run: reproduce."""

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
