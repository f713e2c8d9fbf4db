"""Every error raised on purpose: one root, one class per reaction of the caller."""

from __future__ import annotations


class MaintainerError(Exception):
    """The root: its message names the thing, what was found and what was wanted."""


class PolicyError(MaintainerError):
    """One or more policy files are invalid; `problems` holds one line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SettingsError(MaintainerError):
    """The settings cannot be used as they are."""


class NotFoundError(MaintainerError):
    """What was asked for by name (a model, a run, a version, a file) does not exist."""


class RefusedError(MaintainerError):
    """The request is understood and cannot be done in the present state."""


class InputError(MaintainerError):
    """A file or a body from outside cannot be read as what it should be."""


class StoreError(MaintainerError):
    """A database or the disk under it does not answer; nothing was half-written."""


class BusyError(StoreError):
    """Another process owns the database."""


class NewerError(StoreError):
    """A database was written by a newer version of the program."""


class UnreadableError(StoreError):
    """What is stored cannot be read, or not in this way: waiting alone does not mend it."""


class ChildError(MaintainerError):
    """A child process ended without a result: it died, hung or ran out of memory."""


class InterruptedRunError(MaintainerError):
    """The work was asked to stop before it was done; it may be taken up again."""
