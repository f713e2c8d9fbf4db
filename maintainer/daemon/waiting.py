"""Which triggers wait for labels, and for how many."""

from __future__ import annotations

from dataclasses import dataclass

from maintainer.daemon import former_checks
from maintainer.daemon.context import Context
from maintainer.decide.decision import still_missing
from maintainer.domain.evidence import TriggerMode
from maintainer.domain.policy import Policy
from maintainer.domain.sample import Window
from maintainer.store.windows import Reader


@dataclass(frozen=True, slots=True)
class Waiting:
    """A trigger that would start a run if there were more labels."""

    trigger: str
    labels: int  # that are missing
    sentence: str


def waiting(context: Context, policy: Policy, champion: str, reader: Reader) -> list[Waiting]:
    """Return the triggers that had fired at the last scheduled check, or were spent with their rule still holding."""
    needed, known = policy.run.needs.labels, reader.labels_known()
    have = reader.counts(Window.before(context.clock(), policy.checks.window.last)).labelled
    fired = needed - have, f"has fired: {have} of the {needed} labelled samples that a run needs are there"
    seen = former_checks.outlook(context.control, policy, champion)
    if have >= needed and seen is not None:
        come = known - seen.labels_known
        told = f"has fired: {come} of about {seen.labels_wanted} more labels have come: {seen.reason}"
        fired = still_missing(policy, seen, known, context.clock()), told
    found: list[Waiting] = []
    for trigger, state in former_checks.states(context.control, policy, champion).items():
        match state.mode:
            case TriggerMode.FIRED:
                missing, told = fired
            case TriggerMode.SPENT if state.recent[-1:] == (True,):
                come = known - state.labels_at_run
                missing = needed - come
                told = f"still holds after its run: {come} of the {needed} new labels that another run needs have come"
            case _:
                continue
        if missing > 0:
            found.append(Waiting(trigger, missing, f"{trigger} {told}"))
    return found
