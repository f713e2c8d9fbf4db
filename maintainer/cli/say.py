"""How commands speak: one JSON document, or lines for people; errors on standard error; exit statuses."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, NoReturn

DONE, ERROR, USAGE, NO, INTERRUPTED = 0, 1, 2, 3, 130


def document(value: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=2, default=str, allow_nan=False))


def answer(value: Any, as_json: bool, people: Callable[[Any], None]) -> None:
    """Print a result as JSON, or the way people read it."""
    (document if as_json else people)(value)


def fail(message: str, status: int = ERROR) -> NoReturn:
    """End with one clear line on standard error."""
    print(f"maintainer: {message}", file=sys.stderr)
    raise SystemExit(status)


def on_terminal() -> bool:
    """Return whether progress may be drawn."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def note(line: str) -> None:
    """Print a line of progress where it does not disturb what is printed as the result."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def progress(what: str) -> Generator[Callable[[str], None]]:
    """Show that something long goes on: a spinner on a terminal, plain lines otherwise; call it with news."""
    if not on_terminal():
        note(f"{what} …")
        yield note
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status(what) as spinner:

        def tell(news: str) -> None:
            console.print(news, markup=False, highlight=False)
            spinner.update(what)

        yield tell


def table(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """Print a table; an empty one says so."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    Console().print(shown if rows else Text(f"{title}: none"))


def slices(found: dict[str, Any], where: str) -> list[str]:
    """Return a line for each slice that is told and large enough to say something, and one for what is left out."""
    large = [one for one in found["shown"] if not one["small"]]
    lines = [f"  slice {one['column']} {one['value']} on {where}: {_slice(found['metric'], one)}" for one in large]
    hidden = len(found["shown"]) - len(large) + found["more"]
    if hidden:
        lines.append(f"  {hidden} more slices on {where}, small ones among them: --json and the report")
    return lines


def _slice(metric: str, one: dict[str, Any]) -> str:
    told = f"{metric} {one['after']:.4g} on {one['n']} samples"
    if one["before"] is None:
        return told
    told = f"{metric} {one['after']:.4g} against {one['before']:.4g} on {one['n']} samples"
    return told if one["interval"] is None else f"{told} (gain {one['interval'][0]:+.4f} to {one['interval'][1]:+.4f})"


def quality(evidence: dict[str, Any]) -> list[str]:
    """Return a line for each figure of quality, for each change of the error, and for each estimate."""
    lines = [f"{m['name']:24} {m['value']:.4f}{_bounds(m)} on {m['n']} labelled samples" for m in evidence["metrics"]]
    lines += [
        f"{'the error changed':24} {c['before']:.4f} to {c['after']:.4f} at {c['at'][:16].replace('T', ' ')}"
        for c in evidence["changes"]
    ]
    lines += [
        f"{'estimated ' + e['name']:24} {e['value']:.4f}{_bounds(e)} on {e['n']} answers, {e['mark']}"
        for e in evidence["estimates"]
    ]
    known = [(r["estimate"], r["realised"]) for r in evidence["reckoned"] if r["realised"] is not None]
    return lines + [
        f"{'was estimated ' + e['name']:24} {e['value']:.4f}, turned out {m['value']:.4f} on {m['n']} labelled samples"
        for e, m in known[:1]
    ]


def _bounds(figure: dict[str, Any]) -> str:
    return "" if figure["lower"] is None else f" ({figure['lower']:.4f} to {figure['upper']:.4f})"
