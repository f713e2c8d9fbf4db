"""What an operator types; every command is a client of the API, over the daemon's socket or in this process."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from maintainer.cli.app import run

    run()
