"""What a check is about: a model, its champion, and the spans of time that it is looked at in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from maintainer.daemon.context import Context
from maintainer.domain.model import Manifest
from maintainer.domain.policy import Policy
from maintainer.domain.sample import Window
from maintainer.store.windows import Reader


@dataclass(frozen=True, slots=True)
class Subject:
    """A model at the moment of its check."""

    context: Context
    policy: Policy
    champion: Manifest
    reader: Reader
    now: datetime

    @property
    def window(self) -> Window:
        """Return the window that is looked at: what is in it is counted."""
        return Window.before(self.now, self.policy.checks.window.last)

    @property
    def reference(self) -> Window:
        """Return the span of the samples that the champion was trained and held out on."""
        return Window(self.champion.trained.start, self.champion.held_out.end)

    @property
    def current(self) -> Window:
        """Return the part of the window after the reference, which it is compared with."""
        return self._since(self.champion.held_out.end)

    @property
    def unlearned(self) -> Window:
        """Return the part of the window that the champion has not learned from, where its quality is measured."""
        return self._since(self.champion.trained.end)

    @property
    def version_dir(self) -> Path:
        """Return where the champion lies."""
        return self.context.model_dir(self.policy.model) / "versions" / self.champion.version

    def _since(self, moment: datetime) -> Window:
        return Window(min(max(self.window.start, moment), self.window.end), self.window.end)


def fill_answers(subject: Subject, window: Window, chances: bool = False) -> None:
    """Have the champion answer samples of a window that it has no logged answer to.

    With `chances` those too whose answer was logged without its probabilities.
    """
    most = subject.policy.checks.window.max_samples
    with TemporaryDirectory(dir=subject.context.scratch()) as folder:
        samples, answers = Path(folder) / "samples.parquet", Path(folder) / "answers.parquet"
        if subject.reader.unanswered(window, subject.champion.version, most, samples, chances):
            request = {"version": str(subject.version_dir), "samples": str(samples), "answers": str(answers)}
            subject.context.warm.ask("answer", request)
            subject.reader.add_answers(subject.champion.version, answers)
