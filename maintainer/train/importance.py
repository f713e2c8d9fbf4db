"""How much each weight matters for what the champion knows: the exact per-sample diagonal Fisher information."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from maintainer.domain.sample import TaskKind
from maintainer.families.tabular_mlp import TabularMlp, Weights
from maintainer.train.objective import Rows

EXACT_CLASSES = 8  # up to here the expectation runs over all classes; beyond, over as many labels drawn
MEMORY = 0.9  # gamma: what an older importance counts at the next update
MASS = "mass"  # entry of the importances: how many updates they are the sum of, older ones discounted


def fisher(module: TabularMlp, rows: Rows, task: TaskKind, generator: torch.Generator) -> Weights:
    """Return F_i = E_x E_{y ~ p(y|x)} (d log p(y|x) / d theta_i)^2, the mean over the rows.

    The expectation is over the model's own answers (Kunstner et al. 2019, https://arxiv.org/abs/1905.12558; van de Ven
    2025, https://arxiv.org/abs/2502.11756): over all classes where these are few, else over labels drawn from p. For
    regression p is Gaussian with the residual variance v, where the expectation is (df/dtheta_i)^2 / v.
    """
    module.eval()
    totals = {name: torch.zeros_like(value) for name, value in module.named_parameters()}
    with torch.no_grad():
        outputs = module(rows.codes, rows.numbers)
    for loss, weight in _questions(task, outputs, rows.targets, generator):
        with _squares(module, totals, weight):
            loss(module(rows.codes, rows.numbers)).backward()
    module.zero_grad(set_to_none=True)
    return {name: total / rows.size for name, total in totals.items()}


def _questions(
    task: TaskKind, outputs: Tensor, targets: Tensor, generator: torch.Generator
) -> Iterator[tuple[Callable[[Tensor], Tensor], Tensor]]:
    """Yield sums of per-sample log-likelihoods to differentiate, each with the (n, 1) weight of its squares."""
    if task is TaskKind.REGRESSION:
        variance = (outputs[:, 0] - targets).var(correction=0).clamp_min(1e-6)
        yield (lambda answer: answer.sum()), torch.ones_like(outputs) / variance
        return
    probabilities = outputs.softmax(dim=1)
    classes = outputs.shape[1]
    for place in range(min(classes, EXACT_CLASSES)):
        if classes <= EXACT_CLASSES:
            labels, weight = torch.full_like(targets, place), probabilities[:, place : place + 1]
        else:
            labels = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
            weight = torch.full_like(probabilities[:, :1], 1.0 / EXACT_CLASSES)
        yield (lambda answer, labels=labels: nn.functional.cross_entropy(answer, labels, reduction="sum")), weight


@contextmanager
def _squares(module: TabularMlp, totals: Weights, weight: Tensor) -> Generator[None]:
    """Add to `totals`, during one backward pass, each sample's squared gradient times its (n, 1) weight.

    The gradient of a Linear for one sample is the outer product g a^T of the gradient at its output and its input, so
    the sum of squares is (g^2)^T (a^2) (Goodfellow 2015, https://arxiv.org/abs/1510.01799); that of an Embedding is g
    in one row.
    """
    inputs: dict[str, Tensor] = {}

    def seen(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
            inputs[name] = given[0].detach()
            output.register_hook(partial(add, name))

        return hook

    def add(name: str, gradient: Tensor) -> None:
        squares = gradient.detach() ** 2 * weight  # (n, out)
        if f"{name}.bias" in totals:
            totals[f"{name}.weight"] += squares.T @ inputs[name] ** 2
            totals[f"{name}.bias"] += squares.sum(dim=0)
        else:
            totals[f"{name}.weight"].index_add_(0, inputs[name], squares)

    layers = [(name, part) for name, part in module.named_modules() if isinstance(part, nn.Linear | nn.Embedding)]
    handles = [part.register_forward_hook(seen(name)) for name, part in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def carry(old: Weights | None, new: Weights) -> Weights:
    """Return gamma * old + new with the mass of that sum: online EWC.

    Schwarz et al. 2018, eq. 9, https://arxiv.org/abs/1805.06370. Divided by its mass it is a mean Fisher per sample,
    whatever the number of updates.
    """
    kept = {name: MEMORY * old[name] + value for name, value in new.items()} if old else dict(new)
    kept[MASS] = MEMORY * old[MASS] + 1.0 if old else torch.tensor(1.0)
    return kept


def per_sample(importance: Weights) -> Weights:
    """Return the mean Fisher per sample of carried importances."""
    return {name: value / importance[MASS] for name, value in importance.items() if name != MASS}
