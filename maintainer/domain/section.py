"""What every part of a policy is: frozen, closed to unknown keys, and plain about what is not built yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

NOT_BUILT = "is designed but not built yet"


class Section(BaseModel):
    """A part of the policy: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True)


def keys_of(value: object) -> dict[str, Any] | None:
    """Return what is said in a section; nothing where it is absent, None where it is no section."""
    if value is None or isinstance(value, Section):
        return {} if value is None else {name: getattr(value, name) for name in value.model_fields_set}
    return dict(cast("Mapping[str, Any]", value)) if isinstance(value, Mapping) else None


def designed(*words: str) -> BeforeValidator:
    """Return a validator that refuses words which the design knows and the program does not do yet."""

    def refuse(value: object) -> object:
        if isinstance(value, str) and value in words:
            raise PydanticCustomError("not_built", "'{word}' " + NOT_BUILT, {"word": value})
        return value

    return BeforeValidator(refuse)


def refused(word: str, why: str) -> BeforeValidator:
    """Return a validator that refuses a word which will not be built, and says why."""

    def refuse(value: object) -> object:
        if value == word:
            raise PydanticCustomError("refused", "it is refused for good: {why}", {"why": why})
        return value

    return BeforeValidator(refuse)


def designed_kinds(key: str, *words: str) -> BeforeValidator:
    """Return a validator for the members of a union that `key` tells apart: it refuses kinds that are not built."""

    def refuse(value: object) -> object:
        if (kind := _plain(value).get(key)) in words:
            raise PydanticCustomError("not_built", "'{word}' " + NOT_BUILT, {"word": str(kind), "key": key})
        return value

    return BeforeValidator(refuse)


def only(*inert: object, zero: str | None = None, beside: tuple[str, ...] = ()) -> BeforeValidator:
    """Return the validator of a key that is not built: nothing, or a value that asks for nothing, becomes None.

    `zero` names the key that must be 0 where the value is a mapping, `beside` those that then mean nothing.
    """

    def refuse(value: object) -> None:
        if value is None or any(type(value) is type(word) and value == word for word in inert):
            return
        asked = _plain(value)
        if zero is not None and asked.get(zero) == 0 and set(asked) <= {zero, *beside}:
            return
        raise PydanticCustomError("not_built_key", NOT_BUILT + "; leave it out")

    return BeforeValidator(refuse)


def _plain(value: object) -> dict[str, object]:
    """Return a mapping's items under names; nothing for what is no mapping."""
    items: Mapping[Any, Any] = cast("Mapping[Any, Any]", value) if isinstance(value, Mapping) else {}
    return {str(name): item for name, item in items.items()}


NotBuilt = SkipJsonSchema[None]  # the type of a key that the design knows; its value is always None
LATER: Any = Field(default=None, exclude=True, repr=False)  # its default: in no dump and in no schema
