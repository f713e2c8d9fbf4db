"""The family `huggingface`: encoders of text that somebody has trained before, from a `save_pretrained` directory."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maintainer.domain.sample import TaskKind
from maintainer.domain.sections import Base
from maintainer.domain.training import USUAL_UNFREEZE, Train, Unfreeze
from maintainer.errors import InputError
from maintainer.families import lora, network, probe, text
from maintainer.families.family import Weights
from maintainer.families.head import grow_head
from maintainer.families.labels import spread
from maintainer.families.network import TextModel, Wanted
from maintainer.families.pretrained import look
from maintainer.families.table import Samples
from maintainer.families.text import TextEncoder, Texts

RATE, HEAD_RATE = 1e-4, 1e-3  # usual size of a step: of whole layers, and of a head or an addition to layers
FAST = ("avx512_bf16", "amx_bf16")  # flags of processors that multiply bfloat16


def halves() -> bool:
    """Return whether this processor multiplies bfloat16 faster than float32."""
    try:
        return any(flag in Path("/proc/cpuinfo").read_text(encoding="utf-8") for flag in FAST)
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class HuggingFaceFamily:
    """See `family.Family`; without rules all weights are there to learn, in float32."""

    unfreeze: Unfreeze = "all"
    halved: bool = False
    name: str = "huggingface"
    at_once: int = 64
    pretrained: bool = True

    @classmethod
    def under(cls, rules: Train) -> HuggingFaceFamily:
        """Return the family as the rules of a policy want it to learn."""
        halved = halves() if rules.precision == "auto" else rules.precision == "bf16"
        return cls(USUAL_UNFREEZE if rules.unfreeze == "auto" else rules.unfreeze, halved)

    @property
    def learning_rate(self) -> float:
        """Return the usual size of a step."""
        return HEAD_RATE if self.unfreeze in ("head", "lora") else RATE

    @property
    def gradual(self) -> bool:
        """Return whether weights learn one after the other, from the head down."""
        return self.unfreeze == "gradual"

    def depths(self, module: TextModel) -> dict[str, int]:
        """Return how far each weight lies from the answer."""
        return network.depths(module)

    def features(self, encoder: TextEncoder) -> dict[str, str]:
        """Return column -> its kind."""
        return encoder.features

    def fit(self, task: TaskKind, samples: Samples, classes: tuple[str, ...], base: Base) -> TextEncoder:
        """Return the encoder of samples whose labels are all there, from the directory `base.path`.

        Raises InputError where there is no such directory, or nothing in it that can be used.
        """
        if base.path is None:
            raise InputError("there is no directory to start from: wanted base.path, or `bootstrap --from DIR`")
        mean, scale, _ = spread(samples.labels.astype(np.float64)) if task is TaskKind.REGRESSION else (0.0, 1.0, True)
        (column,) = samples.categories
        data = {"task": task, "classes": classes, "column": column, "target_mean": mean, "target_scale": scale}
        return network.encoder_of(look(Path(base.path)), data, base.longest)

    def grow(self, encoder: TextEncoder, samples: Samples, classes: tuple[str, ...]) -> TextEncoder:
        """Return the encoder with room for new classes."""
        del samples
        return network.relabelled(encoder.model_copy(update={"classes": classes}))

    def grow_weights(self, before: TextEncoder, after: TextEncoder, weights: Weights, fill: bool) -> Weights:
        """Return weights with zero rows for new classes."""
        del before, fill
        grown = grow_head(weights, after.head, after.outputs)
        if self.unfreeze != "lora":
            return grown
        with torch.device("meta"):
            names = lora.targets(network.build(after, Wanted()))
        return lora.begun(grown, names)

    def settled(self, encoder: TextEncoder, weights: Weights) -> Weights:
        """Return the weights with additions to layers in the layers themselves."""
        return lora.merged(self.build(encoder, weights), weights) if self.unfreeze == "lora" else weights

    def inputs(self, encoder: TextEncoder, samples: Samples) -> Texts:
        """Return the tensors of samples."""
        return text.texts_of(encoder, samples.categories[encoder.column].tolist())

    def build(self, encoder: TextEncoder, weights: Weights | None = None, dropout: float = 0.0) -> TextModel:
        """Return the module, with these weights or, without, with those of the directory that the encoder is from."""
        wanted = Wanted(dropout, self.halved)
        if weights is not None:
            module = network.build(encoder, wanted)
            module.load_state_dict({name: value for name, value in weights.items() if not name.endswith(lora.LEARNED)})
        elif encoder.origin is not None:
            module = network.pretrained(encoder, look(Path(encoder.origin)), wanted)
        else:
            raise InputError("a version has no weights to begin anew with: name base.path")
        if self.unfreeze == "lora":
            lora.add(module, weights or {})
        network.freeze(module, self.unfreeze)
        return module

    def prime(self, module: TextModel, inputs: Texts, targets: Tensor, task: TaskKind, known: int = 0) -> bool:
        """Begin a head of ours, or its new rows, where a linear model on the network as it is would end."""
        if module.head is None:
            return False
        with torch.no_grad():
            probe.fit(module, inputs, probe.Asked(targets, task, known), self.at_once)
        return True

    def save(self, encoder: TextEncoder, directory: Path) -> None:
        """Write `encoder.json`, `config.json` and `tokenizer.json`."""
        text.save(directory, encoder)

    def load(self, directory: Path) -> TextEncoder:
        """Read them. Raises InputError where one is absent or not what it should be."""
        return text.load(directory)


FAMILY = HuggingFaceFamily()
