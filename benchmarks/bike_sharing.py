"""Bike sharing, weekly checks: the maintained model's mean absolute error against the static one's."""

from __future__ import annotations

import pyarrow.parquet as pq

from benchmarks.harness import Outcome, arguments, show
from benchmarks.streams import Case, boosted_trees, first, run
from maintainer.demo.story import bundled_data
from maintainer.shipped import shipped_policy


def main() -> None:
    given = arguments(__doc__ or "")
    table = pq.read_table(bundled_data())
    case = Case(first(table, 8000) if given.quick else table, shipped_policy("bike-sharing"))
    figures, trees = run(case), boosted_trees(case)
    ratios = {
        "maintained / static": figures["maintained"] / figures["static"],
        "boosted trees, refit on all / static": trees["refit_on_all"] / trees["static"],
        "boosted trees, refit on last fifth / maintained": trees["refit_on_last_fifth"] / figures["maintained"],
    }
    show(
        Outcome("bike_sharing", figures, {"boosted_trees": trees}, ratios, ("wanted: maintained / static <= 0.75",)),
        given,
    )


if __name__ == "__main__":
    main()
