"""Low-rank additions to the layers of a network (Hu et al. 2021, https://arxiv.org/abs/2106.09685), by peft.

Of each addition B A only B learns; A is drawn once and for all (Zhang et al. 2023, https://arxiv.org/abs/2308.03303).
So what is between two sets of weights is theirs mixed, a champion's importances mean the same in the next run, and a
penalty or the frontier need not know of it. peft is an extra, and annotates itself only in part: this is its wrapper.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false, reportUnknownParameterType=false, reportMissingImports=false

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from maintainer.errors import InputError
from maintainer.families.network import TextModel, layers_of

RANK, ALPHA = 8, 16  # of an addition: its width, and RANK times its weight beside the layer's own
SEED = 0  # of every A
ADAPTER = "default"
INNER, ONCE, LEARNED = ".base_layer.", ".lora_A.", f".lora_B.{ADAPTER}.weight"  # in the names of weights


def add(module: TextModel, weights: dict[str, Tensor]) -> None:
    """Add to each Linear inside the layers; only the additions learn, which begin at those of `weights` or at zero.

    Raises:
        InputError: peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise InputError("train.unfreeze 'lora' needs peft: pip install 'maintainer[lora]'") from error
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=targets(module))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        inject_adapter_in_model(config, module.network)
    for name, value in module.named_parameters():
        value.requires_grad_(name.endswith(LEARNED))
        if name in weights and name.endswith(LEARNED):
            value.data.copy_(weights[name])
    module.register_state_dict_post_hook(_plainly)


def targets(module: TextModel) -> list[str]:
    """Return the names, inside the network, of what is added to."""
    layers, _ = layers_of(module)
    found = [name for name, part in module.named_modules() if isinstance(part, nn.Linear)]
    return [name.removeprefix("network.") for name in found if layers and name.startswith(layers + ".")]


def _plainly(module: nn.Module, state: dict[str, Any], prefix: str, metadata: dict[str, Any]) -> None:
    """Name the weights as without additions, and leave out what is drawn again."""
    del module, prefix, metadata
    for name in list(state):
        value = state.pop(name)
        if ONCE not in name:
            state[name.replace(INNER, ".")] = value


def begun(weights: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
    """Return weights with an addition of zero to each of the named layers that has none."""
    more = {
        f"network.{name}{LEARNED}": weights[f"network.{name}.weight"].new_zeros(
            weights[f"network.{name}.weight"].shape[0], RANK
        )
        for name in names
        if f"network.{name}.weight" in weights
    }
    return {**more, **weights}


def merged(module: TextModel, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with the additions of the module in the layers themselves."""
    from peft.tuners.lora import LoraLayer

    found = {name: value for name, value in weights.items() if not name.endswith(LEARNED)}
    with torch.no_grad():
        for name, part in module.named_modules():
            if isinstance(part, LoraLayer):
                added: Any = part
                found[f"{name}.weight"] = found[f"{name}.weight"] + added.get_delta_weight(ADAPTER)
    return found
