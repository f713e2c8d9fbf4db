"""What a version carries about its own weights, so that the next training knows which of them matter."""
# safetensors and torch annotate themselves only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from maintainer.errors import InputError
from maintainer.families.family import Weights

DISCOUNT = 0.9  # gamma: what an older importance counts at the next update
MASS = "mass"  # entry of the importances: how many updates they are the sum of, older ones discounted
FILE = "importance.safetensors"

Kind = Literal["fisher", "ewc", "mas", "si", "kfac"]
NONE = "none"  # kind of what an adopted network carries: nothing was measured


@dataclass(frozen=True, slots=True)
class Memory:
    """Importances by the name of their weights.

    fisher: discounted sum of diagonal Fisher informations, and its mass. ewc: their plain sum, and the anchor that the
    penalties of all updates together pull to. mas, si: sums. kfac: factors (see kfac.py), discounted, and their mass.
    none: there are none.
    """

    kind: Kind | Literal["none"]
    tensors: Weights

    def per_sample(self) -> Weights:
        """Return discounted sums as means."""
        return {name: value / self.tensors[MASS] for name, value in self.tensors.items() if name != MASS}


def carry(old: Weights | None, new: Weights, discount: float = DISCOUNT) -> Weights:
    """Return gamma * old + new with the mass of that sum: online EWC.

    Schwarz et al. 2018, eq. 9, https://arxiv.org/abs/1805.06370. Divided by its mass it is a mean Fisher per sample,
    whatever the number of updates.
    """
    kept = {name: discount * old[name] + value if name in old else value for name, value in new.items()} if old else new
    return {**kept, MASS: discount * old[MASS] + 1.0 if old else torch.tensor(1.0)}


def save(directory: Path, memory: Memory) -> None:
    """Write the memory of a version."""
    tensors = {name: memory.tensors[name].detach().contiguous() for name in sorted(memory.tensors)}
    save_file(tensors, directory / FILE, metadata={"kind": memory.kind})


def load(directory: Path) -> Memory:
    """Read the memory of a version. Raises InputError where it is absent or no safetensors."""
    path = directory / FILE
    try:
        with safe_open(path, "pt") as file:
            kind = str((file.metadata() or {}).get("kind", "fisher"))
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path.name} of {directory.name} cannot be read as safetensors: {error}") from error
    if kind not in ("fisher", "ewc", "mas", "si", "kfac", "none"):
        raise InputError(f"{path.name} of {directory.name} holds importances of an unknown kind '{kind}'")
    return Memory(kind, tensors)
