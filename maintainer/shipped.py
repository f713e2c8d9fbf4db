"""The policy files that come with the program: beside the package in a checkout, inside it when installed."""

from __future__ import annotations

from pathlib import Path

from maintainer.errors import NotFoundError


def shipped_policy(name: str) -> str:
    """Return the text of a shipped policy such as template or bike-sharing."""
    package = Path(__file__).parent
    for folder in (package / "shipped_policies", package.parent / "policies"):
        path = folder / f"{name}.yaml"
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise NotFoundError(f"no policy {name!r} comes with this installation")
