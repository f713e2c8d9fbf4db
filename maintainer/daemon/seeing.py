"""What one check sees: both windows profiled in DuckDB, compared in the warm worker, quality against late labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from maintainer.daemon.calibrating import calibrated
from maintainer.daemon.context import Context, Profiled
from maintainer.daemon.kinds import NOTHING, Looked, Sides, told
from maintainer.domain.evidence import Evidence
from maintainer.domain.model import Manifest
from maintainer.domain.policy import Policy, policy_hash
from maintainer.domain.sample import Column, Window
from maintainer.monitor.check import Measured, Seen, assemble, quality, requests
from maintainer.monitor.exchange import DriftReply
from maintainer.store.database import Connection
from maintainer.store.profile import Sampled, edges, profile
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


def gather(subject: Subject) -> Evidence:
    """Measure everything that the policy's triggers may look at."""
    reader, policy = subject.reader, subject.policy
    seen = Seen(
        version=subject.champion.version,
        at=subject.now,
        reference=subject.reference,
        current=subject.current,
        reference_rows=reader.samples(subject.reference),
        current_rows=reader.samples(subject.current),
        facts=_counted(subject),
    )
    if reader.samples(subject.unlearned) >= _least_labels(policy):
        _fill_answers(subject, subject.unlearned)
    reply, sides = None, NOTHING
    if seen.current_rows >= policy.checks.window.min_samples and seen.reference_rows:
        _fill_answers(subject, subject.reference)
        seen, reply, sides = _compare(subject, seen)
    evidence = assemble(policy, seen, reply, _quality(subject))
    return told(Looked(subject.context, policy, subject.champion, reader, evidence, *sides))


def _counted(subject: Subject) -> dict[str, float]:
    reader, control = subject.reader, subject.context.control
    counts = reader.counts(subject.window)
    former = control.runs(subject.policy.model, limit=1)
    last = former[0] if former else None
    total = counts.samples + counts.quarantined
    values = {
        "labels.new": float(reader.labels_known() - (last.labels_known if last else 0)),
        "samples.new": float(reader.samples_since(last.created_at) if last else counts.samples),
        "champion.age": (subject.now - subject.champion.created_at).total_seconds(),
    }
    if counts.samples:
        values["labels.coverage"] = counts.labelled / counts.samples
    if total:
        values["contract.quarantine_share"] = counts.quarantined / total
    if counts.label_delay_seconds is not None:
        values["labels.delay"] = counts.label_delay_seconds
    return values


def _fill_answers(subject: Subject, window: Window) -> None:
    """Have the champion answer samples of a window that it has no logged answer to."""
    most = subject.policy.checks.window.max_samples
    with TemporaryDirectory(dir=subject.context.scratch()) as folder:
        samples, answers = Path(folder) / "samples.parquet", Path(folder) / "answers.parquet"
        if subject.reader.unanswered(window, subject.champion.version, most, samples):
            request = {"version": str(subject.version_dir), "samples": str(samples), "answers": str(answers)}
            subject.context.warm.ask("answer", request)
            subject.reader.add_answers(subject.champion.version, answers)


def _compare(subject: Subject, seen: Seen) -> tuple[Seen, DriftReply | None, Sides]:
    cuts, reference, sample_rows = _reference_profile(subject)
    with subject.context.database.reading() as db:
        drawn = _sampled(db, subject, subject.current)
        current = profile(db, drawn.relation_sql, [], _columns(subject), cuts)
    seen = replace(seen, sample_rows=_kept(drawn), reference_sample_rows=sample_rows)
    seen = replace(seen, calibrated=calibrated(subject.context, subject.policy, subject.reader, seen))
    request = requests(subject.policy, seen, reference, current)
    if request is None:
        return seen, None, NOTHING
    reply = DriftReply.model_validate(subject.context.warm.ask("drift", request.model_dump(mode="json")))
    return seen, reply, (reference, current)


def _sampled(db: Connection, subject: Subject, window: Window) -> Sampled:
    most = subject.policy.checks.window.max_samples
    return subject.reader.drawn(db, window, subject.champion.version, most)


def _reference_profile(subject: Subject) -> Profiled:
    """Return the reference's cuts, counts and sample; computed once for a champion and a policy."""
    key = (subject.policy.model, subject.champion.version, policy_hash(subject.policy))
    known = subject.context.profiles.get(key)
    if known is None:
        columns = _columns(subject)
        with subject.context.database.reading() as db:
            drawn = _sampled(db, subject, subject.reference)
            cuts = dict(edges(db, drawn.relation_sql, [], columns))
            known = (cuts, profile(db, drawn.relation_sql, [], columns, cuts), _kept(drawn))
        for stale in [k for k in subject.context.profiles if k[0] == key[0]]:
            del subject.context.profiles[stale]
        subject.context.profiles[key] = known
    return known


def _kept(drawn: Sampled) -> int | None:
    """Return the rows of a sample; None where the window was read whole."""
    return drawn.kept if drawn.kept < drawn.rows else None


def _columns(subject: Subject) -> tuple[Column, ...]:
    schema = subject.reader.schema
    return (*schema.compared, Column(schema.prediction, schema.answer_kind))


def _least_labels(policy: Policy) -> int:
    """Return how many answered samples with a label it takes to measure quality."""
    return min(policy.checks.window.min_samples, policy.run.needs.labels)


def _quality(subject: Subject) -> Measured:
    """Measure the champion on labelled samples of the window that it has not learned from."""
    policy, span = subject.policy, subject.unlearned
    answered = subject.reader.answered(span, subject.champion.version, policy.checks.window.max_samples)
    least = _least_labels(policy)
    if answered.labels.size < least:
        note = f"quality not measured: {answered.labels.size} answered samples have a label, {least} wanted"
        return Measured(notes=(note,), window=span)
    return replace(quality(policy, answered.labels, answered.answers), window=span)
