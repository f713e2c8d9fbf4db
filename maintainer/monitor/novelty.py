"""Values that the reference has never shown, and how many of them chance brings anyway.

What a window has not shown yet has about the share of what it has shown once (Good 1953,
https://doi.org/10.1093/biomet/40.3-4.237). That share has an exact upper bound (Clopper & Pearson 1934,
https://doi.org/10.1093/biomet/26.4.404): without a value seen once it is ln(1 / level) / n, the rule of three.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false
# scipy ships no types.

from __future__ import annotations

import numpy as np
from scipy.special import bdtr, bdtrik, betaincinv

from maintainer.domain.evidence import DriftScore
from maintainer.domain.kinds import Novelty
from maintainer.domain.profile import ColumnCounts

THRESHOLD = 0.01  # share of rows with a new value that is worth a word
METHOD = "new values"


def counted(reference: ColumnCounts, current: ColumnCounts) -> Novelty | None:
    """Return the novelty of a category whose values are all listed; None where some are counted in buckets."""
    if reference.rest or current.rest:
        return None
    known = set(reference.words)
    new = [(rows, word) for word, rows in zip(current.words, current.counts, strict=True) if word not in known]
    return Novelty(
        reference_rows=reference.present,
        singles=sum(rows == 1 for rows in reference.counts),
        rows=current.present,
        unseen=sum(rows for rows, _ in new),
        example=max(new)[1] if new else None,
    )


def floor(seen: Novelty, level: float) -> float:
    """Return the share of rows with a new value that is passed with probability at most about `level` by chance."""
    n, singles = seen.reference_rows, seen.singles
    most = 1.0 if singles >= n else float(betaincinv(singles + 1, n - singles, 1.0 - level / 2.0))
    return _most(1.0 - level / 2.0, seen.rows, most) / seen.rows


def score(column: str, seen: Novelty, level: float) -> DriftScore | None:
    """Return the share of rows with a new value as a score; None where a window has no values."""
    if not seen.reference_rows or not seen.rows:
        return None
    return DriftScore(column, "unseen", METHOD, seen.unseen / seen.rows, THRESHOLD, None, floor(seen, level))


def _most(chance: float, rows: int, share: float) -> float:
    """Return the least k that a binomial number of so many rows is at most with a probability of `chance`."""
    if share >= 1.0:
        return float(rows)
    found = max(float(np.ceil(bdtrik(chance, rows, share))), 0.0)
    return found - 1.0 if found >= 1.0 and bdtr(found - 1.0, rows, share) >= chance else found
