"""How long one call takes, as an application sees it: rows in, answers out, both models by turns on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

import numpy as np

from maintainer.gate.figures import Latency, Speeds

CALLS = 200
WARM = 20  # calls before the first that counts

Call = Callable[[int], object]  # the number of the turn says which rows to answer


def time_calls(challenger: Call, champion: Call | None, calls: int = CALLS) -> Speeds:
    """Return how long `calls` of each take; whatever else the machine does meanwhile meets both alike."""
    models = [challenger] if champion is None else [challenger, champion]
    for turn in range(WARM):
        for call in models:
            call(turn)
    taken = np.zeros((len(models), calls))
    for turn in range(calls):
        for place, call in enumerate(models):
            start = perf_counter_ns()
            call(turn)
            taken[place, turn] = (perf_counter_ns() - start) / 1e6
    both = [Latency(*(float(p) for p in np.percentile(row, [50, 95, 99])), calls=calls) for row in taken]
    return Speeds(both[0], both[1] if champion else None)
