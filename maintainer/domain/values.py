"""The small values of a policy: durations, sizes, shares, counts, `m of n`, limits and paths."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from maintainer.domain.profile import LARGEST
from maintainer.domain.section import designed

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
LONGEST = timedelta(days=36_500)
MIB, GIB = 1 << 20, 1 << 30
SLUG = r"^[a-z][a-z0-9-]{0,62}$"
ONE_LINE = r"^[^\x00-\x1f]*$"


def parse_duration(value: object) -> timedelta:
    """Return the timedelta of `30m`, `6h` or `7d`: whole seconds, more than none and at most a hundred years."""
    found = re.fullmatch(r"([0-9]{1,10})([smhdw])", value) if isinstance(value, str) else None
    if found is not None:
        seconds = int(found[1]) * int(timedelta(**{UNITS[found[2]]: 1}).total_seconds())
        value = timedelta(seconds=seconds) if seconds <= LONGEST.total_seconds() else None
    if not isinstance(value, timedelta) or value.microseconds or not timedelta(0) < value <= LONGEST:
        raise PydanticCustomError("duration", "wanted a duration such as 30m, 6h or 7d, at most 36500d")
    return value


def format_duration(value: timedelta) -> str:
    """Return `7d` for seven days: the largest of d, h, m and s that needs no fraction."""
    seconds = int(value.total_seconds())
    unit = next(unit for unit, size in SECONDS.items() if seconds % size == 0)
    return f"{seconds // SECONDS[unit]}{unit}"


def parse_size(value: object) -> int:
    """Return the bytes of `512MiB` or `4GiB`; a number of bytes must be whole MiB."""
    found = re.fullmatch(r"([0-9]{1,9})(MiB|GiB)", value) if isinstance(value, str) else None
    if found is not None:
        value = int(found[1]) * (MIB if found[2] == "MiB" else GIB)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0 or value % MIB:
        raise PydanticCustomError("size", "wanted a size such as 512MiB or 4GiB")
    return value


def format_size(value: int) -> str:
    """Return `4GiB` for its bytes."""
    return f"{value // MIB}MiB" if value % GIB else f"{value // GIB}GiB"


def parse_fraction(value: object) -> tuple[int, int]:
    """Return (m, n) of `m of n`."""
    found = re.fullmatch(r"([0-9]{1,4}) of ([0-9]{1,4})", value) if isinstance(value, str) else None
    match value if found is None else (int(found[1]), int(found[2])):
        case (int(m), int(n)) if 1 <= m <= n <= 1000:
            return m, n
        case _:
            raise PydanticCustomError("m_of_n", "wanted 'm of n' with 1 <= m <= n <= 1000, such as 3 of 5")


def format_fraction(value: tuple[int, int]) -> str:
    """Return `3 of 5`."""
    return f"{value[0]} of {value[1]}"


def parse_limit(value: object) -> float | timedelta:
    """Return a finite number, or a duration; which of them is wanted depends on the evidence."""
    if isinstance(value, timedelta) or (isinstance(value, str) and re.fullmatch(r"[0-9]+[smhdw]", value)):
        return parse_duration(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
        message = "wanted a finite number, or a duration such as 30d for champion.age and labels.delay"
        raise PydanticCustomError("limit", message)
    return float(value)


def format_limit(value: float | timedelta) -> float | str:
    """Return `7d` for seven days, and a number as it is."""
    return format_duration(value) if isinstance(value, timedelta) else value


def figure_of(limit: float | timedelta) -> float:
    """Return a limit as evidence counts: durations in seconds."""
    return limit.total_seconds() if isinstance(limit, timedelta) else limit


def check_path(value: str) -> str:
    """Return a folder below inbox/, written in one way; what was taken in lies in a model's done/ and quarantine/."""
    path = PurePosixPath(value)
    if len(path.parts) < 2 or path.parts[0] != "inbox" or ".." in path.parts or re.search(r"[\\:\x00-\x1f]", value):
        raise PydanticCustomError("path", "wanted a folder below inbox/, such as inbox/electricity")
    if {"done", "quarantine"} & set(path.parts[2:]):
        raise PydanticCustomError("path", "wanted a folder below inbox/ that is not done or quarantine, nor in them")
    return str(path)


def check_base(value: str) -> str:
    """Return a folder below bases/, written in one way."""
    path = PurePosixPath(value)
    if len(path.parts) < 2 or path.parts[0] != "bases" or ".." in path.parts or re.search(r"[\\:\x00-\x1f]", value):
        raise PydanticCustomError("path", "wanted a folder below bases/, such as bases/minilm")
    return str(path)


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^0*[1-9][0-9]*[smhdw]$"}),
]
Bytes = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^0*[1-9][0-9]*(MiB|GiB)$"}),
]
MOfN = Annotated[
    tuple[int, int],
    BeforeValidator(parse_fraction),
    PlainSerializer(format_fraction, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+ of [0-9]+$"}),
]
Real = Annotated[float, Field(strict=True)]
Positive = Annotated[float, Field(gt=0, strict=True)]
Share = Annotated[float, Field(ge=0.0, le=1.0, strict=True)]
OpenShare = Annotated[float, Field(gt=0.0, lt=1.0, strict=True)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
Limit = Annotated[
    float | timedelta,
    BeforeValidator(parse_limit),
    designed("auto"),
    PlainSerializer(format_limit, return_type=float | str, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": "^0*[1-9][0-9]*[smhdw]$"}]}),
]
Slug = Annotated[str, Field(pattern=SLUG)]
Text = Annotated[str, Field(min_length=1, max_length=500, pattern=ONE_LINE)]
FeatureName = Annotated[str, Field(max_length=200, pattern=r"^[^_\x00-\x1f\x7f][^\x00-\x1f\x7f]*$")]
InboxPath = Annotated[str, AfterValidator(check_path)]
BasePath = Annotated[str, AfterValidator(check_base)]
