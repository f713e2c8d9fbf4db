from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from maintainer.errors import InputError
from maintainer.store.tensors import apart, digest_of, read_tensors

WEIGHTS = {
    "a": torch.tensor([[1.5, -2.0], [0.0, 3.25]]),
    "b": torch.tensor([1.0, 0.125], dtype=torch.bfloat16),
    "c": torch.tensor([3, -4]),
    "d": torch.tensor(2.0, dtype=torch.float64),
}


def write(path: Path, tensors: dict[str, torch.Tensor], **metadata: str) -> Path:
    save_file(tensors, path, metadata=metadata or None)
    return path


def test_what_is_read_is_what_safetensors_wrote(tmp_path: Path) -> None:
    found = read_tensors(write(tmp_path / "x", WEIGHTS, kind="fisher"))
    assert found.keys() == WEIGHTS.keys()
    for name, tensor in WEIGHTS.items():
        assert found[name].shape == tuple(tensor.shape)
        np.testing.assert_array_equal(found[name].values(), tensor.double().flatten().numpy())


def test_the_digest_does_not_depend_on_the_order_nor_on_metadata(tmp_path: Path) -> None:
    first = read_tensors(write(tmp_path / "x", WEIGHTS))
    second = read_tensors(write(tmp_path / "y", dict(reversed(WEIGHTS.items())), told="else"))
    assert digest_of(first) == digest_of(second)
    assert apart(first, second) == {}


def test_one_other_bit_is_another_digest_and_differences_are_told_by_name(tmp_path: Path) -> None:
    first = read_tensors(write(tmp_path / "x", WEIGHTS))
    moved = WEIGHTS | {"a": WEIGHTS["a"] + torch.tensor([[0.0, 0.0], [0.0, 0.5]]), "c": torch.tensor([[3, -4]])}
    del moved["d"]
    second = read_tensors(write(tmp_path / "y", moved))
    assert digest_of(first) != digest_of(second)
    assert apart(first, second) == {"a": 0.5, "c": None, "d": None}


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 40, (4).to_bytes(8, "little") + b"nope"])
def test_what_is_no_safetensors_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        read_tensors(tmp_path / "x")
    with pytest.raises(InputError, match="absent"):
        read_tensors(tmp_path / "absent")
