"""The part of a network below all that learns: what it says of a text never changes, so it is asked once.

It runs without dropout. States are kept in the order in which the texts came, computed for all of them at once, so that
a training that was killed and goes on finds the same bits.
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from maintainer.families.text import Texts

KINDS = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert")  # embeddings, then a plain row of layers
LARGEST = 512 << 20  # bytes of states that are kept; of more texts they are computed again each time
AT_ONCE = 4096  # tokens of several texts whose states are computed together


class _Given(nn.Module):
    """Stands where embeddings were and says what is known already."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states

    def forward(self, *given: object, **named: object) -> Tensor:
        del given, named
        return self.states


@dataclass(frozen=True)
class Prefix:
    """The embeddings and the first `depth` layers of a network, all of which hold still."""

    base: Any  # the encoder, which has `embeddings`
    parent: nn.Module  # of the list of layers
    name: str  # of that list in its parent
    depth: int

    @classmethod
    def of(cls, network: Any, depth: int) -> Prefix | None:
        """Return the prefix of a network; None where there is nothing to skip, or no plain row of layers."""
        if depth < 1 or network.config.model_type not in KINDS:
            return None
        base = getattr(network, network.base_model_prefix, network)
        for _, parent in base.named_modules():
            for name, child in parent.named_children():
                if isinstance(child, nn.ModuleList) and len(child) == network.config.num_hidden_layers > depth - 1:
                    return cls(base, parent, name, depth)
        return None

    def calm(self) -> None:
        """Switch dropout off in it, whatever the rest does."""
        self.base.embeddings.eval()
        for layer in self._layers()[: self.depth]:
            layer.eval()

    @cached_property
    def mark(self) -> tuple[float, ...]:
        """Return what tells its weights from others; they hold still."""
        parts = [self.base.embeddings, *self._layers()[: self.depth]]
        weights = [value.detach().double() for part in parts for value in part.parameters()]
        return tuple(float(sum((weight**power).sum() for weight in weights)) for power in (1, 2))

    def states(self, inputs: Texts) -> Tensor:
        """Return (n, longest, width) what it says of texts."""
        places, _ = inputs.places()
        if inputs.flat.shape[0] * int(self.base.config.hidden_size) * 4 > LARGEST:
            return self._run(inputs)
        kept = inputs.states
        if kept.values is None or kept.owner != self.mark:
            kept.values, kept.owner = self._all(inputs), self.mark
        return kept.values[places]

    def _all(self, inputs: Texts) -> Tensor:
        """Return (all tokens, width) of every text that shares the tokens of these."""
        found = torch.empty(0)
        whole = inputs.whole()
        order = torch.argsort(whole.lengths, stable=True)
        start = 0
        while start < len(order):
            rows = order[start : start + max(1, AT_ONCE // int(whole.lengths[order[start]]))]
            rows = rows[: max(1, AT_ONCE // int(whole.lengths[rows[-1]]))]
            some = whole.take(rows)
            states, (places, there) = self._run(some), some.places()
            found = found if len(found) else states.new_zeros(whole.flat.shape[0], states.shape[-1])
            found[places[there]] = states[there]
            start += len(rows)
        return found

    def _run(self, inputs: Texts) -> Tensor:
        seen: list[Any] = []
        layers = self._layers()

        def see(layer: nn.Module, given: object, said: Any) -> None:
            seen.append(said)

        handle = layers[self.depth - 1].register_forward_hook(see)
        ids, mask = inputs.padded()
        try:
            with self._only(layers[: self.depth]), torch.no_grad():
                self.base(input_ids=ids, attention_mask=mask)
        finally:
            handle.remove()
        return seen[0][0] if isinstance(seen[0], tuple) else seen[0]

    @contextmanager
    def above(self, inputs: Texts) -> Generator[None]:
        """Let the network begin where these texts leave the prefix."""
        states, embeddings = self.states(inputs), self.base.embeddings
        self.base.embeddings = _Given(states)
        try:
            with self._only(self._layers()[self.depth :]):
                yield
        finally:
            self.base.embeddings = embeddings

    @contextmanager
    def _only(self, some: Any) -> Generator[None]:
        layers = self._layers()
        setattr(self.parent, self.name, nn.ModuleList(some))
        try:
            yield
        finally:
            setattr(self.parent, self.name, layers)

    def _layers(self) -> Any:
        return getattr(self.parent, self.name)
