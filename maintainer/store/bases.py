"""What new weights start from: folders below `bases/` of the state directory, and how one comes there from outside."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from maintainer.errors import InputError, StoreError
from maintainer.store import artifacts

CONFIG, TOKENIZER = "config.json", "tokenizer.json"
WEIGHTS, SHARDS = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "tf_model.h5", "flax_model.msgpack")
TAKEN = (CONFIG, TOKENIZER, "tokenizer_config.json", "special_tokens_map.json", SHARDS)  # beside the weights


def require_weights(path: Path) -> None:
    """Refuse a folder without weights that can be read without running what is in them.

    Raises:
        InputError: there is no such folder, or it has no safetensors.
    """
    if not path.is_dir():
        raise InputError(f"{path} is no directory; wanted what save_pretrained writes: {CONFIG}, {WEIGHTS} and more")
    if (path / WEIGHTS).is_file() or (path / SHARDS).is_file():
        return
    if pickled := [name for name in PICKLES if (path / name).exists()]:
        raise InputError(
            f"{path} has its weights as {pickled[0]}, which is never read: a pickle runs code. Wanted {WEIGHTS}; "
            "save_pretrained of transformers writes it"
        )
    raise InputError(f"{path} has no {WEIGHTS}")


def pack(folder: Path, target: Path) -> None:
    """Write the files of a `save_pretrained` directory that are ever looked at into one archive.

    Raises:
        InputError: it is no such directory, or a file of it cannot be read.
    """
    require_weights(folder)
    try:
        with tarfile.open(target, "w") as archive:
            for file in _taken(folder):
                archive.add(file, file.name, recursive=False)
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error}") from error


def _taken(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.iterdir()):
        if file.is_file() and _known(file.name):
            yield file.resolve()


def _known(name: str) -> bool:
    return name in TAKEN or (name.startswith("model") and name.endswith(".safetensors") and "/" not in name)


def unpack(archive: Path, target: Path) -> None:
    """Make the files of an archive the folder `target`, in place of what was there; nothing else comes out of it.

    Raises:
        InputError: it is no archive, or one of something else.
    """
    partial = artifacts.fresh_partial(target)
    try:
        with tarfile.open(archive, "r:") as packed:
            for member in packed:
                if not member.isreg() or not _known(member.name):
                    raise InputError(f"{archive.name} holds {member.name!r:.80}, which is no file of a saved network")
                source = packed.extractfile(member)
                assert source is not None
                with source, (partial / member.name).open("wb") as file:
                    shutil.copyfileobj(source, file)
    except (tarfile.TarError, EOFError) as error:
        raise InputError(f"{archive.name} cannot be read as an archive: {error}") from error
    except OSError as error:
        raise StoreError(f"{partial} cannot be written: {error.strerror or error}") from error
    require_weights(partial)
    shutil.rmtree(target, ignore_errors=True)
    artifacts.publish_partial(target)
