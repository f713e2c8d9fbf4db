"""From the findings of a check to the decision: start a run, or not, and why in one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from maintainer.domain.evidence import Decision, Finding, Outlook, TriggerMode
from maintainer.domain.kinds import ColumnFault
from maintainer.domain.policy import Policy
from maintainer.domain.values import format_duration

LOOKS = 4  # within the length of a window, at the gates that nobody could pass


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a decision must know beside the evidence."""

    labels_available: int  # usable labelled samples
    run_starts: tuple[datetime, ...]  # aware; of former runs, in any order
    running: bool  # a run of this model is going on
    champion: bool = True  # there is one
    labels_known: int = 0  # labels that have ever arrived
    outlook: Outlook | None = None  # of the last check, where a run could not have passed its gates
    faults: tuple[ColumnFault, ...] = ()  # columns that look broken now


def decide(policy: Policy, findings: Iterable[Finding], facts: RunFacts, now: datetime) -> Decision:
    """Return whether to start a run now (aware); the order of the findings does not matter.

    A fired trigger that lacks labels, or meets the cool-down or the budget, waits: the reason says for what, with
    numbers, and until when. What it waits for goes with the decision, so that the next check knows of it.
    """
    known = list(findings)
    fired = tuple(sorted(f.trigger for f in known if f.state.mode is TriggerMode.FIRED))
    if not facts.champion:
        return Decision(False, "There is no champion yet: bootstrap makes the first.", fired)
    if not fired:
        return Decision(False, _calm(known))
    who = f"{_listed(fired)} fired"
    if facts.running:
        return Decision(False, f"{who}, but a run is going on already.", fired)
    waits = " and ".join(_obstacles(policy, facts, now))
    if policy.mode == "observe":
        would = f"would wait for {waits}" if waits else "would start a run now"
        return Decision(False, f"{who}, but the mode is observe: nothing starts; in mode auto it {would}.", fired)
    if waits:
        return Decision(False, f"{who}, but waits for {waits}.", fired, outlook=facts.outlook)
    return Decision(True, f"{who}: {'; '.join(_sentences(known, fired))}.", fired)


def wait(decision: Decision, outlook: Outlook) -> Decision:
    """Return the decision to wait where a run would start that no challenger could pass."""
    who = f"{_listed(decision.triggers)} fired"
    return Decision(False, f"{who}, but waits for labels: {outlook.reason}.", decision.triggers, outlook=outlook)


def _calm(findings: list[Finding]) -> str:
    spent = sorted(f.trigger for f in findings if f.state.mode is TriggerMode.SPENT)
    if not spent:
        return "No trigger has fired." if findings else "The policy has no triggers."
    return f"No trigger has fired anew: a run was started for {_listed(tuple(spent))}, and nothing new has come since."


def _obstacles(policy: Policy, facts: RunFacts, now: datetime) -> list[str]:
    found = (
        _fault(facts),
        _labels(policy, facts) or _gates(policy, facts, now),
        _cooldown(policy, facts, now),
        _budget(policy, facts, now),
    )
    return [words for words in found if words]


def _fault(facts: RunFacts) -> str:
    """Return why nothing should be learned before a person has looked, whatever has fired."""
    if not facts.faults:
        return ""
    columns = [fault.column for fault in facts.faults]
    looks = "looks like a data fault" if len(columns) == 1 else "look like data faults"
    said = "; ".join(fault.sentence for fault in facts.faults)
    return f"a person, because {_listed(tuple(columns))} {looks} ({said}); `maintainer train` starts a run all the same"


def _labels(policy: Policy, facts: RunFacts) -> str:
    needed = policy.run.needs.labels
    if facts.labels_available >= needed:
        return ""
    return f"labels ({facts.labels_available} of the {needed} needed)"


def _gates(policy: Policy, facts: RunFacts, now: datetime) -> str:
    """Return what is missing before it is worth to look again whether a challenger could pass the gates."""
    seen = facts.outlook
    if seen is None or still_missing(policy, seen, facts.labels_known, now) == 0:
        return ""
    come = facts.labels_known - seen.labels_known
    return f"labels ({come} of about {seen.labels_wanted} have come since {_moment(seen.at)}: {seen.reason})"


def still_missing(policy: Policy, seen: Outlook, labels_known: int, now: datetime) -> int:
    """Return how many labels an outlook still waits for; 0 when it is worth another look.

    That is so when the labels have come that it asked for, or a quarter of the window has passed: samples have become
    former ones meanwhile, or the champion has other ones wrong. Before that the answer would be the same.
    """
    moved = now >= seen.at + policy.checks.window.last / LOOKS
    return 0 if moved else max(0, seen.labels_known + seen.labels_wanted - labels_known)


def _cooldown(policy: Policy, facts: RunFacts, now: datetime) -> str:
    """Return what is left of the cool-down: a run may start `cooldown` after the last start, not before."""
    last = max(facts.run_starts, default=None)
    if last is None or now >= last + policy.run.cooldown:
        return ""
    span = format_duration(policy.run.cooldown)
    return f"the cool-down of {span} until {_moment(last + policy.run.cooldown)} (last run {_moment(last)})"


def _budget(policy: Policy, facts: RunFacts, now: datetime) -> str:
    """Return how the budget is spent: in the half-open span (now - per, now] fewer than `runs` may have started."""
    budget = policy.run.budget
    recent = sorted(start for start in facts.run_starts if start > now - budget.per)
    if len(recent) < budget.runs:
        return ""
    until = recent[len(recent) - budget.runs] + budget.per
    return f"the budget ({len(recent)} of {budget.runs} runs per {format_duration(budget.per)}) until {_moment(until)}"


def _sentences(findings: list[Finding], fired: tuple[str, ...]) -> list[str]:
    known = sorted(findings, key=lambda f: f.trigger)
    return [f.sentence.removesuffix(", fired") for f in known if f.trigger in fired]


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
