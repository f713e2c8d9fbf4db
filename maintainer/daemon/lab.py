"""Experiments on past runs that a person asks for: done step by step beside the runs, told while they go on.

An experiment is a generator: each value that it yields is a line of news, and what it returns is the result. Between
two steps the runner's thread is free, so that a run which falls due does not wait for a whole experiment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

from maintainer.errors import MaintainerError, NotFoundError

log = logging.getLogger(__name__)

KEPT = 20  # experiments whose outcome can still be asked for

Work = Generator[str, None, dict[str, Any]]


@dataclass
class Experiment:
    """Where one experiment stands."""

    id: str
    told: list[str] = field(default_factory=list[str])
    result: dict[str, Any] | None = None
    error: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as the API tells it."""
        over = self.result is not None or self.error is not None
        return {"experiment": self.id, "over": over, "told": self.told, "result": self.result, "error": self.error}


class Lab:
    """All experiments of this process; the oldest are forgotten."""

    def __init__(self, runner: Executor | None) -> None:
        self._runner = runner  # the one that does runs; None: at once, here
        self._held: dict[str, Experiment] = {}
        self._number = 0
        self._lock = threading.Lock()

    def begin(self, name: str, work: Work) -> str:
        """Begin an experiment; return the id by which it is asked for."""
        with self._lock:
            self._number += 1
            experiment = Experiment(f"{name}-{self._number}")
            self._held[experiment.id] = experiment
            for old in list(self._held)[:-KEPT]:
                del self._held[old]
        self._go_on(experiment, work)
        return experiment.id

    def look(self, experiment: str) -> dict[str, Any]:
        """Return where an experiment stands.

        Raises:
            NotFoundError: there is none of that id; a daemon that was started again knows of none before.
        """
        if experiment not in self._held:
            raise NotFoundError(f"no experiment {experiment!r}; the daemon was started again, or it is long over")
        return self._held[experiment].document()

    def _go_on(self, experiment: Experiment, work: Work) -> None:
        if self._runner is None:
            while self._step(experiment, work):
                pass
        else:
            self._runner.submit(self._turn, experiment, work)

    def _turn(self, experiment: Experiment, work: Work) -> None:
        if self._step(experiment, work) and self._runner is not None:
            try:
                self._runner.submit(self._turn, experiment, work)
            except RuntimeError:  # the program is stopping: nobody asks any more
                work.close()

    def _step(self, experiment: Experiment, work: Work) -> bool:
        """Do one step; return whether there are more."""
        try:
            experiment.told.append(next(work))
        except StopIteration as end:
            experiment.result = end.value
        except MaintainerError as error:
            experiment.error = str(error)
        except Exception as error:  # a defect: it is told to who asked, the daemon goes on
            log.exception("experiment %s broke", experiment.id)
            experiment.error = f"it broke: {type(error).__name__}: {error}"
        return experiment.result is None and experiment.error is None
