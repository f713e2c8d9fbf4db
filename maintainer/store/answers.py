"""What a version answered in a window, with the labels that came, written as Parquet for who measures it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maintainer.domain.sample import Window
from maintainer.store.database import literal
from maintainer.store.spans import inside
from maintainer.store.thin import below, share_for
from maintainer.store.windows import FEW, Reader


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose answers are wanted, in which window, and at most how many."""

    window: Window
    version: str
    at_most: int
    chances: bool = False  # only those with probabilities


def write_labelled(reader: Reader, asked: Asked, path: Path) -> int:
    """Write `moment`, `label`, `answer` and `chances` of labelled samples, oldest first; return the rows.

    They are looked for in a uniform sample eight times as large, and in the whole window where that has but few.
    """
    share = share_for(reader.samples(asked.window), 8 * asked.at_most)
    rows = _write(reader, asked, share, path, labelled=True)
    if share < 1.0 and rows < min(FEW, asked.at_most):
        rows = _write(reader, asked, 1.0, path, labelled=True)
    return rows


def write_answered(reader: Reader, asked: Asked, path: Path) -> int:
    """Write the same of samples with and without a label, a uniform sample of the window; return the rows."""
    share = share_for(reader.samples(asked.window), 2 * asked.at_most)
    return _write(reader, asked, share, path, labelled=False)


def _write(reader: Reader, asked: Asked, share: float, path: Path, labelled: bool) -> int:
    answer = reader.answer_sql(asked.version)
    there = f"{answer} is not null" + (" and p.chances is not null" if asked.chances else "")
    join = "join" if labelled else "left join"
    query = (
        f"select s._time as moment, l.value as label, {answer} as answer, p.chances as chances from "
        f"{reader.answered_from(asked.version, share)} {join} {reader.labels_sql(share)} l on l._key = s._key where "
        f"{inside(asked.window)} and {below(share, 's._key')} and {there} order by s._key limit {asked.at_most}"
    )
    with reader.database.reading() as db:
        row = db.execute(
            f"copy (select * from ({query}) order by moment) to {literal(str(path))} (format parquet)"
        ).fetchone()
    return int(row[0]) if row else 0
