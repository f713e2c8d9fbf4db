"""frontier against finetune and scratch on bike sharing and Elec2: what each keeps, forgets, flips and costs."""

from __future__ import annotations

import pyarrow.parquet as pq

from benchmarks.harness import Outcome, arguments, show
from benchmarks.streams import Case, find, first, run
from maintainer.demo.story import bundled_data
from maintainer.shipped import shipped_policy

OURS, OTHERS = "frontier", ("finetune", "scratch")
SHOWN = ("maintained", "static", "bwt", "forgetting", "negative_flip_rate", "promotions", "runs", "train_seconds")


def main() -> None:
    given = arguments(__doc__ or "")
    streams = {"bike-sharing": first(pq.read_table(bundled_data()), 8000 if given.quick else 20_000)}
    path = find(given, "elec2", "elec2.parquet")
    if path is not None:
        streams["electricity"] = first(pq.read_table(path), 14_000 if given.quick else 50_000)
    figures: dict[str, float] = {}
    peers: dict[str, dict[str, float]] = {name: {} for name in OTHERS}
    for stream, table in streams.items():
        text = shipped_policy(stream)
        for strategy in (OURS, *OTHERS):
            found = run(Case(table, text.replace("strategy: frontier", f"strategy: {strategy}")))
            kept = figures if strategy == OURS else peers[strategy]
            kept |= {f"{stream}: {name}": found[name] for name in SHOWN if name in found}
    ratios = {
        f"{key}: {name} / {OURS}": values[key] / figures[key]
        for name, values in peers.items()
        for key in values
        if key.endswith(": maintained")
    }
    notes = () if path is not None else ("electricity skipped: needs --data DIR with elec2/elec2.parquet",)
    show(Outcome("strategies", figures, peers, ratios, notes), given)


if __name__ == "__main__":
    main()
