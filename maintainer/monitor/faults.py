"""Columns that look broken where they come from: all missing, stuck at a value, in another unit, a category renamed.

Only what chance and a change of the world hardly make is called so, for no run starts on it before a person has looked:
a shift alone, or a factor that is neither that of a common unit nor eightfold, is drift. A column is judged by the
whole current window: what has been broken for a part of it only is drift until the window is past that. Whether a
column has behaved so before, as one of months does, is not known from counts: spells.py looks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import log

import numpy as np

from maintainer.domain.kinds import ColumnFault
from maintainer.domain.profile import ColumnCounts
from maintainer.domain.sample import ColumnKind
from maintainer.monitor import chance
from maintainer.monitor.frames import OTHER, Spread, Whole, aligned, shares, spread
from maintainer.monitor.ranks import kolmogorov, paired

SURE = 1e-6  # chance that what is called a fault came about in independent draws
ALIKE = 0.05  # chance of a distribution function to be as far from its like
SLACK = 0.01  # by which it may be farther: nothing is ever measured alike twice
OTHERS = 2  # words that go on, where two of other spelling are taken for one thing
DIGITS = re.compile(r"\d+")
FEW = 20  # rows below which nothing is said
RENAMED_SHARE = 0.01  # of the reference that a renamed category has at least
LARGE = 8.0  # a factor that is always taken for another unit
CLOSE = 0.1  # how near distribution functions must be for a smaller one to mean anything
ONE_SIDED = 0.05  # share of values on the other side of zero, at most, where a change of sign is told
EXACT = 0.05  # how well a smaller one must be known
ROUND = (10.0, 12.0, 24.0, 60.0, 100.0, 1000.0, 1024.0, 3600.0, 86_400.0, 1e6, 1e9)  # factors that are meant exactly
UNITS = {
    1.8: "of 9/5, as of degrees Celsius and Fahrenheit",
    1.609344: "of 1.609, as of miles and kilometres",
    2.20462: "of 2.205, as of kilograms and pounds",
    2.54: "of 2.54, as of inches and centimetres",
    3.28084: "of 3.281, as of metres and feet",
    3.6: "of 3.6, as of metres per second and kilometres per hour",
}
KELVIN = 273.15


def suspects(
    reference: Mapping[str, ColumnCounts], current: Mapping[str, ColumnCounts], names: tuple[str, ...]
) -> tuple[ColumnFault, ...]:
    """Return at most one fault of each of the columns that both windows have."""
    found = (fault_of(n, reference[n], current[n]) for n in names if n in reference and n in current)
    return tuple(fault for fault in found if fault is not None)


def fault_of(name: str, before: ColumnCounts, now: ColumnCounts) -> ColumnFault | None:
    """Return what looks broken in a column; None where nothing does, and with few rows."""
    if before.present < FEW or now.rows < FEW:
        return None
    if not now.present:
        return _missing(name, before, now)
    if now.present < FEW:
        return None
    if now.distinct == 1:
        return _stuck(name, before, now)
    return _unit(name, before, now) if now.kind is ColumnKind.NUMBER else _renamed(name, before, now)


def _missing(name: str, before: ColumnCounts, now: ColumnCounts) -> ColumnFault | None:
    if not impossible(before.missing, before.rows, now.rows):
        return None
    share = before.missing / before.rows
    return ColumnFault(name, "missing", f"{name} is missing in all rows; {share:.2g} of the reference lacked it")


def _stuck(name: str, before: ColumnCounts, now: ColumnCounts) -> ColumnFault | None:
    most = max(before.counts, default=1)
    if before.distinct == 1 or not impossible(most, before.present, now.present):
        return None
    value = f"{now.minimum:.12g}" if now.minimum is not None else f"'{now.words[0]}'"
    before_it = f"the reference has {'at least ' if before.rest else ''}{len(before.counts) or 2} values"
    return ColumnFault(name, "stuck", f"{name} is stuck at {value}; {before_it}")


def impossible(rows: int, of: int, now: int) -> bool:
    """Return whether `now` rows in succession hardly have what so few `of` the reference's rows have."""
    share = min((rows + 3.0) / (of + 3.0), 1.0)  # the rule of three on top
    return share < 1.0 and now * log(share) < log(SURE)


def _renamed(name: str, before: ColumnCounts, now: ColumnCounts) -> ColumnFault | None:
    if before.rest or now.rest:
        return None
    words, was, is_now = aligned(before, now)
    gone = [p for p, word in enumerate(words) if word != OTHER and not is_now[p] and _mattered(was[p], before, now)]
    new = [p for p, word in enumerate(words) if word != OTHER and not was[p]]
    for old in sorted(gone, key=lambda place: -was[place]):
        share = was[old] / before.present
        alike = [p for p in new if _as_often(int(was[old]), before.present, int(is_now[p]), now.present)]
        if len(alike) == 1 and _same_thing(words[old], words[alike[0]], was, is_now):
            said = f"'{words[old]}' has vanished, and '{words[alike[0]]}' is new with about its share, {share:.2g}"
            return ColumnFault(name, "renamed", f"{name}: {said}", words[old])
    return None


def _same_thing(old: str, new: str, was: Whole, is_now: Whole) -> bool:
    """Return whether two words may be names of one thing, by how they are spelt or by what all else does.

    Words that differ in their digits count on (a month, a release): the world has moved. Others are two names where at
    least OTHERS more words are as frequent as they were, which a change of the world hardly leaves them.
    """
    if _spelling(old) == _spelling(new):
        return True
    if DIGITS.sub("", old) == DIGITS.sub("", new):
        return False
    both = (was > 0) & (is_now > 0)
    if both.sum() < OTHERS:
        return False
    level = chance.counted("jensenshannon", was[both], is_now[both], ALIKE)
    shares = [(side[both] / side[both].sum())[None, :] for side in (was, is_now)]
    return float(chance.scores("jensenshannon", *shares)[0]) <= level


