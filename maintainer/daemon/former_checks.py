"""What former checks left behind, as far as it can still be read."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from maintainer.domain.evidence import Decision, Evidence, Finding, Outlook, TriggerState
from maintainer.domain.kinds import Diagnosis
from maintainer.domain.policy import Policy, policy_hash
from maintainer.errors import NotFoundError, StoreError
from maintainer.store.control import CheckRecord, Control, RunRecord

log = logging.getLogger(__name__)

DECISION = TypeAdapter(Decision)
EVIDENCE = TypeAdapter(Evidence)
FINDINGS = TypeAdapter(tuple[Finding, ...])


def states(control: Control, policy: Policy, champion: str) -> dict[str, TriggerState]:
    """Return the triggers' states after the last scheduled check of a champion (the name of its version).

    A trigger that was defined otherwise then begins anew, under a new champion all do. So do they after a check that
    cannot be read: what was kept of it must not keep the next one from being made.
    """
    last = control.scheduled_check(policy.model)
    if last is None:
        return {}
    try:
        seen, findings = evidence_of(last), FINDINGS.validate_json(last.findings)
    except (StoreError, ValidationError) as error:
        log.warning("the triggers of %s begin anew: %s", policy.model, error)
        return {}
    if seen.version != champion:
        return {}
    same = _same_triggers(policy, control.policy(last.policy_hash))
    return {finding.trigger: finding.state for finding in findings if finding.trigger in same}


def outlook(control: Control, policy: Policy, champion: str) -> Outlook | None:
    """Return what the last scheduled check waits for, where a run could not have passed its gates.

    None under another champion or another policy, of which nobody knows yet, and after a check that cannot be read.
    """
    last = control.scheduled_check(policy.model)
    if last is None or last.policy_hash != policy_hash(policy):
        return None
    try:
        seen, decision = evidence_of(last), DECISION.validate_json(last.decision)
    except (StoreError, ValidationError) as error:
        log.warning("what %s waits for is looked at anew: %s", policy.model, error)
        return None
    return decision.outlook if seen.version == champion else None


def _same_triggers(policy: Policy, former: str) -> set[str]:
    """Return the names of the triggers that are defined as in a kept policy (JSON)."""
    now = policy.model_dump(mode="json", by_alias=True)["triggers"]
    before = json.loads(former)["triggers"]
    return {trigger["name"] for trigger in now if trigger in before}


def evidence_of(record: CheckRecord) -> Evidence:
    """Return the evidence that was kept of a check.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        return EVIDENCE.validate_json(record.evidence)
    except ValidationError as error:
        raise StoreError(f"the evidence of check {record.id} cannot be read: {error}") from error


def values(record: CheckRecord) -> Mapping[str, float]:
    """Return the figures of a former check; none where what was kept of it cannot be read."""
    try:
        return evidence_of(record).values
    except StoreError:
        return {}


def diagnosis_of(control: Control, run: RunRecord) -> Diagnosis | None:
    """Return what the check that started a run took the drift for; None without a check, or one that can be read."""
    if run.check_id is None:
        return None
    try:
        return evidence_of(control.check(run.check_id)).diagnosis
    except (NotFoundError, StoreError) as error:
        log.warning("run %s goes on without knowing the kind of drift: %s", run.id, error)
        return None
