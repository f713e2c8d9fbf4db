"""How much each weight matters for what the champion knows, from exact gradients of each sample.

Gradients of single samples come out of one pass over a batch by hooks on the layers (Goodfellow 2015,
https://arxiv.org/abs/1510.01799): many times faster than one pass for each sample, and works on any module.
"""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from maintainer.domain.sample import TaskKind
from maintainer.families.family import Weights
from maintainer.train.objective import Rows

EXACT_CLASSES = 8  # up to here the expectation runs over all classes; beyond, over as many labels drawn
DRAWN = 2  # the same of sequences
LARGEST = 2**20  # numbers in the gradients of some samples that are held at a time: more would leave the cache

Question = tuple[Callable[[Tensor], Tensor], Tensor]  # a sum to differentiate, and the (n, 1) weight of each sample


def fisher(module: nn.Module, rows: Rows, task: TaskKind, generator: torch.Generator, at_once: int) -> Weights:
    """Return F_i = E_x E_{y ~ p(y|x)} (d log p(y|x) / d theta_i)^2, the mean over the rows.

    The expectation is over the model's own answers (Kunstner et al. 2019, https://arxiv.org/abs/1905.12558; van de Ven
    2025, https://arxiv.org/abs/2502.11756): over all classes where these are few, else over labels drawn from p. For
    regression p is Gaussian with the residual variance v, where the expectation is (df/dtheta_i)^2 / v.
    """
    variance = residual_variance(module, rows, at_once) if task is TaskKind.REGRESSION else 1.0

    def ask(outputs: Tensor) -> Iterator[Question]:
        return likelihoods(task, outputs, variance, generator, most_asked(rows))

    return _mean(module, rows, at_once, ask, torch.square)


def sensitivity(module: nn.Module, rows: Rows, at_once: int) -> Weights:
    """Return E_x |d ||f(x)||^2 / d theta_i|, the mean over the rows.

    Memory aware synapses, Aljundi et al. 2018, eq. 2, https://arxiv.org/abs/1711.09601.
    """

    def ask(outputs: Tensor) -> Iterator[Question]:
        yield (lambda answer: answer.square().sum()), torch.ones_like(outputs[:, :1])

    return _mean(module, rows, at_once, ask, torch.abs)


def residual_variance(module: nn.Module, rows: Rows, at_once: int) -> float:
    """Return the variance of the errors of a regression, in squared deviations of the label; never zero."""
    module.eval()
    with torch.no_grad():
        chunks = torch.arange(rows.size).split(at_once)
        errors = [module(rows.inputs.take(chunk))[:, 0] - rows.targets[chunk] for chunk in chunks]
    return float(torch.cat(errors).var(correction=0).clamp_min(1e-6))


def most_asked(rows: Rows) -> int:
    """Return how many labels a sample is asked about: of a sequence each costs as much as a step of training."""
    return EXACT_CLASSES if rows.inputs.lengths is None else DRAWN


def likelihoods(
    task: TaskKind, outputs: Tensor, variance: float, generator: torch.Generator, most: int = EXACT_CLASSES
) -> Iterator[Question]:
    """Yield sums of per-sample log-likelihoods to differentiate, each with the (n, 1) weight of its squares."""
    if task is TaskKind.REGRESSION:
        yield (lambda answer: answer.sum()), torch.full_like(outputs, 1.0 / variance)
        return
    probabilities = outputs.softmax(dim=1)
    size, classes = outputs.shape
    for place in range(min(classes, most)):
        if classes <= most:
            labels, weight = torch.full((size,), place), probabilities[:, place : place + 1]
        else:
            labels = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
            weight = torch.full_like(probabilities[:, :1], 1.0 / most)
        yield (lambda answer, labels=labels: nn.functional.cross_entropy(answer, labels, reduction="sum")), weight


def _mean(
    module: nn.Module,
    rows: Rows,
    at_once: int,
    ask: Callable[[Tensor], Iterator[Question]],
    measure: Callable[[Tensor], Tensor],
) -> Weights:
    module.eval()
    totals = {name: torch.zeros_like(value) for name, value in module.named_parameters() if value.requires_grad}
    adder = _Adder(totals, measure)
    for chunk in torch.arange(rows.size).split(at_once):
        with collected(module, adder, len(chunk)):
            outputs = module(rows.inputs.take(chunk))
            for loss, adder.weight in ask(outputs.detach()):
                loss(outputs).backward(retain_graph=True)
    for value in module.parameters():
        value.grad = None
    return {name: total / rows.size for name, total in totals.items()}


