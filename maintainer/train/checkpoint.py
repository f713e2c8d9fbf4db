"""Where a training is, on disk: a killed one goes on and ends in the same bits.

The order of the batches is drawn anew from the seed and the number of steps done; everything else is kept.
"""
# safetensors and torch annotate themselves only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from maintainer.domain.phase import EpochRecord

EVERY = 20.0  # seconds between two checkpoints inside an epoch


@dataclass(frozen=True, slots=True)
class Memo:
    """What the epochs so far have brought."""

    best: Tensor  # (P,)
    lowest: float
    since: int  # epochs since the best
    records: tuple[EpochRecord, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """All that the rest of a training depends on."""

    done: int  # batches
    memo: Memo
    tensors: dict[str, Tensor]  # weights, average, best, optimiser, generators


class Checkpoint:
    """One file, replaced in one rename; `key` names what is trained: a file of another training is no checkpoint."""

    def __init__(self, path: Path, key: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.path, self.key, self.clock = path, key, clock
        self.last = clock()

    def due(self) -> bool:
        """Return whether it is time to save again."""
        return self.clock() - self.last >= EVERY

    def save(self, progress: Progress) -> None:
        """Write the file."""
        told = {
            "done": progress.done,
            "lowest": progress.memo.lowest,
            "since": progress.memo.since,
            "records": [record.model_dump() for record in progress.memo.records],
        }
        partial = self.path.with_suffix(".partial")
        tensors = {name: value.detach().contiguous().clone() for name, value in progress.tensors.items()}
        save_file(tensors, partial, metadata={"key": self.key, "told": json.dumps(told)})
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, self.path)
        self.last = self.clock()

    def load(self) -> Progress | None:
        """Return where the training was; None where there is no whole file of this training."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, "pt") as file:
                metadata = file.metadata() or {}
                if metadata.get("key") != self.key:
                    return None
                tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):
            return None  # half a file: begin anew
        told = json.loads(metadata["told"])
        records = tuple(EpochRecord.model_validate(record) for record in told["records"])
        memo = Memo(tensors["best"], float(told["lowest"]), int(told["since"]), records)
        return Progress(int(told["done"]), memo, tensors)
