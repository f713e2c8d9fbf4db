"""The families by name, loaded when they are asked for: a table needs no transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from maintainer.domain.training import Train
from maintainer.errors import InputError
from maintainer.families.family import Family
from maintainer.families.weights import ENCODER


def family_of(name: str, rules: Train | None = None) -> Family:
    """Return the family of a name, to learn as the rules say. Raises InputError where there is none of that name."""
    if name == "tabular-mlp":
        from maintainer.families.tabular_mlp import FAMILY

        return cast("Family", FAMILY)
    if name == "ft-transformer":
        from maintainer.families.ft_transformer import FAMILY as transformer

        return cast("Family", transformer)
    if name == "huggingface":
        from maintainer.families.huggingface import FAMILY as PLAIN
        from maintainer.families.huggingface import HuggingFaceFamily

        return cast("Family", PLAIN if rules is None else HuggingFaceFamily.under(rules))
    raise InputError(f"there is no family '{name}'")


def family_in(directory: Path) -> Family:
    """Return the family of a version. Raises InputError where its encoder cannot be read."""
    path = directory / ENCODER
    try:
        told: Any = json.loads(path.read_bytes())
        return family_of(str(told["family"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path.name} of {directory.name} cannot be read as an encoder: {error!r}") from error
