"""What one pass over a window keeps of a column: enough to rebuild its distribution, small enough for a pipe."""

from __future__ import annotations

from dataclasses import dataclass

from maintainer.domain.sample import ColumnKind

LISTED = 1000  # values counted one by one; the rest lies between edges (numbers) or in buckets (words)
BUCKETS = 512  # of unlisted words, by their hash
LARGEST = 1e150  # a number beyond it, an infinity and NaN are no usable numbers: they count as missing


@dataclass(frozen=True, slots=True)
class ColumnCounts:
    """Counts of one column in one window: of the values listed, and of the rest by where it lies.

    A listed value has its own count, and no row of it is in the rest. The rest of a number column with k edges is
    k + 1 counts: of values in (-inf, e0], (e0, e1], ..., (e(k-1), inf). The rest of a category is BUCKETS counts.
    """

    kind: ColumnKind
    rows: int
    missing: int  # NULL, NaN, infinite or beyond LARGEST
    counts: tuple[int, ...] = ()  # (v,) of the listed values, most frequent first
    numbers: tuple[float, ...] = ()  # (v,) listed, distinct
    words: tuple[str, ...] = ()  # (v,) listed, distinct
    buckets: tuple[int, ...] = ()  # (v,) where each word would be in `rest`, were it not listed
    edges: tuple[float, ...] = ()  # (k,) ascending
    rest: tuple[int, ...] = ()  # (k + 1,) or (BUCKETS,); empty where every value is listed
    minimum: float | None = None
    maximum: float | None = None
    deviation: float | None = None  # population standard deviation of the numbers that are there

    @property
    def present(self) -> int:
        """Return the rows that hold a value."""
        return self.rows - self.missing

    @property
    def other(self) -> int:
        """Return the rows whose value is not listed."""
        return sum(self.rest)

    @property
    def distinct(self) -> int:
        """Return the number of different values; each row of an unlisted value is taken for one of its own."""
        return len(self.counts) + self.other