def _spelling(word: str) -> str:
    """Return what is left of a word without case, marks and the zeros that a number may begin or end with."""
    try:
        return repr(float(word))
    except ValueError:
        return re.sub(r"\W|_", "", word.casefold())


def _mattered(rows: int, before: ColumnCounts, now: ColumnCounts) -> bool:
    enough = rows / before.present >= RENAMED_SHARE
    return enough and impossible(before.present - rows, before.present, now.present)


def _as_often(was: int, of: int, now: int, among: int) -> bool:
    """Return whether two shares are within two standard deviations and a tenth of each other."""
    share = (was + now) / (of + among)
    deviation = (share * (1.0 - share) * (1.0 / of + 1.0 / among)) ** 0.5
    return abs(was / of - now / among) <= 2.0 * deviation + 0.1 * share and now >= FEW / 4


def _unit(name: str, before: ColumnCounts, now: ColumnCounts) -> ColumnFault | None:
    """Return a fault where the quantiles are a line of the former ones whose slope is that of another unit."""
    limit = chance.ks(before.present, now.present, ALIKE) + SLACK
    shapes = spread(before), spread(now)
    if before.distinct <= 2 or kolmogorov(paired(*shapes)) <= 2.0 * limit:
        return None
    if _negated(shapes, limit):
        return ColumnFault(name, "unit", f"{name} has changed its sign")
    slope, start = line_of(shapes)
    for factor, words in _candidates(shapes, limit, slope, start):
        if _gap(shapes, *factor) <= limit:
            return ColumnFault(name, "unit", f"{name} looks like another unit: {words}")
    return None


def _candidates(
    shapes: tuple[Spread, Spread], limit: float, slope: float, start: float
) -> list[tuple[tuple[float, float], str]]:
    """Return the lines (slope, start) to be tried, each with its words."""
    told: list[tuple[tuple[float, float], str]] = []
    if slope >= LARGE or 0 < slope <= 1.0 / LARGE:
        exact = [times for factor in ROUND for times in (factor, 1.0 / factor) if abs(slope / times - 1.0) <= EXACT]
        lines = [*((times, 0.0) for times in exact), (slope, start)]
        told += [(line, f"its values are about {line[0]:.3g} times the former ones") for line in lines]
    for factor, words in UNITS.items() if limit <= CLOSE else ():
        for times in (factor, 1.0 / factor):
            offset = (32.0 if times > 1 else -32.0 / 1.8) if factor == 1.8 else 0.0
            if _known_to(shapes, limit, times, offset):
                told.append(((times, offset), f"its values are the former ones by a factor {words}"))
    for offset in (KELVIN, -KELVIN):
        if limit <= CLOSE and abs(slope - 1.0) <= 0.1 and abs(start - offset) <= 0.02 * KELVIN:
            told.append(((1.0, offset), "its values lie 273.15 from the former ones, as of Celsius and kelvin"))
    return told


def _known_to(shapes: tuple[Spread, Spread], limit: float, slope: float, start: float) -> bool:
    """Return whether there are rows enough to tell a factor from one that is EXACT off."""
    near = _moved(shapes[0], slope, start)
    return all(
        kolmogorov(paired(near, _moved(shapes[0], slope * (1.0 + off), start))) > limit for off in (-EXACT, EXACT)
    )


def line_of(shapes: tuple[Spread, Spread]) -> tuple[float, float]:
    """Return slope and start of the line of the current quantiles on the former: the median over pairs of them.

    Theil 1950 and Sen 1968, https://doi.org/10.1080/01621459.1968.10480934. 0 where the former do not rise.
    """
    ranks = np.linspace(0.05, 0.95, 19)
    was, is_now = (np.interp(ranks, shape.ranks, shape.values) for shape in shapes)
    first, second = np.triu_indices(ranks.size, 1)
    rise = was[second] - was[first]
    if not (rise > 0).any():
        return 0.0, 0.0
    slope = float(np.median((is_now[second] - is_now[first])[rise > 0] / rise[rise > 0]))
    return slope, float(np.median(is_now - slope * was))


def _negated(shapes: tuple[Spread, Spread], limit: float) -> bool:
    below = float(shares(shapes[0], np.zeros(1))[0])
    if ONE_SIDED < below < 1.0 - ONE_SIDED:  # a column around zero may wander to its other side
        return False
    mirrored = Spread(1.0 - shapes[0].ranks[::-1], -shapes[0].values[::-1])
    return _apart(mirrored, shapes[1]) <= limit


def _gap(shapes: tuple[Spread, Spread], slope: float, start: float) -> float:
    """Return how far the current distribution is from the former one on a line."""
    return _apart(_moved(shapes[0], slope, start), shapes[1])


def _apart(one: Spread, other: Spread) -> float:
    """Return the Kolmogorov-Smirnov distance, values that differ by rounding taken for the same."""
    unit = float(np.abs(other.values).max()) * 1e-9 or 1.0
    return kolmogorov(paired(*(Spread(side.ranks, np.round(side.values / unit)) for side in (one, other))))


def _moved(shape: Spread, slope: float, start: float) -> Spread:
    return Spread(shape.ranks, slope * shape.values + start)
