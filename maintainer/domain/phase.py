"""What passes between the daemon and the children that do a run's heavy phases: one spec in, one result out."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from maintainer.domain.kinds import Diagnosis
from maintainer.domain.model import Span
from maintainer.domain.policy import Policy


class Frozen(BaseModel):
    """A closed, immutable document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Period(Frozen):
    """The samples that judged a version when it was made."""

    version: str
    holdout: str  # the file
    block_seconds: float | None  # see Split


class PhaseSpec(Frozen):
    """Everything a child needs to do one phase; it sees only files."""

    phase: str
    run: str
    version: str  # the name that the challenger will have
    policy: Policy
    classes: tuple[str, ...]  # known before the run; empty at bootstrap: learned from the labels
    inputs: dict[str, str]  # phase -> directory of its output
    champion: str | None  # the champion's version directory; None at bootstrap
    out: str  # exists and is empty; published by the caller in one rename
    threads: int
    keep: str | None = None  # a directory that outlives a killed attempt
    periods: tuple[Period, ...] = ()  # of the champion's line, oldest first, then the run's own; for the gates' page


class CollectResult(Frozen):
    """Which samples a run works with."""

    trained: Span  # event time of train and validation, and of the holdout part that lies among them
    current_holdout: Span  # event time of the newest share, which judges whole; that part is in the same file
    newest_rows: int  # rows of the newest share in that file; its others are that part
    former: Span  # event time of what is rehearsed and of the reference holdout; empty at bootstrap
    memory_from: datetime  # the oldest sample that may be learned from, replay included
    rows: dict[str, int]  # file -> rows
    data_hash: str
    block_seconds: float | None  # see Split
    split: str = "time"  # the rule that gives a sample its part, in words
    drift: Diagnosis | None = None  # what the check that started the run took the drift for; None: a person started it


class FrontierPoint(Frozen):
    """One challenger theta(alpha) = (1 - alpha) champion + alpha tuned, measured on the validation parts."""

    alpha: float
    new: float  # the main metric on new data
    former: float | None  # and on former data; None without any
    inside_budget: bool


class EpochRecord(Frozen):
    """One pass over the new data."""

    epoch: int
    loss: float  # mean training loss of the epoch
    new: float  # main metric on the new validation part
    former: float | None


class Trial(Frozen):
    """One attempt of a search over settings."""

    number: int  # 0 is the policy as it stands
    settings: dict[str, float]  # learning_rate, penalty (a factor of its usual strength), replay_share
    centre: dict[str, float]  # the same of the policy
    unfreeze: str | None = None  # what of a pre-trained network learned, where the search chooses
    score: float | None  # gain on new data, less what former data lost beyond the budget
    outcome: Literal["finished", "given up", "failed"]
    course: tuple[float, ...]  # the main metric after each epoch, more is better
    seconds: float


class Circumstances(Frozen):
    """What the bits of weights depend on beside data, policy, seed and threads."""

    packages: dict[str, str]  # name -> version
    processor: str  # its model, and the instructions that the kernels are chosen by


class CareRow(Frozen):
    """A sample that care of the training data has touched, or wants a person to look at."""

    sample: str  # its id
    part: Literal["new", "former"]
    finding: Literal["leak", "copy", "conflict", "label error", "outlier", "balance"]
    action: Literal["dropped", "clipped", "kept"]
    why: str
    given: str | None = None  # its label
    suggested: str | None = None  # the label that a model of the other samples believes
    score: float | None = None  # how much that model believes the given one, 0 to 1


class CareCount(Frozen):
    """How many samples met a finding and an action."""

    finding: str
    action: str
    rows: int


class Care(Frozen):
    """What was left out of the training data or changed, and why."""

    counts: tuple[CareCount, ...]
    shown: tuple[CareRow, ...]  # the first of each finding
    notes: tuple[str, ...]
    file: str | None  # beside the result, with all of them


class TrainResult(Frozen):
    """How training ended; without a challenger the run is rejected with the reason."""

    challenger: bool
    reason: str
    strategy: str
    metric: str  # name of the main metric
    alpha: float
    frontier: tuple[FrontierPoint, ...]
    epochs: tuple[EpochRecord, ...]
    search: tuple[Trial, ...] = ()
    classes: tuple[str, ...]
    seconds: float
    threads: int
    seed: int
    care: Care | None = None  # None where the policy asks for none
    circumstances: Circumstances | None = None  # None: trained before they were noted


class ExportResult(Frozen):
    """What the exported file is, and how far it is from the model it came from."""

    parity: float  # largest absolute difference between torch and ONNX Runtime, in probability or in label deviations
    rows: int  # rows compared, hostile ones included
    size_bytes: int
    opset: int


class GateVerdict(StrEnum):
    """How a gate came out."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"  # too few samples to say; never let through


class GateFinding(Frozen):
    """One gate: value against limit, with its interval and sample size."""

    gate: str  # its kind, with metric and data where it has them: "superior accuracy on current"
    verdict: GateVerdict
    value: float | None
    limit: float
    interval: tuple[float, float] | None = None
    n: int | None = None
    sentence: str  # in words, for the report


class ClassMoved(Frozen):
    """One class on one holdout: the share of its samples that each model has right, and what flipped."""

    name: str
    n: int
    before: float
    after: float
    negative: float  # share of its samples that were right and are wrong now
    positive: float


class Moved(Frozen):
    """What changed sample by sample on one holdout."""

    n: int
    negative: float  # share that was right and is wrong now
    positive: float  # share that was wrong and is right now
    classes: tuple[ClassMoved, ...] = ()  # those that labels have, for classification


class SliceMoved(Frozen):
    """One slice of the samples: what each model comes to there and what flipped; a bound has 95 % by itself."""

    column: str
    value: str  # a category, a number, or a range of numbers in words
    n: int
    small: bool  # too few samples to conclude anything from
    before: float | None  # the main metric of the champion; None without one
    after: float
    gain: float | None  # positive is better; a share of `before` for mae and rmse
    interval: tuple[float, float] | None = None  # of the gain; None where it is small
    negative: float | None = None  # share of its samples that were right and are wrong now
    positive: float | None = None
    negative_interval: tuple[float, float] | None = None
    positive_interval: tuple[float, float] | None = None


class Slices(Frozen):
    """What became of each slice, the one that lost most first, small ones last."""

    metric: str
    shown: tuple[SliceMoved, ...]
    more: int  # that are not shown
    more_small: int = 0  # of those, the small ones


class PeriodFigure(Frozen):
    """The main metric on the part of a former holdout that no version has ever learned from."""

    version: str  # the one that the period judged
    n: int
    challenger: float
    champion: float | None
    constant: float  # what the best constant answer comes to


class GateResult(Frozen):
    """All gates, and the figures of both models on both holdouts."""

    findings: tuple[GateFinding, ...]
    challenger: dict[str, dict[str, float]]  # holdout -> metric -> value
    champion: dict[str, dict[str, float]]  # empty at bootstrap
    negative_flip_rate: float | None
    positive_flip_rate: float | None
    moved: dict[str, Moved] = {}  # holdout -> what flipped there
    slices: dict[str, Slices] = {}  # holdout -> its slices, where the policy names columns for them
    metric: str = ""  # the main one, of the periods and slices
    periods: tuple[PeriodFigure, ...] = ()  # oldest first; the last is the run's own

    @property
    def passed(self) -> bool:
        """Return whether every gate holds."""
        return all(f.verdict is GateVerdict.PASSED for f in self.findings)
