"""Every 16th and every 256th sample once more, so that a uniform sample of a large window is read at a flat cost.

`_key` is a uniform 64-bit hash of the id: the rows below a threshold are a uniform sample, and the same rows again
the next time. In a table ordered by time they lie everywhere, so finding them reads all of it; the thin tables hold
nothing else.
"""

from __future__ import annotations

THINNED = (256, 16)  # the thin tables hold the keys below 2^64 / n; the thinnest first
KEYS = 2**64


def thin_table(every: int) -> str:
    """Return the name of the thin table of every n-th sample; 1: the table of all of them."""
    return "sample" if every == 1 else f"sample_{every}"


def thinnest(share: float) -> str:
    """Return the name of the smallest table that holds the keys of this share."""
    return thin_table(next((every for every in THINNED if share * every <= 1.0), 1))


def below(share: float, column: str = "_key") -> str:
    """Return SQL that holds for this share of the keys, the smallest ones."""
    return "true" if share >= 1.0 else f"{column} < {int(share * KEYS)}::ubigint"


def share_for(rows: int, wanted: float) -> float:
    """Return the share of the keys that holds about `wanted` of some rows; all of them where they are no more."""
    return 1.0 if rows <= wanted else wanted / rows
