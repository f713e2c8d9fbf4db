"""One check of one model: see, decide, keep, report."""

from __future__ import annotations

from dataclasses import dataclass, replace

from maintainer.daemon import former_checks
from maintainer.daemon.context import Context
from maintainer.daemon.foreseeing import outlook
from maintainer.daemon.reports import report_path
from maintainer.daemon.seeing import gather
from maintainer.daemon.starting import next_run
from maintainer.daemon.subject import Subject
from maintainer.decide.decision import RunFacts, decide, wait
from maintainer.decide.triggers import LIMIT, assess_all, spend
from maintainer.domain.evidence import Decision, Evidence, Finding
from maintainer.domain.metrics import metrics_of
from maintainer.domain.policy import Policy, policy_hash
from maintainer.domain.sample import TaskKind
from maintainer.errors import RefusedError
from maintainer.report.check import CheckView, render_check
from maintainer.report.files import write
from maintainer.store.control import CheckRecord, RunRecord
from maintainer.store.windows import Reader

HISTORY = 60  # former checks whose figures a report shows


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a check."""

    id: str
    evidence: Evidence
    findings: tuple[Finding, ...]
    decision: Decision
    run_id: str | None


def run_check(context: Context, policy: Policy, scheduled: bool) -> Checked:
    """Check a model now, keep what was seen and decided, and write its report.

    A check that is not scheduled starts no run, and the next one does not know of it.

    Raises:
        RefusedError: the model has no champion.
    """
    champion = context.champion(policy.model)
    if champion is None:
        raise RefusedError(f"{policy.model} has no champion yet; `maintainer bootstrap {policy.model}` makes the first")
    now = context.clock()
    subject = Subject(context, policy, champion, Reader(context.database, context.schema(policy), now), now)
    evidence = gather(subject)
    findings = judge(subject, evidence)
    decision = _foreseen(subject, decide(policy, findings, _facts(subject, evidence), now))
    if not scheduled:
        told = f"this check was made by hand; the daemon's next one would start a run, because {decision.reason}"
        decision = replace(decision, start=False, reason=told if decision.start else decision.reason, scheduled=False)
    return _keep(subject, evidence, findings, decision)


def judge(subject: Subject, evidence: Evidence) -> tuple[Finding, ...]:
    """Hold the evidence against every trigger, each with what it remembers from the last check."""
    known = subject.reader.labels_known()
    former = former_checks.states(subject.context.control, subject.policy, subject.champion.version)
    values = {**evidence.values, **limits_of(subject.policy, evidence)}
    return assess_all(subject.policy, values, former, subject.champion.baseline, known)


def limits_of(policy: Policy, evidence: Evidence) -> dict[str, float]:
    """Return the limit of each score's own, by the name that a trigger finds it under."""
    own = {"value": "drift.score.", "missing": "drift.missing.", "unseen": "drift.unseen."}
    found = {f"{own[s.kind]}{s.column}" if s.kind in own else f"drift.{s.kind}": s.limit for s in evidence.scores}
    answer = f"drift.score.{policy.task.prediction}"
    if answer in found:
        found["drift.prediction"] = found[answer]
    return {f"{LIMIT}{name}": limit for name, limit in found.items()}


def _facts(subject: Subject, evidence: Evidence) -> RunFacts:
    runs = subject.context.control.runs(subject.policy.model)
    return RunFacts(
        labels_available=subject.reader.counts(subject.window).labelled,
        run_starts=tuple(run.created_at for run in runs if run.champion is not None),
        running=bool(subject.context.control.open_runs(subject.policy.model)),
        labels_known=subject.reader.labels_known(),
        outlook=former_checks.outlook(subject.context.control, subject.policy, subject.champion.version),
        faults=evidence.faults,
    )


def _foreseen(subject: Subject, decision: Decision) -> Decision:
    """Return the decision to wait in place of one for a run that no challenger could pass, whatever it cost."""
    if not decision.start:
        return decision
    found = outlook(subject.context, subject.policy, subject.champion, subject.reader)
    return wait(decision, found) if found else decision


def _keep(subject: Subject, evidence: Evidence, findings: tuple[Finding, ...], decision: Decision) -> Checked:
    """Keep a check and the run that it starts in one transaction, then write its report."""
    context, policy = subject.context, subject.policy
    former = context.control.checks(policy.model)
    number = former[0].number + 1 if former else 1
    check_id = f"{policy.model}-c{number:06d}"
    run: RunRecord | None = None
    if decision.start:
        run = next_run(context, policy, decision.reason, decision.triggers, check_id)
        findings = tuple(replace(f, state=spend(f.state, run.labels_known)) for f in findings)
    kept = replace(evidence, scores=tuple(replace(score, histogram=None) for score in evidence.scores))
    record = CheckRecord(
        id=check_id,
        model=policy.model,
        number=number,
        happened_at=subject.now,
        policy_hash=policy_hash(policy),
        evidence=former_checks.EVIDENCE.dump_json(kept).decode(),
        findings=former_checks.FINDINGS.dump_json(findings).decode(),
        decision=former_checks.DECISION.dump_json(decision).decode(),
    )
    context.control.add_check(record, run)
    checked = Checked(check_id, evidence, findings, decision, run.id if run else None)
    write(report_path(context.settings, check_id), render_check(_view(subject, checked, record.policy_hash)))
    return checked


def _view(subject: Subject, checked: Checked, digest: str) -> CheckView:
    policy = subject.policy
    main = metrics_of(TaskKind(policy.task.kind))[0]
    past = [
        (record.happened_at, former_checks.values(record))
        for record in reversed(subject.context.control.checks(policy.model, HISTORY))
        if record.id != checked.id
    ]
    return CheckView(
        policy=policy,
        evidence=checked.evidence,
        findings=checked.findings,
        decision=checked.decision,
        check_id=checked.id,
        policy_hash=digest,
        history=tuple((at, values.get("drift.share"), values.get(f"quality.{main}")) for at, values in past),
        baseline=subject.champion.baseline,
    )
