"""Commands about policy files: init, policy check, policy schema, policy show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from maintainer.cli import say
from maintainer.cli.app import Json, Model, settings
from maintainer.errors import NotFoundError, PolicyError, RefusedError

topic = typer.Typer(help="Check, describe and show policy files.", no_args_is_help=True)

SETTINGS_TOML = """# Settings of maintainer; each can be given as an environment variable too (MAINTAINER_STATE=...).
state = "state"          # run-time data
policies = "policies"    # one YAML file per model
threads = 1              # of a training child
"""


def add_to(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command()(init)
    app.add_typer(topic, name="policy")


def init(
    directory: Annotated[Path, typer.Argument(help="Where to begin; made when it does not exist.")] = Path("."),
    as_json: Json = False,
) -> None:
    """Write a first policy, maintainer.toml and the folders; nothing that exists is touched.

    Example: maintainer init churn && cd churn && maintainer policy check
    """
    from maintainer.shipped import shipped_policy

    wanted = {
        directory / "policies" / "my-model.yaml": shipped_policy("template"),
        directory / "maintainer.toml": SETTINGS_TOML,
    }
    there = [str(path) for path in wanted if path.exists()]
    if there:
        raise RefusedError(f"{', '.join(there)} exists already; wanted a place without")
    try:
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (directory / "state" / "inbox" / "my-model").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RefusedError(f"{error.filename or directory} cannot be made: {error.strerror or error}") from error
    written = [str(path) for path in wanted]
    next_steps = "edit policies/my-model.yaml, then: maintainer policy check; maintainer bootstrap my-model --data FILE"
    say.answer(
        {"written": written, "next": next_steps},
        as_json,
        lambda found: print(*(f"wrote {path}" for path in found["written"]), f"next: {found['next']}", sep="\n"),
    )


@topic.command()
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="Policy files; the policy folder when absent.")] = None,
    as_json: Json = False,
) -> None:
    """Validate policies: all problems at once, with file, line, column and the nearest known word.

    Exit status 3 when there is a problem. Example: maintainer policy check policies/electricity.yaml
    """
    from maintainer.policies import load

    folder = settings().policies
    chosen = files or sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    absent = [str(file) for file in chosen if not file.is_file()]
    if absent:
        raise NotFoundError(f"{', '.join(absent)}: no such file")
    if not chosen:
        raise RefusedError(f"no policy file in {folder}; `maintainer init` writes a first one")
    good: list[str] = []
    problems: list[str] = []
    notes: list[str] = []
    for file in chosen:
        try:
            policy = load(file)
        except PolicyError as error:
            problems += error.problems
        else:
            good.append(policy.model)
            notes += [f"{file}: note: {note}" for note in policy.notes()]
    say.answer({"valid": not problems, "models": good, "problems": problems, "notes": notes}, as_json, _tell_check)
    if problems:
        raise SystemExit(say.NO)


def _tell_check(found: dict[str, Any]) -> None:
    for line in (*found["problems"], *found["notes"]):
        print(line)
    valid = f"{len(found['models'])} valid: {', '.join(found['models']) or 'none'}"
    print(f"{valid}; {len(found['problems'])} problem(s)" if found["problems"] else valid)


@topic.command()
def schema(as_json: Json = False) -> None:
    """Print the JSON Schema of a policy, for editors (# yaml-language-server: $schema=policy.schema.json).

    Example: maintainer policy schema > policy.schema.json
    """
    del as_json  # it is JSON anyway
    from maintainer.policies import json_schema

    say.document(json_schema())


@topic.command()
def show(model: Model, as_json: Json = False) -> None:
    """Print the policy of a model with every default filled in, below what is worth knowing about it.

    Example: maintainer policy show electricity
    """
    from maintainer.policies import load_folder, problems_with, to_yaml

    found, problems = load_folder(settings().policies)
    if model not in found:
        if about := problems_with(model, problems):
            raise PolicyError(about)
        have = ", ".join(sorted(found)) or "none"
        raise RefusedError(f"no policy for {model!r} in {settings().policies}; it has {have}")
    policy = found[model]
    told = "".join(f"# {note}\n" for note in policy.notes())
    say.answer(policy.model_dump(mode="json", by_alias=True), as_json, lambda _: print(told + to_yaml(policy), end=""))
