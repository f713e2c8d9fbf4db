"""How scores vary while nothing changes: windows and references drawn again from the steps of a reference.

A step is a short span of time with its rows. Drawn are runs of neighbouring steps (moving block bootstrap, Kuensch
1989, https://doi.org/10.1214/aos/1176347265), so that what neighbours in time share counts; a block is as long as it
takes until the variance of block means has levelled off. A score is that of a drawn window against a reference drawn
the same way: both are samples of the same process, as the true ones are where nothing changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maintainer.monitor import chance

Values = NDArray[np.float64]
Whole = NDArray[np.int64]
Drawn = tuple[Whole, Values]  # (d, length) steps of the sequences, (d, s) how often each step is in their references

RISE = 0.1  # of the variance of means from blocks to those twice as long: below it they have levelled off
DOUBT = 1.5  # and below so many deviations of that rise where nothing lasts
LONGER = 4  # blocks are so many times longer than where neighbours still matter
BLOCKS = 8  # blocks that a reference has at least
HELD = 2**22  # cells of drawn windows held at a time


@dataclass(frozen=True, slots=True)
class Tallied:
    """One score of a column, step by step."""

    name: str
    kind: Literal["value", "missing"]
    method: str
    before: Whole  # (s, k) rows of each step in each cell, as many as make a reference of its size
    now: Whole  # (s, k) as many of them as make windows of the current size
    block: int  # steps that are drawn together at least
    widths: Values | None = None  # (k - 1,) from cell to cell in deviations of the column; where cells are ordered


@dataclass(frozen=True, slots=True)
class Plan:
    """How many windows are drawn, in steps."""

    steps: int  # of the reference
    window: int  # steps of a window
    stride: int  # steps from one check to the next
    checks: int  # of one sequence, which share a reference
    sequences: int

    @property
    def length(self) -> int:
        """Return the steps of a sequence."""
        return self.window + (self.checks - 1) * self.stride


def block_of(rows: Whole, ordered: bool) -> int:
    """Return how many neighbouring steps are drawn together, from the (s, k) rows of each step in each cell.

    Of ordered cells the distribution function is looked at: what moves slowly shows in it before it shows in a cell.
    """
    steps, most, length = len(rows), max(1, len(rows) // BLOCKS), 1
    rows = np.cumsum(rows, axis=1) if ordered else rows
    sizes = rows[:, -1] if ordered else rows.sum(axis=1)
    while 2 * length <= most:
        rise = 1.0 + max(RISE, DOUBT * sqrt(2.0 * length / steps))  # two degrees of freedom a block
        if _variance(rows, sizes, 2 * length) <= rise * _variance(rows, sizes, length):
            break
        length *= 2
    return 1 if length == 1 else min(LONGER * length, most, steps)


def _variance(rows: Whole, sizes: Whole, length: int) -> float:
    """Return the variance of the shares in blocks of `length` steps, times their length, summed over cells.

    Blocks count by their rows, (s,) in a step: shares of few rows vary more. Chance alone gives the same at any length.
    """
    whole = len(rows) // length * length
    blocks = rows[:whole].reshape(-1, length, rows.shape[1]).sum(axis=1)
    held = sizes[:whole].reshape(-1, length).sum(axis=1)
    total = int(held.sum())
    if not total:
        return 0.0
    shares = blocks.sum(axis=0) / total
    return float(((blocks - held[:, None] * shares) ** 2).sum() / total)


def places(plan: Plan, block: int, rng: np.random.Generator) -> Drawn:
    """Return the steps of each sequence (d, length), and how often each step is in its reference (d, s)."""
    drawn = [_runs(plan, block, count, rng) for count in (plan.length, plan.steps)]
    at = drawn[1] + np.arange(plan.sequences)[:, None] * plan.steps
    times = np.bincount(at.ravel(), minlength=plan.sequences * plan.steps)
    return drawn[0], times.reshape(plan.sequences, plan.steps).astype(np.float64)


def _runs(plan: Plan, block: int, count: int, rng: np.random.Generator) -> Whole:
    blocks = -(-count // block)
    starts = rng.integers(0, plan.steps - block + 1, (plan.sequences, blocks))
    return (starts[:, :, None] + np.arange(block)).reshape(plan.sequences, -1)[:, :count]


def scores(tallied: Tallied, plan: Plan, drawn: Drawn) -> Values:
    """Return the (d, checks) scores of drawn windows; zero where a window or its reference holds no row."""
    sequence, times = drawn
    cells = tallied.before.shape[1]
    piece = max(1, HELD // (cells * plan.length))
    found = [
        _of_piece(tallied, plan, sequence[start : start + piece], times[start : start + piece])
        for start in range(0, plan.sequences, piece)
    ]
    return np.concatenate(found)


def _of_piece(tallied: Tallied, plan: Plan, sequence: Whole, times: Values) -> Values:
    before = times @ tallied.before.astype(np.float64)  # (d, k)
    common = gcd(plan.window, plan.stride)
    parts = tallied.now[sequence].reshape(len(sequence), -1, common, tallied.now.shape[1]).sum(axis=2)
    upto = np.concatenate([np.zeros_like(parts[:, :1]), np.cumsum(parts, axis=1)], axis=1)
    starts = np.arange(plan.checks) * (plan.stride // common)
    now = upto[:, starts + plan.window // common] - upto[:, starts]  # (d, checks, k)
    return _distance(tallied, before[:, None, :], now.astype(np.float64))


def _distance(tallied: Tallied, before: Values, now: Values) -> Values:
    sizes = [side.sum(axis=-1, keepdims=True) for side in (before, now)]
    shares = [side / np.maximum(size, 1.0) for side, size in zip((before, now), sizes, strict=True)]
    some = (sizes[0] > 0) & (sizes[1] > 0)
    if tallied.widths is not None:
        gap = np.abs(np.cumsum(shares[1] - shares[0], axis=-1)[..., :-1])
        found = gap.max(axis=-1, initial=0.0) if tallied.method == "ks" else gap @ tallied.widths
    else:
        both = [np.broadcast_to(side, shares[1].shape).reshape(-1, side.shape[-1]) for side in shares]
        found = chance.scores(tallied.method, both[0], both[1]).reshape(shares[1].shape[:-1])
    return np.where(some[..., 0], np.clip(found, 0.0, None), 0.0)
