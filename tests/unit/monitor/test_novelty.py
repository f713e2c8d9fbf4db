"""Values that the reference has never shown."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from maintainer.domain.kinds import Novelty
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import ColumnKind
from maintainer.monitor.novelty import counted, floor, score


def counts(values: list[str], missing: int = 0) -> ColumnCounts:
    listed = Counter(values).most_common()
    words, rows = zip(*listed, strict=True) if listed else ((), ())
    return ColumnCounts(ColumnKind.CATEGORY, len(values) + missing, missing, tuple(rows), words=tuple(words))


def test_rows_with_a_new_value_are_counted_and_the_most_frequent_one_is_named() -> None:
    found = counted(counts(list("aaab"), missing=2), counts(list("aaccdb")))
    assert found == Novelty(4, 1, 6, 3, "c")
    made = score("x", found, 0.05)
    assert made is not None and made.score == 0.5 and made.kind == "unseen"


def test_the_floor_of_a_reference_without_rare_values_is_the_rule_of_three() -> None:
    n, level = 10_000, 0.1  # half of the level goes to each of the two bounds
    assert floor(Novelty(n, 0, 10**9, 0), level) == pytest.approx(3.0 / n, rel=0.01)


@pytest.mark.parametrize("slope", [0.8, 1.3])
def test_long_tailed_values_without_drift_seldom_pass_the_floor(slope: float) -> None:
    rng, level = np.random.default_rng(0), 0.05
    weights = 1.0 / np.arange(1, 5001) ** slope
    weights /= weights.sum()
    past = 0
    for _ in range(200):
        draws = [[str(v) for v in rng.choice(5000, n, p=weights)] for n in (1000, 400)]
        found = counted(counts(draws[0]), counts(draws[1]))
        assert found is not None
        past += found.unseen / found.rows > floor(found, level)
    assert past / 200 <= level


def test_a_new_category_in_three_of_a_hundred_rows_has_drifted() -> None:
    found = counted(counts(list("ab") * 500), counts(["a"] * 485 + ["new"] * 15))
    assert found is not None
    made = score("x", found, 0.01)
    assert made is not None and made.drifted


def test_where_all_is_new_all_is_missing_or_values_are_in_buckets_there_is_no_wrong_figure() -> None:
    all_new = score("x", Novelty(5, 5, 5, 5), 0.01)
    assert all_new is not None and all_new.score == 1.0 and not all_new.drifted  # every value of it was a first one
    assert score("x", Novelty(0, 0, 5, 5), 0.01) is None
    assert score("x", Novelty(5, 0, 0, 0), 0.01) is None
    bucketed = ColumnCounts(ColumnKind.CATEGORY, 3, 0, (1,), words=("a",), buckets=(0,), rest=(2,) + (0,) * 511)
    assert counted(bucketed, counts(["a"])) is None
