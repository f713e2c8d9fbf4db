"""What the daemon asks the check worker, and what comes back; JSON both ways."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from maintainer.domain.evidence import DriftScore
from maintainer.domain.kinds import Together
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import ColumnKind

ALARMS = 0.05  # chance that any column passes its floor by chance


class Message(BaseModel):
    """A closed, immutable document that carries only finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ColumnPair(Message):
    """One column in both windows, and how it is to be compared."""

    name: str
    kind: ColumnKind
    method: str  # of the policy: auto, psi, jensenshannon, wasserstein, hellinger, kl_div or ks
    threshold: float
    missing_threshold: float | None = None  # the same when absent
    reference: ColumnCounts
    current: ColumnCounts


class DriftRequest(Message):
    """The columns of one check."""

    columns: tuple[ColumnPair, ...]
    level: float | None = None  # chance that one score passes its floor, where thresholds are calibrated


class DriftReply(Message):
    """Two scores for each column, of its values and of its missing share, in the order asked."""

    scores: tuple[DriftScore, ...]


class Watched(Message):
    """One column of a reference that is to be calibrated."""

    name: str
    kind: ColumnKind
    method: str  # of the policy
    missing: bool = True  # whether what is missing is scored too


class CalibrationRequest(Message):
    """A reference, the sizes of a check, and the false alarms that are allowed."""

    samples: str  # Parquet: `_time` and the columns, a uniform sample of the reference
    columns: tuple[Watched, ...]
    reference_rows: int
    current_rows: int
    window_seconds: float  # the span of the current window
    every_seconds: float
    alarms: float
    period_seconds: float


class Calibrated(Message):
    """One score's calibrated threshold."""

    name: str
    kind: str  # "value" or "missing"
    threshold: float
    usual: tuple[float, float]  # median and 95 % quantile while nothing changes


class CalibrationReply(Message):
    """The thresholds of a reference's columns."""

    thresholds: tuple[Calibrated, ...]
    level: float  # probability that stable data pass one threshold in one check
    alarms: float  # expected in the period
    block_seconds: float  # longest span that rows were drawn together in


class RowsRequest(Message):
    """Two Parquet files of rows, oldest first, and what of them is to be compared."""

    reference: str
    current: str
    table: tuple[str, ...] = ()  # columns to be compared together; none: not asked for
    text: str | None = None  # the column whose words are compared
    states: str | None = None  # the directory of the version whose states of the texts are compared
    level: float  # chance that a floor is passed without drift


class RowsReply(Message):
    """What was found; `together` is None where it was not asked for, or there are too few rows."""

    scores: tuple[DriftScore, ...] = ()
    together: Together | None = None
