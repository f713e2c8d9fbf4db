"""A version's encoder and weights on disk: JSON and safetensors, never pickle."""
# safetensors ships partial types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from maintainer.errors import InputError
from maintainer.families.family import Encoder

E = TypeVar("E", bound=Encoder)
ENCODER, MODEL = "encoder.json", "model.safetensors"


def load_encoder(directory: Path, kind: type[E]) -> E:
    """Read the encoder of a version. Raises InputError where it is absent or no encoder."""
    path = directory / ENCODER
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(f"{path.name} of {directory.name} cannot be read as an encoder: {error}") from error


def save_encoder(directory: Path, encoder: Encoder) -> None:
    """Write the encoder of a version."""
    (directory / ENCODER).write_text(encoder.model_dump_json(indent=1), encoding="utf-8")


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors. Raises InputError where the file is absent or no safetensors."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path.name} of {path.parent.name} cannot be read as safetensors: {error}") from error


def save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write named tensors, in the order of their names."""
    save_file({name: tensors[name].detach().contiguous() for name in sorted(tensors)}, path)
