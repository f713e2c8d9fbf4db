"""Commands that replay history: backtest and demo."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maintainer.cli import say
from maintainer.cli.app import Json

if TYPE_CHECKING:
    from maintainer.backtest.replay import Plan

Out = Annotated[Path, typer.Option(help="Folder for state, timeline and report; must not hold a backtest yet.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command()(backtest)
    app.command()(demo)


def backtest(
    policy: Annotated[Path, typer.Argument(help="Policy file.")],
    data: Annotated[Path, typer.Option(help="Labelled history (parquet, csv, jsonl) with the policy's columns.")],
    out: Out,
    bootstrap: Annotated[float, typer.Option(help="Share of the history that makes the first champion.")] = 0.2,
    label_delay: Annotated[str, typer.Option(help="How late labels come, such as 3d; needs task.id.")] = "0",
    source: Annotated[Path | None, typer.Option("--from", help="A save_pretrained directory to start from.")] = None,
    as_json: Json = False,
) -> None:
    """Replay history through a policy under a simulated clock: what the daemon would have done, and what it gained.

    Example: maintainer backtest policies/electricity.yaml --data elec2.parquet --out backtest-electricity
    """
    from maintainer.backtest.replay import Plan
    from maintainer.policies import load

    loaded, delay = load(policy), _delay(label_delay)
    text = policy.read_text(encoding="utf-8")
    found = _replay(Plan(loaded, text, data, out, bootstrap, delay, source))
    say.answer(found, as_json, _tell)


def _delay(given: str) -> timedelta:
    from maintainer.domain.policy import parse_duration

    try:
        return timedelta(0) if given == "0" else parse_duration(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--label-delay") from error


def _replay(plan: Plan) -> dict[str, Any]:
    from maintainer.backtest import outcome, replay

    policy = plan.policy
    with say.progress(f"bootstrap of {policy.model} from the first {plan.bootstrap:.0%} of {plan.data.name}"):
        held = replay.prepare(plan)
    if held.stream.unlabelled:
        say.note(f"{held.stream.unlabelled} of the samples have no label: they are left out")
    try:
        total = replay.steps(held)
        with say.progress(f"replaying {total} checks, one every {policy.checks.every}") as tell:
            replay.run(held, _teller(tell, total))
        return outcome.conclude(held)
    finally:
        held.operations.context.close()


def _teller(tell: Any, total: int) -> Any:
    done = 0

    def line(found: Any) -> None:
        nonlocal done
        done += 1
        figures = f"static {found.static:.4g}, maintained {found.maintained:.4g}"
        if found.run is not None:
            tell(f"{found.at:%Y-%m-%d} [{done}/{total}] {figures}; {found.sentence[:300]}")
        elif done % max(total // 20, 1) == 0:
            tell(f"{found.at:%Y-%m-%d} [{done}/{total}] {figures}")

    return line


def _tell(found: dict[str, Any]) -> None:
    better = "higher" if found["higher_is_better"] else "lower"
    samples = f"the {found['scored']} of {found['rows']} samples after the bootstrap"
    print(f"{found['model']}: {found['metric']} on {samples} ({better} is better)")
    for name, words in (
        ("static", "first champion, left alone"),
        ("maintained", "champion in force"),
        ("no_change", "the last label as the answer"),
    ):
        figure = "-" if found[name] is None else f"{found[name]:.4f}"
        print(f"  {name:12} {figure}  {words}")
    print(
        f"  {found['checks']} checks, {found['triggers']} triggered, {found['runs']} runs:"
        f" {found['promotions']} promoted, {found['rejections']} rejected, {found['failures']} failed;"
        f" training took {found['train_seconds']:.1f} s"
    )
    told = (("bwt", "backward transfer"), ("forgetting", "forgetting"), ("negative_flip_rate", "negative flips"))
    for name, words in told:
        if found[name] is not None:
            print(f"  {words}: {found[name]:+.4f}")
    if found["slices"]:
        print(*say.slices(found["slices"], "what was scored"), sep="\n")
    print(f"  report: {found['report']}")


def demo(
    out: Out = Path("demo-out"),
    as_json: Json = False,
) -> None:
    """Tell the whole story on bundled real data: two years of bicycle hire whose demand outgrows the first model.

    Example: maintainer demo --out demo-out
    """
    from maintainer.backtest.replay import Plan
    from maintainer.demo.story import bundled_data, tell_beginning
    from maintainer.policies import load_text
    from maintainer.shipped import shipped_policy

    text = shipped_policy("bike-sharing")
    policy = load_text(text, "bike-sharing.yaml")
    if not as_json:
        say.note(tell_beginning(policy))
    found = _replay(Plan(policy, text, bundled_data(), out))
    say.answer(found, as_json, _tell)
