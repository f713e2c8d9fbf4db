"""What one pass over a window keeps of a column: enough to rebuild its distribution, small enough for a pipe."""

from __future__ import annotations

from dataclasses import dataclass

from maintainer.domain.sample import ColumnKind

LISTED = 1000  # values counted one by one; the rest is one `other`
LARGEST = 1e150  # a number beyond it, an infinity and NaN are no usable numbers: they count as missing


@dataclass(frozen=True, slots=True)
class ColumnCounts:
    """Counts of one column in one window, in bins (`edges`) or value by value (`numbers` or `words`).

    With k edges there are k + 1 counts: of values in (-inf, e0], (e0, e1], ..., (e(k-1), inf). Without edges the counts
    are of the values listed beside them, most frequent first, and `other` holds the rows of all further values.
    """

    kind: ColumnKind
    rows: int
    missing: int  # NULL, NaN, infinite or beyond LARGEST
    counts: tuple[int, ...] = ()
    edges: tuple[float, ...] = ()  # (k,) ascending
    numbers: tuple[float, ...] = ()  # (v,) distinct
    words: tuple[str, ...] = ()  # (v,) distinct
    other: int = 0
    minimum: float | None = None
    maximum: float | None = None
    deviation: float | None = None  # population standard deviation of the numbers that are there

    @property
    def present(self) -> int:
        """Return the rows that hold a value."""
        return self.rows - self.missing

    @property
    def distinct(self) -> int:
        """Return the number of different values, or of rows where values were not counted one by one."""
        listed = len(self.numbers) + len(self.words)
        return listed + self.other if not self.edges else self.present
