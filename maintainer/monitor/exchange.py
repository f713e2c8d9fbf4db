"""What the daemon asks the check worker, and what comes back; JSON both ways."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from maintainer.domain.evidence import DriftScore
from maintainer.domain.kinds import Together
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import ColumnKind


class Message(BaseModel):
    """A closed, immutable document that carries only finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ColumnPair(Message):
    """One column in both windows, and how it is to be compared."""

    name: str
    kind: ColumnKind
    method: str  # of the policy: auto, psi, jensenshannon, wasserstein, hellinger, kl_div or ks
    threshold: float
    reference: ColumnCounts
    current: ColumnCounts


class DriftRequest(Message):
    """The columns of one check."""

    columns: tuple[ColumnPair, ...]


class DriftReply(Message):
    """Two scores for each column, of its values and of its missing share, in the order asked."""

    scores: tuple[DriftScore, ...]


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
