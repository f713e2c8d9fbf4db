"""What one check sees: both windows profiled in DuckDB, compared in the warm worker, quality against late labels."""

from __future__ import annotations

from dataclasses import replace

from maintainer.daemon.calibrating import calibrated
from maintainer.daemon.context import Profiled
from maintainer.daemon.kinds import NOTHING, Looked, Sides, told
from maintainer.daemon.measuring import least_labels, measured, wants_chances
from maintainer.daemon.subject import Subject, fill_answers
from maintainer.domain.evidence import Evidence
from maintainer.domain.policy import policy_hash
from maintainer.domain.sample import Column, Window
from maintainer.monitor.check import Seen, assemble, requests
from maintainer.monitor.exchange import DriftReply
from maintainer.store.database import Connection
from maintainer.store.profile import Sampled, edges, profile


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
    if reader.samples(subject.unlearned) >= least_labels(policy):
        fill_answers(subject, subject.unlearned, wants_chances(policy))
    reply, sides = None, NOTHING
    if seen.current_rows >= policy.checks.window.min_samples and seen.reference_rows:
        fill_answers(subject, subject.reference)
        seen, reply, sides = _compare(subject, seen)
    evidence = assemble(policy, seen, reply, measured(subject))
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
