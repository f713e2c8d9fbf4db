"""What the daemon asks the check worker, and what comes back; JSON both ways."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from maintainer.domain.evidence import DriftScore
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
