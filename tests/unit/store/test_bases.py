"""A save_pretrained directory on its way into the state directory."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from maintainer.errors import InputError
from maintainer.store.bases import pack, unpack


def saved(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).write_text(name)
    return folder


def test_only_what_is_ever_looked_at_travels(tmp_path: Path) -> None:
    source = saved(
        tmp_path / "source", "config.json", "tokenizer.json", "model.safetensors", "modeling_own.py", "x.bin"
    )
    pack(source, tmp_path / "base.tar")
    for _ in range(2):  # the second takes the place of the first
        unpack(tmp_path / "base.tar", tmp_path / "bases" / "m")
        found = sorted(path.name for path in (tmp_path / "bases" / "m").iterdir())
        assert found == ["config.json", "model.safetensors", "tokenizer.json"]


def test_shards_travel_too(tmp_path: Path) -> None:
    names = ("config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors")
    pack(saved(tmp_path / "source", *names), tmp_path / "base.tar")
    unpack(tmp_path / "base.tar", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)


def test_pickled_weights_do_not_travel(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a pickle runs code"):
        pack(saved(tmp_path / "source", "config.json", "pytorch_model.bin"), tmp_path / "base.tar")
    with pytest.raises(InputError, match=r"has no model\.safetensors"):
        pack(saved(tmp_path / "empty"), tmp_path / "base.tar")
    with pytest.raises(InputError, match="is no directory"):
        pack(tmp_path / "nowhere", tmp_path / "base.tar")


@pytest.mark.parametrize(
    "name", ["../model.safetensors", "/model.safetensors", "model/../../x.safetensors", "own.py", "a/config.json"]
)
def test_nothing_else_comes_out_of_an_archive(name: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "base.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    with pytest.raises(InputError, match="is no file of a saved network"):
        unpack(tmp_path / "base.tar", tmp_path / "bases" / "m")
    assert not (tmp_path / "bases" / "m").exists()


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "base.tar", "w") as archive:
        link = tarfile.TarInfo("config.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(InputError, match="is no file of a saved network"):
        unpack(tmp_path / "base.tar", tmp_path / "out")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "base.tar").write_bytes(b"no archive" * 200)
    with pytest.raises(InputError, match="cannot be read as an archive"):
        unpack(tmp_path / "base.tar", tmp_path / "out")
