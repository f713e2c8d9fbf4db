"""Calls are timed in milliseconds, both models by turns."""

from __future__ import annotations

from time import perf_counter

from maintainer.gate.latency import WARM, time_calls


def test_a_call_of_two_milliseconds_is_reported_as_one():
    def busy(turn: int) -> None:
        end = perf_counter() + 0.002
        while perf_counter() < end:
            pass

    speeds = time_calls(busy, lambda turn: None, calls=10)
    assert 2.0 <= speeds.challenger.p50 <= speeds.challenger.p95 <= speeds.challenger.p99 < 2000
    assert speeds.champion is not None and speeds.champion.p50 < 2.0
    assert speeds.challenger.calls == 10


def test_models_take_turns_on_the_same_rows_after_warming_up():
    seen: list[tuple[str, int]] = []
    time_calls(lambda turn: seen.append(("new", turn)), lambda turn: seen.append(("old", turn)), calls=3)
    assert seen[2 * WARM :] == [(name, turn) for turn in range(3) for name in ("new", "old")]
    assert len(seen) == 2 * (WARM + 3)


def test_without_a_champion_there_is_nothing_beside():
    assert time_calls(lambda turn: None, None, calls=3).champion is None
