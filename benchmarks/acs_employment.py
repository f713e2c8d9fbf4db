"""ACS employment in Massachusetts, nearly stable: a negative control, where a daemon should leave the model alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.harness import Outcome, arguments, show
from benchmarks.streams import Case, boosted_trees, find, run, skipped


def with_time(table: pa.Table, every: int) -> pa.Table:
    """Return every n-th row with an event time: the rows of a year lie evenly in it, in a seeded random order.

    The set has no time within a year, and file order will not do for one: the file ends with a stretch of 2018 in which
    five features in eight are spread differently and accuracy falls by six points.
    """
    order = np.random.default_rng(0).permutation(table.num_rows)[::every]
    years = np.array(table["year"])[order]
    order = order[np.argsort(years, kind="stable")]
    table = table.take(pa.array(order))
    years = np.array(table["year"])
    begin = (years - 1970).astype("datetime64[Y]").astype("datetime64[us]")
    place = np.concatenate([np.arange(n) / n for n in np.unique(years, return_counts=True)[1]])
    times = begin + (place * 365 * 86_400e6).astype("timedelta64[us]")
    return table.append_column("time", pa.array(times))


def main() -> None:
    given = arguments(__doc__ or "")
    path = find(given, "acs_employment_ma", "acs_employment_ma.parquet")
    if path is None:
        print(skipped("acs_employment", "acs_employment_ma/acs_employment_ma.parquet"))
        return
    table = with_time(pq.read_table(path), 8 if given.quick else 1)
    case = Case(table, (Path(__file__).parent / "acs_employment.yaml").read_text(), bootstrap=0.25)
    figures, trees = run(case), boosted_trees(case)
    ratios = {"maintained - static": figures["maintained"] - figures["static"]}
    notes = ("wanted: runs <= 1, promotions 0",)
    show(Outcome("acs_employment", figures, {"boosted_trees": trees}, ratios, notes), given)


if __name__ == "__main__":
    main()
