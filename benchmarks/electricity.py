"""Elec2, daily checks: accuracy maintained against static; and with the leaking price, where retraining can do harm."""

from __future__ import annotations

import pyarrow.parquet as pq

from benchmarks.harness import Outcome, arguments, show
from benchmarks.streams import Case, boosted_trees, find, first, run, skipped
from maintainer.shipped import shipped_policy

PRICE = "    nswdemand: {type: number"


def main() -> None:
    given = arguments(__doc__ or "")
    path = find(given, "elec2", "elec2.parquet")
    if path is None:
        print(skipped("electricity", "elec2/elec2.parquet"))
        return
    table = pq.read_table(path)
    table = first(table, 14_000) if given.quick else table
    text = shipped_policy("electricity")
    plain = Case(table, text)
    leaking = Case(table, text.replace(PRICE, "    nswprice: {type: number}\n" + PRICE))
    figures, trees = run(plain), boosted_trees(plain)
    harmed, harmed_trees = run(leaking), boosted_trees(leaking)
    figures |= {f"with nswprice: {name}": value for name, value in harmed.items()}
    peers = {"boosted_trees": trees, "boosted_trees with nswprice": harmed_trees}
    ratios = {
        "maintained - static": figures["maintained"] - figures["static"],
        "with nswprice: maintained - static": harmed["maintained"] - harmed["static"],
        "boosted trees refit - static": trees["refit_on_all"] - trees["static"],
        "with nswprice: boosted trees refit - static": harmed_trees["refit_on_all"] - harmed_trees["static"],
    }
    notes = ("wanted: maintained >= static + 0.07 and >= 0.71, bwt >= -0.02",)
    show(Outcome("electricity", figures, peers, ratios, notes), given)


if __name__ == "__main__":
    main()
