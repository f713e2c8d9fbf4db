"""A pre-trained network that reads texts, and which of its weights learn.

transformers annotates itself only in part: this is its one wrapper, beside `pretrained.py` and `lora.py`.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownParameterType=false

from __future__ import annotations

import math
import re
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from maintainer.domain.sample import TaskKind
from maintainer.domain.training import Unfreeze
from maintainer.errors import InputError
from maintainer.families.prefix import Prefix
from maintainer.families.pretrained import Found
from maintainer.families.text import TextEncoder, Texts

UPPER = 3  # of `top`: one layer in so many learns, the last ones
HEAD = "head"
LABELS = ("id2label", "label2id", "num_labels", "problem_type")
PRECISION = ("torch_dtype", "dtype")  # in which a checkpoint was written; ours are float32


class TextModel(nn.Module):
    """A network, and a head on the mean of its last states unless it has one of its own."""

    def __init__(self, network: nn.Module, head: nn.Linear | None, dropout: float, halved: bool) -> None:
        super().__init__()
        self.network, self.head = network, head
        self.dropout = nn.Dropout(dropout)
        self.halved = halved  # products in bfloat16
        self.prefix: Prefix | None = None  # what holds still below all that learns

    def forward(self, inputs: Texts) -> Tensor:  # (n, outputs)
        """Return logits, or the standardised value."""
        above = self.prefix.above(inputs) if self.prefix is not None else nullcontext()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.halved), above:
            return self.answer(*inputs.padded()).float()

    def train(self, mode: bool = True) -> TextModel:
        """Switch dropout on or off where something learns."""
        super().train(mode)
        if self.prefix is not None:
            self.prefix.calm()
        return self

    def answer(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Return the same of token numbers and attention mask, both (n, longest)."""
        if self.head is None:
            return self.network(input_ids=ids, attention_mask=mask).logits
        return self.head(self.dropout(self.pooled(ids, mask)))

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:  # (n, width)
        """Return the mean of the last states over the tokens that are there."""
        states = self.network(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.to(states.dtype)[:, :, None]
        return (states * weight).sum(1) / weight.sum(1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a module is to be built."""

    dropout: float = 0.0
    halved: bool = False


def encoder_of(found: Found, encoder: dict[str, Any], longest: int | None = None) -> TextEncoder:
    """Return the encoder that starts from a directory; `encoder` is what the data say of it."""
    draft = TextEncoder(
        pooled=not found.classifier,
        head=HEAD,
        longest=found.longest(longest),
        pad=found.pad,
        config={name: value for name, value in found.config.items() if name not in PRECISION},
        tokenizer=found.tokenizer,
        origin=str(found.path),
        **encoder,
    )
    if draft.pooled:
        return draft
    own = draft.model_copy(update={"config": _labelled(draft)})
    return own.model_copy(update={"head": head_name(own)})


def _labelled(encoder: TextEncoder) -> dict[str, Any]:
    """Return the configuration with our classes as its labels."""
    names = encoder.classes if encoder.task is TaskKind.CLASSIFICATION else ("value",)
    plain = {key: value for key, value in encoder.config.items() if key not in LABELS}
    labels = {str(place): name for place, name in enumerate(names)}
    return {**plain, "id2label": labels, "label2id": {name: int(place) for place, name in labels.items()}}


def relabelled(encoder: TextEncoder) -> TextEncoder:
    """Return the encoder with its classes in the configuration too, where the network has a head of its own."""
    return encoder if encoder.pooled else encoder.model_copy(update={"config": _labelled(encoder)})


def head_name(encoder: TextEncoder) -> str:
    """Return the name of the last Linear of a network with a head of its own."""
    with torch.device("meta"):
        network = _network(encoder, 0.0)
    fitting = [n for n, m in network.named_modules() if isinstance(m, nn.Linear) and m.out_features == encoder.outputs]
    outside = [name for name in fitting if not name.startswith(network.base_model_prefix + ".")]
    if not outside:
        raise InputError(f"{type(network).__name__} has no Linear of {encoder.outputs} outputs as its head")
    return f"network.{outside[-1]}"


def build(encoder: TextEncoder, wanted: Wanted) -> TextModel:
    """Return the module with weights that are about to be replaced."""
    network = _network(encoder, wanted.dropout)
    head = None
    if encoder.pooled:
        head = nn.Linear(int(network.config.hidden_size), encoder.outputs)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    return TextModel(network, head, wanted.dropout, wanted.halved)


def _network(encoder: TextEncoder, dropout: float) -> Any:
    from transformers import AutoModel, AutoModelForSequenceClassification

    auto = AutoModel if encoder.pooled else AutoModelForSequenceClassification
    network = auto.from_config(_config(encoder, dropout), trust_remote_code=False)
    return _without_pooler(network) if encoder.pooled else network


def _config(encoder: TextEncoder, dropout: float) -> Any:
    from transformers import AutoConfig

    told = {key: value for key, value in encoder.config.items() if key not in ("model_type", "architectures")}
    if not encoder.pooled:
        told["id2label"] = {int(place): name for place, name in told["id2label"].items()}
    for key, value in told.items():
        if re.search(r"drop(out)?(_prob|_rate|$)", key) and isinstance(value, float):
            told[key] = dropout
    try:
        return AutoConfig.for_model(encoder.config["model_type"], **told)
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"config.json is no configuration of '{encoder.config.get('model_type')}': {error}") from error


def _without_pooler(network: Any) -> Any:
    """Return a plain encoder without what it would do to its first state: nothing of ours looks at it."""
    if getattr(network, "pooler", None) is not None:
        network.pooler = None
    return network


def pretrained(encoder: TextEncoder, found: Found, wanted: Wanted) -> TextModel:
    """Return the module with the weights of a directory; its head answers the classes that it has a row for.

    Raises:
        InputError: the weights are not those of the configuration.
    """
    module = build(encoder, wanted)
    weights, missing = _weights_of(encoder, found)
    own = encoder.head.removeprefix("network.")
    rest = {name: value for name, value in weights.items() if encoder.pooled or name.rpartition(".")[0] != own}
    module.network.load_state_dict(rest, strict=False)
    if missing:
        raise InputError(
            f"the weights of {found.path} lack {len(missing)} that its config.json asks for, such as {missing[0]}"
        )
    if not encoder.pooled:
        _adopt_head(module, encoder, found, weights)
    return module


def _weights_of(encoder: TextEncoder, found: Found) -> tuple[dict[str, Tensor], list[str]]:
    """Return the weights as our module names them, the head with the rows that it was saved with."""
    from transformers import AutoModel, AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    auto = AutoModel if encoder.pooled else AutoModelForSequenceClassification
    try:
        network, told = auto.from_pretrained(
            found.path,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(f"{found.path} cannot be loaded: {' '.join(str(error).split())[:300]}") from error
    if encoder.pooled:
        network = _without_pooler(network)
    weights: dict[str, Tensor] = {name: value.detach() for name, value in network.state_dict().items()}
    missing = sorted(name for name in told["missing_keys"] if name in weights)
    return weights, [*missing, *(str(key[0]) for key in sorted(told["mismatched_keys"]))]


def _adopt_head(module: TextModel, encoder: TextEncoder, found: Found, weights: dict[str, Tensor]) -> None:
    """Give the head the rows of the labels that both know; the others begin at zero."""
    key = encoder.head.removeprefix("network.")
    own = module.get_submodule(encoder.head)
    for part in ("weight", "bias"):
        name = f"{key}.{part}"
        if name not in weights:
            continue
        target, source = own.get_parameter(part), weights[name]
        with torch.no_grad():
            target.zero_()
            if encoder.task is TaskKind.REGRESSION and source.shape[0] == 1:
                shift = encoder.target_mean if part == "bias" else 0.0
                target.copy_((source - shift) / encoder.target_scale)
            for row, label in enumerate(found.labels if encoder.task is TaskKind.CLASSIFICATION else ()):
                if label in encoder.classes and row < source.shape[0]:
                    target[encoder.classes.index(label)] = source[row]


def layers_of(module: TextModel) -> tuple[str, int]:
    """Return the name of the list of layers, as weights begin with it, and how many there are."""
    longest: tuple[str, int] = ("", 0)
    for name, part in module.named_modules():
        if isinstance(part, nn.ModuleList) and len(part) > longest[1]:
            longest = (name, len(part))
    return longest


def depths(module: TextModel) -> dict[str, int]:
    """Return how far each weight lies from the answer: 0 for the head, 1 for the last layer, most for embeddings."""
    name, count = layers_of(module)
    base = "network." if module.head is not None else f"network.{module.network.base_model_prefix}."
    found: dict[str, int] = {}
    for key, _ in module.named_parameters():
        layer = re.match(re.escape(name) + r"\.(\d+)\.", key) if name else None
        if layer:
            found[key] = count - int(layer[1])
        else:
            found[key] = count + 1 if key.startswith(base) and "embed" in key else 0
    return found


def freeze(module: TextModel, unfreeze: Unfreeze) -> None:
    """Hold still all weights that are not to learn; those that were added to layers learn, beside the head."""
    if unfreeze in ("all", "gradual"):
        return
    _, count = layers_of(module)
    far = 0 if unfreeze in ("head", "lora") else max(1, math.ceil(count / UPPER))
    known = depths(module)
    for key, value in module.named_parameters():
        value.requires_grad_(known[key] <= far or ".lora_B." in key)
    if unfreeze != "lora":
        module.prefix = Prefix.of(module.network, count - far)
