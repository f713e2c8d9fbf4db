"""Numbers, times and names as a reader wants them: significant digits, thousands, units, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import floor, isinf, isnan, log10

NONE = "\N{EN DASH}"  # no figure
THIN = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
ALPHA = "\N{GREEK SMALL LETTER ALPHA}"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
COUNTS = frozenset({"labels.new", "samples.new"})
SECONDS = frozenset({"champion.age", "labels.delay"})


def number(value: float | None, digits: int = 3) -> str:
    """Return a number to `digits` significant digits, thousands apart, without an exponent where it is readable."""
    if value is None:
        return NONE
    if isnan(value):
        return "not a number"
    if isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    size = abs(value)
    sign = MINUS if value < 0 else ""
    if not 1e-5 <= size < 1e12:
        base, _, power = f"{size:.{digits - 1}e}".partition("e")
        return f"{sign}{_trimmed(base)}{THIN}{TIMES}{THIN}10{str(int(power)).translate(RAISED)}"
    return sign + _trimmed(f"{size:,.{max(0, digits - 1 - floor(log10(size)))}f}")


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(value: float | None) -> str:
    """Return a whole number with its thousands apart."""
    return NONE if value is None else f"{round(value):,}".replace("-", MINUS)


def metric(value: float | None) -> str:
    """Return a figure of quality: three decimals; below a hundredth three significant digits, from ten on four."""
    if value is None or isnan(value) or isinf(value) or not 0.01 <= abs(value) < 10:
        return number(value, 4 if value is not None and abs(value) >= 10 else 3)
    return f"{value:.3f}".replace("-", MINUS)


def change(value: float | None) -> str:
    """Return a difference with its sign."""
    if value is None:
        return NONE
    text = metric(value)
    return f"+{text}" if value > 0 else text


def percent(value: float | None) -> str:
    """Return a share as a percentage of at most three digits."""
    if value is None:
        return NONE
    return f"{number(value * 100, 3 if abs(value) >= 0.01 else 2)}{THIN}%"


def duration(value: timedelta | float | None) -> str:
    """Return a length of time (seconds where it is a number) in its two largest units."""
    if value is None:
        return NONE
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 1:
        return f"{round(seconds * 1000)}{THIN}ms"
    if seconds < 59.95:
        return f"{number(seconds, 2 if seconds < 10 else 3)}{THIN}s"
    whole = round(seconds)
    parts: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, whole = divmod(whole, length)
        if amount or parts:
            parts.append(f"{amount}{THIN}{unit}" if amount else "")
    return " ".join(part for part in parts[:2] if part)


def size(value: int | None) -> str:
    """Return bytes in binary units."""
    if value is None:
        return NONE
    amount = float(value)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{number(amount)}{THIN}{unit}"
        amount /= 1024
    return f"{number(amount)}{THIN}GiB"


def utc(value: datetime) -> datetime:
    """Return the moment in UTC; one without a zone is taken to be in UTC."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def moment(value: datetime | None) -> str:
    """Return a moment as an ISO date and minute, in UTC."""
    return NONE if value is None else f"{utc(value):%Y-%m-%d}{THIN}{utc(value):%H:%M}{THIN}UTC"


def machine(value: datetime) -> str:
    """Return a moment as a program reads it, to the minute."""
    return f"{utc(value):%Y-%m-%dT%H:%MZ}"


def evidence(value: float | None, name: str) -> str:
    """Return a figure of evidence in the unit that its name has in a policy."""
    if name in COUNTS:
        return count(value)
    if name in SECONDS:
        return duration(value)
    return number(value)


def sentence(text: str) -> str:
    """Return the text with a full stop, ready to end a line; empty stays empty."""
    text = text.strip()
    return text if not text or text[-1] in ".!?" else f"{text}."


def shorten(text: str, length: int) -> str:
    """Return the text, cut to `length` characters with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def plural(amount: int, noun: str) -> str:
    """Return the count and its noun, in the plural where it is not one."""
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"
