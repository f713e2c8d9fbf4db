"""The tensors of a safetensors file by name: their digests, and how far those of two files lie apart.

The format is a length (8 bytes), a JSON header and the bytes: https://huggingface.co/docs/safetensors. Nothing but
numpy is needed to read it, so that the daemon can compare weights without torch.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maintainer.errors import InputError

FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
WHOLE = {"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "u1"}


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor as it lies in the file."""

    dtype: str
    shape: tuple[int, ...]
    content: bytes

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of type, shape and bytes."""
        return hashlib.sha256(f"{self.dtype} {self.shape} ".encode() + self.content).hexdigest()

    def values(self) -> NDArray[np.float64]:
        """Return the numbers, flat."""
        if self.dtype == "BF16":  # the upper half of a float32
            wide = np.frombuffer(self.content, "<u2").astype(np.uint32) << 16
            return wide.view(np.float32).astype(np.float64)
        return np.frombuffer(self.content, (FLOATS | WHOLE)[self.dtype]).astype(np.float64)


def read_tensors(path: Path) -> dict[str, Stored]:
    """Return the tensors of a file by name.

    Raises:
        InputError: it is absent, or no safetensors file.
    """
    try:
        whole = path.read_bytes()
        (length,) = struct.unpack("<Q", whole[:8])
        header = json.loads(whole[8 : 8 + length])
        body = whole[8 + length :]
        return {
            name: Stored(
                str(told["dtype"]), tuple(told["shape"]), body[told["data_offsets"][0] : told["data_offsets"][1]]
            )
            for name, told in header.items()
            if name != "__metadata__"
        }
    except (OSError, struct.error, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read as safetensors: {error}") from error


def digest_of(tensors: Mapping[str, Stored]) -> str:
    """Return the SHA-256 (hex) over the names and the digests of all tensors, whatever their order in the file."""
    whole = hashlib.sha256()
    for name in sorted(tensors):
        whole.update(f"{name} {tensors[name].digest}\n".encode())
    return whole.hexdigest()


def apart(then: Mapping[str, Stored], now: Mapping[str, Stored]) -> dict[str, float | None]:
    """Return the tensors that are not the same bit by bit, by name, with their largest difference.

    None where only one file has it, or where its type or shape is another.
    """
    found: dict[str, float | None] = {}
    for name in sorted(then.keys() | now.keys()):
        first, second = then.get(name), now.get(name)
        if first is None or second is None:
            found[name] = None
        elif first.digest != second.digest:
            same = (first.dtype, first.shape) == (second.dtype, second.shape)
            found[name] = float(np.max(np.abs(first.values() - second.values()))) if same else None
    return found
