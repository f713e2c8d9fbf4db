"""What everything in the daemon shares: the settings, the two databases, the policies in force, the clock."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from maintainer.compute.jobs import Nursery
from maintainer.compute.warm import Patience, WarmChild, nothing
from maintainer.daemon.notify import Pulse
from maintainer.domain.model import Manifest
from maintainer.domain.policy import Policy, policy_hash, schema_of
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import Schema
from maintainer.errors import MaintainerError, NotFoundError, PolicyError, StoreError
from maintainer.ingest.memory import Memory
from maintainer.monitor.exchange import CalibrationReply
from maintainer.policies import load_folder, marks_of, problems_with
from maintainer.settings import Settings
from maintainer.store import artifacts
from maintainer.store.control import Control
from maintainer.store.database import Database
from maintainer.store.tables import adopt

log = logging.getLogger(__name__)

SAID_AT_MOST = 1000

Marks = frozenset[tuple[str, int, int, int]]  # name, inode, size and time of change of each policy file
Profiled = tuple[dict[str, tuple[float, ...]], dict[str, ColumnCounts], int | None]  # cuts, counts, rows of the sample


@dataclass
class Context:
    """The state of the running program; databases hold the rest."""

    settings: Settings
    clock: Callable[[], datetime]
    control: Control
    database: Database
    warm: WarmChild
    nursery: Nursery
    stopping: threading.Event
    alive: Pulse = field(default_factory=Pulse)  # tells the watchdog that a long wait is only a wait
    policies: dict[str, Policy] = field(default_factory=dict[str, Policy])
    problems: list[str] = field(default_factory=list[str])  # of policy files that are not in force as they stand
    profiles: dict[tuple[str, str, str], Profiled] = field(default_factory=dict[tuple[str, str, str], Profiled])
    calibrations: dict[tuple[str, ...], CalibrationReply] = field(
        default_factory=dict[tuple[str, ...], CalibrationReply]
    )
    adopted: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])  # (model, hash) whose tables fit
    uploads: set[Path] = field(default_factory=set[Path])  # in the spool, in the hands of a request
    inbox: Memory = field(default_factory=Memory)
    _said: set[str] = field(default_factory=set[str])  # errors that the log has
    _read: Marks | None = None  # the policy files as they were when last read
    _adopting: threading.Lock = field(default_factory=threading.Lock)  # the clock and the API meet here

    @classmethod
    def open(cls, settings: Settings, clock: Callable[[], datetime], feed: Callable[[], None] = nothing) -> Context:
        """Open the state directory, of which the caller is the owner; samples.duckdb is opened when first used."""
        for left in (settings.state / "tmp").glob("tmp*"):  # of requests of a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        state, stopping, alive = settings.state, threading.Event(), Pulse(feed)
        patience = Patience(settings.check_timeout_seconds, stopping, alive)
        return cls(
            settings=settings,
            clock=clock,
            control=Control(state / "control.db"),
            database=Database(state / "samples.duckdb", settings.store_memory_mb, settings.store_threads),
            warm=WarmChild("maintainer.daemon.warm", state / "check-worker.log", patience, settings.threads),
            nursery=Nursery(state / "nursery.log", stopping, settings.threads),
            stopping=stopping,
            alive=alive,
        )

    def close(self) -> None:
        """Let go of everything; nothing is lost that was acknowledged."""
        self.stopping.set()
        self.warm.close()
        self.nursery.close()
        self.database.close()
        self.control.close()

    def load_policies(self) -> list[str]:
        """Read the policy folder again if a file in it is another; an invalid edit keeps the former policy in force.

        Return what changed.
        """
        marks = marks_of(self.settings.policies)
        if marks == self._read:
            return []
        found, self.problems = load_folder(self.settings.policies)
        self._read = marks
        changes: list[str] = []
        for model, policy in found.items():
            former, digest = self.policies.get(model), policy_hash(policy)
            if former is None or policy_hash(former) != digest:  # equal policies may differ in the order of features
                changes.append(f"policy of {model} {'replaced' if former else 'adopted'} ({digest[:12]})")
                changes += [f"policy of {model}: {note}" for note in policy.notes()]
                self.policies[model] = policy
        if not self.problems:  # with a broken file in the folder, a missing model may be the broken one
            for model in sorted(self.policies.keys() - found.keys()):
                del self.policies[model]
                changes.append(f"policy of {model} withdrawn: its file is gone")
        return changes

    def doubt_policies(self) -> None:
        """Have the policy files read again at the next look, whatever their marks say."""
        self._read = None

    def policy(self, model: str) -> Policy:
        """Return the policy in force of a model, its tables fitting.

        Raises:
            NotFoundError: no such model.
            PolicyError: its file is invalid and there is no former policy.
        """
        if model not in self.policies:
            self.load_policies()
        if model not in self.policies:
            if about := problems_with(model, self.problems):
                raise PolicyError(about)
            have = ", ".join(sorted(self.policies)) or "none"
            raise NotFoundError(f"no policy for model {model!r} in {self.settings.policies}; it has {have}")
        policy = self.policies[model]
        mark = (model, policy_hash(policy))
        if mark not in self.adopted:
            with self.busy(), self._adopting:
                if mark not in self.adopted:
                    self._adopt(policy, mark[1])
                    self.adopted.add(mark)
        return policy

    def _adopt(self, policy: Policy, digest: str) -> None:
        self.control.adopt_policy(digest, policy.model, policy.model_dump_json(by_alias=True), self.clock())
        for sentence in adopt(self.database, schema_of(policy)):
            log.info("%s", sentence)

    def model_dir(self, model: str) -> Path:
        """Return where a model's versions lie."""
        return self.settings.models_dir(model)

    def champion(self, model: str) -> Manifest | None:
        """Return the manifest of the version that serves; None before bootstrap."""
        version = artifacts.champion_of(self.model_dir(model))
        return None if version is None else artifacts.read_manifest(self.model_dir(model) / "versions" / version)

    def busy(self) -> AbstractContextManager[None]:
        """Tell the watchdog, while the tick waits in the block, that it is no hang; for an hour at most."""
        return self.alive.busy()

    def scratch(self) -> Path:
        """Return the folder for files that live as long as one request."""
        folder = self.settings.state / "tmp"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{folder} cannot be made: {error.strerror or error}") from error
        return folder

    def schema(self, policy: Policy) -> Schema:
        """Return the schema of a model with the classes that its policy names."""
        return schema_of(policy, policy.task.classes)

    def said(self, error: MaintainerError) -> str:
        """Log an error that the daemon survives, once if it is met at every tick, and return its sentence."""
        if str(error) not in self._said:
            log.warning("%s", error)
        if len(self._said) > SAID_AT_MOST:
            self._said.clear()
        self._said.add(str(error))
        return str(error)
