"""The root of the command line: global options, commands by topic, errors as one clear line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from maintainer.cli import say
from maintainer.errors import MaintainerError, PolicyError

if TYPE_CHECKING:
    from maintainer.settings import Settings


class Root(TyperGroup):
    """The root command, which says what an interrupt from the keyboard led to."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:  # caught here, as Typer leaves without a word
            say.fail(str(stop) or "interrupted", say.INTERRUPTED)


app = typer.Typer(
    name="maintainer",
    cls=Root,
    help="Keep a model good after it shipped: watch for drift, fine-tune without forgetting, gate, promote, report.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
given: dict[str, Path | None] = {}  # the global options of this call

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on standard output.")]
Model = Annotated[str, typer.Argument(help="Name of a model, as in its policy.")]


def settings() -> Settings:
    """Return the settings of this call."""
    from maintainer.settings import load

    return load(**given)


def _version(wanted: bool) -> None:
    if wanted:
        from maintainer import __version__

        print(f"maintainer {__version__}")
        raise typer.Exit


@app.callback()
def root(
    state: Annotated[Path | None, typer.Option(help="Directory of run-time data. [default: state]")] = None,
    policies: Annotated[Path | None, typer.Option(help="Folder of policy files. [default: policies]")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Take the global options."""
    del version
    given.update(state=state, policies=policies)


def add_commands() -> None:
    """Add the commands of every topic, once."""
    from maintainer.cli import daemon, experiments, models, policies, runs, story

    if not app.registered_commands:
        for topic in (story, policies, daemon, models, runs, experiments):
            topic.add_to(app)


def run() -> None:
    """Parse and run; what was raised on purpose becomes one clear line and an exit status."""
    add_commands()
    try:
        app()
    except PolicyError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        say.fail(f"{len(error.problems)} problem(s) in policy files", say.NO)
    except MaintainerError as error:
        say.fail(str(error))