Seen = Callable[[str, nn.Module, Tensor, Tensor], None]  # name, layer, its input, the gradient at its output


@contextmanager
def collected(module: nn.Module, see: Seen, size: int) -> Generator[None]:
    """Call `see` for each layer that holds weights of its own, during the backward passes of `size` samples.

    An Embedding of what all samples share, as their positions are, is given to each of them apart, so that each has a
    gradient of its own there; any other layer that sees no samples is left out.
    """

    def hook(name: str, layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        def arrived(gradient: Tensor) -> None:
            see(name, layer, given[0].detach(), gradient.detach())

        shared = output.shape[0] != size
        splits = isinstance(layer, nn.Embedding) and (output.dim() == 2 or output.shape[0] == 1)
        if not output.requires_grad or (shared and not splits):
            return None
        apart = output.expand(size, *output.shape[-2:]) if shared else output
        apart.register_hook(arrived)
        return apart if shared else None

    layers = [(name, part) for name, part in module.named_modules() if isinstance(part, LAYERS)]
    handles = [part.register_forward_hook(partial(hook, name)) for name, part in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


LAYERS = (nn.Linear, nn.Embedding, nn.LayerNorm)


@dataclass
class _Adder:
    """Adds to the totals of each layer, each sample with the (n, 1) weight of the question that was asked."""

    totals: Weights
    measure: Callable[[Tensor], Tensor]
    weight: Tensor = field(default_factory=lambda: torch.zeros(0, 1))

    def __call__(self, name: str, layer: nn.Module, given: Tensor, gradient: Tensor) -> None:
        _add(self.totals, self.weight, self.measure, name, layer, given, gradient)


def _add(
    totals: Weights,
    weight: Tensor,
    measure: Callable[[Tensor], Tensor],
    name: str,
    layer: nn.Module,
    given: Tensor,
    gradient: Tensor,
) -> None:
    """Add each sample's measured gradient times its (n, 1) weight to the totals of one layer.

    The gradient of a Linear for one row is the outer product g a^T of the gradient at its output and its input, so the
    sum of squares is (g^2)^T (a^2), and the same of absolute values; that of an Embedding is g in one row.
    """
    gradient, given = gradient.float(), given if isinstance(layer, nn.Embedding) else given.float()
    key, bias = f"{name}.weight", f"{name}.bias"
    rows = gradient.dim() == 2  # one vector for each sample, not a sequence
    summed = gradient if rows else gradient.sum(dim=1)
    if bias in totals:
        totals[bias] += (measure(summed) * weight).sum(dim=0)
    if key not in totals:
        return
    if isinstance(layer, nn.LayerNorm):
        scaled = gradient * nn.functional.layer_norm(given, layer.normalized_shape, eps=layer.eps)
        totals[key] += (measure(scaled if rows else scaled.sum(dim=1)) * weight).sum(dim=0)
    elif isinstance(layer, nn.Embedding):
        _add_words(totals[key], weight, measure, given, gradient)
    elif rows:
        totals[key] += (measure(gradient) * weight).T @ measure(given)
    else:
        few = max(1, LARGEST // (gradient.shape[-1] * given.shape[-1]))
        for g, a, w in zip(gradient.split(few), given.split(few), weight.split(few), strict=True):
            totals[key] += (measure(torch.einsum("nto,nti->noi", g, a)) * w[:, :, None]).sum(dim=0)


def _add_words(
    total: Tensor, weight: Tensor, measure: Callable[[Tensor], Tensor], given: Tensor, gradient: Tensor
) -> None:
    """Add to the rows of an Embedding; a word that comes twice in a sample has the sum of both as its gradient."""
    if given.dim() == 1:
        total.index_add_(0, given, measure(gradient) * weight)
        return
    given = given.expand(gradient.shape[:-1])  # positions are one row for the whole batch
    sample = torch.arange(given.shape[0])[:, None].expand_as(given)
    pairs, place = torch.unique(torch.stack([sample, given], dim=-1).flatten(0, 1), dim=0, return_inverse=True)
    sums = torch.zeros(len(pairs), gradient.shape[-1]).index_add_(0, place, gradient.flatten(0, 1))
    total.index_add_(0, pairs[:, 1], measure(sums) * weight[pairs[:, 0]])
