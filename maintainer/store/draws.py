"""Which of many labelled samples are kept: SQL that orders them, so that the first n are the draw.

A draw is a rule of the sample's hash, time and label alone: the same data give the same draw, and it costs one pass
whatever is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

MOST_HELD = 999_999  # of one class: more is nothing DuckDB keeps in one aggregate
FLOOR = 10  # samples that every class keeps in a stratified draw, however rare it is; as many as name a new class


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every sample alike: those with the smallest hash."""


@dataclass(frozen=True, slots=True)
class Stratified:
    """Each class in its share of all samples, but at least FLOOR of each."""


@dataclass(frozen=True, slots=True)
class Balanced:
    """As many of each class as of every other; where a class has less, the others share what it leaves."""


@dataclass(frozen=True, slots=True)
class Recent:
    """A sample counts half as much for each half-life of its age."""

    half_life: timedelta


Draw = Uniform | Stratified | Balanced | Recent


def drawn(draw: Draw, found: str, at_most: int) -> str:
    """Return SQL for the keys drawn of the relation `found` of `_key`, `_time` and `value`."""
    match draw:
        case Uniform():
            chosen = f"select _key from ({found}) order by _key"
        case Stratified():
            share = "(_rank - 0.5) / _many"
            order = f"_rank > {FLOOR}, case when _rank <= {FLOOR} then _rank else {share} end, _key"
            chosen = f"select _key from ({_ranked(found, at_most)}) order by {order}"
        case Balanced():
            chosen = f"select _key from ({_ranked(found, at_most)}) order by _rank, _key"
        case Recent(half_life):
            chosen = f"select _key from ({found}) order by {_aged(half_life)}, _key"
        case _:
            assert_never(draw)
    return f"{chosen} limit {at_most}"


def _ranked(found: str, at_most: int) -> str:
    """Return SQL for the smallest keys of each class, numbered from 1, with the size of the class.

    Only as many as may be drawn are held of each class: to number all of them would sort the whole past.
    """
    held = min(at_most, MOST_HELD)
    return (
        "select unnest(_keys) as _key, generate_subscripts(_keys, 1) as _rank, _many from "
        f"(select min(_key, {held}) as _keys, count(*) as _many from ({found}) group by value)"
    )


def _aged(half_life: timedelta) -> str:
    """Return SQL for the logarithm of an exponential number with the weight as its rate.

    The n smallest are a draw without replacement in proportion to the weights 2^(-age / half-life): Efraimidis &
    Spirakis 2006, https://doi.org/10.1016/j.ipl.2005.11.003. All ages count from one moment, which cancels. The uniform
    number is the lower half of the hash: the upper one has decided which part of the split a sample is in.
    """
    uniform = "((_key % 4294967296)::double + 0.5) / 4294967296.0"
    micros = int(half_life / timedelta(microseconds=1))
    return f"ln(-ln({uniform})) - ln(2.0::double) * epoch_us(_time) / {micros}::double"
