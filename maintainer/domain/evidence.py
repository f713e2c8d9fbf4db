"""All the numbers a decision may look at, and one value held against one limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from maintainer.domain.kinds import ColumnFault, Diagnosis, Together
from maintainer.domain.sample import Window


@dataclass(frozen=True, slots=True)
class Histogram:
    """How one column is spread in a window, for a chart: counts between neighbouring edges or per category."""

    labels: tuple[str, ...]  # k categories, or k bin names
    reference: tuple[float, ...]  # k shares of the reference window, summing to 1
    current: tuple[float, ...]  # k shares of the current window


@dataclass(frozen=True, slots=True)
class DriftScore:
    """How different a column is now from the reference; higher is more different."""

    column: str
    kind: (
        str  # "value": the distribution of what is there; "missing": the share of what is not; "unseen": of new values;
    )
    # "label": the distribution of labels; "vocabulary": of a text's words
    method: str
    score: float
    threshold: float
    histogram: Histogram | None = None
    floor: float = 0.0  # what two windows of one distribution and of these sizes hardly ever score
    usual: tuple[float, float] | None = None  # median and 95 % quantile of stable data, where calibrated

    @property
    def limit(self) -> float:
        """Return what the score must pass to be drift: the threshold, and more where chance alone passes that."""
        return max(self.threshold, self.floor * (1.0 + 1e-9))  # the floor is computed by another way than the score

    @property
    def drifted(self) -> bool:
        """Return whether the score is past its limit."""
        return self.score > self.limit


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the thresholds of a check were found; see `monitor/calibrate.py`."""

    level: float  # probability that stable data pass the threshold of one score in one check
    alarms: float  # expected of stable data in the period
    seconds: float  # the period
    block_seconds: float  # longest span that rows were drawn together in


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of quality on n labelled samples."""

    name: str
    value: float
    n: int
    lower: float | None = None  # None: no bound is known
    upper: float | None = None
    confidence: float = 0.95  # that the true figure lies between both


BLIND = "blind to concept drift"  # what an estimate without labels always is


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a figure of quality is estimated to be, from probabilities alone, before labels come."""

    name: str
    value: float
    lower: float  # at 95 % confidence, if labels still depend on inputs as they did
    upper: float
    n: int  # answers that were looked at
    labelled: int  # former answers with a label that their probabilities were calibrated on
    window: Window
    mark: str = BLIND


@dataclass(frozen=True, slots=True)
class Reckoned:
    """An estimate of a former check beside what its window turned out to be, as far as labels came."""

    at: datetime  # of that check
    version: str
    estimate: Estimate
    realised: Metric | None = None  # None: too few of the window have a label yet

    @property
    def error(self) -> float | None:
        """Return how far the estimate was too high; None while that is not known."""
        return None if self.realised is None else self.estimate.value - self.realised.value


@dataclass(frozen=True, slots=True)
class Change:
    """When the errors of a champion became more, or fewer."""

    at: datetime  # event time of the first error after it
    noticed: datetime  # event time of the error at which it was found
    before: float  # share of wrong answers, or median absolute error, since the change before
    after: float  # until the change after, or now
    n_before: int
    n_after: int

    @property
    def size(self) -> float:
        """Return how much greater the error became."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one check saw: `values` maps evidence names of the policy to numbers; a name without data is absent."""

    model: str
    version: str
    at: datetime
    reference: Window
    current: Window
    reference_rows: int
    current_rows: int
    values: Mapping[str, float] = field(default_factory=dict[str, float])
    scores: tuple[DriftScore, ...] = ()
    metrics: tuple[Metric, ...] = ()
    notes: tuple[str, ...] = ()  # what could not be measured, and why
    sample_rows: int | None = None  # rows of the uniform sample of the current window where one was drawn
    sample_error: float | None = None  # its Dvoretzky-Kiefer-Wolfowitz bound, at 95 % for all columns and both windows
    reference_sample_rows: int | None = None
    reference_sample_error: float | None = None
    unlearned: Window | None = None  # where quality was measured
    calibration: Calibration | None = None  # of the thresholds `auto`
    together: tuple[Together, ...] = ()  # comparisons of whole rows
    faults: tuple[ColumnFault, ...] = ()  # columns that look broken
    diagnosis: Diagnosis | None = None  # None: nothing was compared
    estimates: tuple[Estimate, ...] = ()
    reckoned: tuple[Reckoned, ...] = ()  # estimates of former checks, the newest first
    changes: tuple[Change, ...] = ()  # of the champion's error, oldest first


class TriggerMode(StrEnum):
    """Where a trigger stands."""

    QUIET = "quiet"
    FIRED = "fired"  # its rule holds, no run was started for it yet
    SPENT = "spent"  # a run was started for it; quiet again once its metric clears


@dataclass(frozen=True, slots=True)
class TriggerState:
    """What a trigger remembers from check to check."""

    mode: TriggerMode = TriggerMode.QUIET
    recent: tuple[bool, ...] = ()  # whether each of the last n checks held, oldest first
    labels_at_run: int = 0  # labels known when its run started


@dataclass(frozen=True, slots=True)
class Finding:
    """One trigger's metric against its limit in one check."""

    trigger: str
    metric: str
    value: float | None  # None: no data
    limit: float
    holds: bool  # the limit is passed in this check
    state: TriggerState
    sentence: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """Why no challenger could pass the gates, as it was seen at a moment, and what it takes to look again."""

    reason: str
    at: datetime
    labels_known: int  # labels that had ever arrived by then
    labels_wanted: int  # more of them, at least one


@dataclass(frozen=True, slots=True)
class Decision:
    """What a check leads to: start a run, or not, and why in words."""

    start: bool
    reason: str
    triggers: tuple[str, ...] = ()
    scheduled: bool = True  # by the clock; a check that a person asks for moves neither the schedule nor a trigger
    outlook: Outlook | None = None  # what the fired triggers wait for, where a run could not pass its gates
