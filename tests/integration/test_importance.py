"""The Fisher information by hooks against its definition."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from maintainer.domain.sample import TaskKind
from maintainer.families.encoder import CategoryCode, NumberCode, TableEncoder
from maintainer.families.ft_transformer import FtEncoder
from maintainer.families.registry import family_of
from maintainer.families.table_family import TableInputs
from maintainer.families.tabular_mlp import FAMILY, MlpEncoder
from maintainer.train import importance
from maintainer.train.memory import DISCOUNT, Memory, carry
from maintainer.train.objective import Rows


def transformer(task: TaskKind, classes: tuple[str, ...]) -> FtEncoder:
    like = small(task, classes)
    return FtEncoder(
        task=task, numbers=like.numbers, categories=like.categories, classes=classes, token=8, heads=2, wide=12
    )


def rows_for(encoder: TableEncoder, n: int, seed: int) -> Rows:
    generator = torch.Generator().manual_seed(seed)
    codes = [torch.randint(0, code.codes, (n,), generator=generator) for code in encoder.categories]
    numbers = torch.randn(n, 2 * len(encoder.numbers), generator=generator)
    targets = torch.randint(0, 3, (n,), generator=generator) if encoder.classes else numbers[:, 0].clone()
    return Rows(TableInputs(torch.stack(codes, dim=1), numbers), targets)


def small(task: TaskKind, classes: tuple[str, ...]) -> MlpEncoder:
    number = NumberCode(name="x", middle=0, scale=1, constant=False, missing=True)
    vocabulary = ("a", "b", "c")
    codes = tuple(CategoryCode(name=name, vocabulary=vocabulary, width=3) for name in ("u", "v"))
    return MlpEncoder(task=task, numbers=(number, number), categories=codes, classes=classes, hidden=(7, 5))


def looped(module: torch.nn.Module, rows: Rows, task: TaskKind) -> dict[str, torch.Tensor]:
    """The definition: one sample at a time, one class at a time, by autograd."""
    total = {name: torch.zeros_like(value) for name, value in module.named_parameters()}
    with torch.no_grad():
        variance = (module(rows.inputs)[:, 0] - rows.targets).var(correction=0)
    for place in range(rows.size):
        output = module(rows.inputs.take(torch.tensor([place])))[0]
        terms = list(zip(output.log_softmax(0), output.softmax(0).detach(), strict=True))
        if task is TaskKind.REGRESSION:
            terms = [(output[0], 1.0 / variance)]
        for term, weight in terms:
            module.zero_grad()
            term.backward(retain_graph=True)
            for name, value in module.named_parameters():
                total[name] += weight * value.grad**2 / rows.size
    return total


@pytest.mark.parametrize("make", [small, transformer])
@pytest.mark.parametrize(("task", "classes"), [(TaskKind.CLASSIFICATION, ("p", "q", "r")), (TaskKind.REGRESSION, ())])
def test_the_fisher_by_hooks_is_that_of_a_loop_over_samples(
    task: TaskKind, classes: tuple[str, ...], make: Callable[[TaskKind, tuple[str, ...]], TableEncoder]
):
    torch.manual_seed(0)
    encoder = make(task, classes)
    module, rows = family_of(encoder.family).build(encoder, None, 0.0).eval(), rows_for(encoder, 40, 1)
    by_hooks = importance.fisher(module, rows, task, torch.Generator().manual_seed(0), 16)
    by_loop = looped(module, rows, task)
    for name, value in by_loop.items():
        torch.testing.assert_close(by_hooks[name], value, rtol=1e-4, atol=1e-8)


def test_the_fisher_over_drawn_labels_points_the_way_of_the_exact_one(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    encoder = small(TaskKind.CLASSIFICATION, ("p", "q", "r", "s"))
    module, rows = FAMILY.build(encoder).eval(), rows_for(encoder, 3000, 1)
    exact = importance.fisher(module, rows, encoder.task, torch.Generator(), 4000)
    monkeypatch.setattr(importance, "EXACT_CLASSES", 3)
    drawn = importance.fisher(module, rows, encoder.task, torch.Generator().manual_seed(0), 4000)
    a, b = (torch.cat([f[name].flatten() for name in sorted(f)]) for f in (exact, drawn))
    assert float(torch.nn.functional.cosine_similarity(a, b, dim=0)) > 0.99
    assert float(b.sum() / a.sum()) == pytest.approx(1.0, abs=0.1)


def test_carried_importance_is_a_discounted_sum_and_its_mean_keeps_the_unit():
    old = carry(None, {"w": torch.tensor([2.0])})
    new = carry(old, {"w": torch.tensor([4.0])})
    assert float(new["w"]) == pytest.approx(DISCOUNT * 2.0 + 4.0)
    assert 2.0 < float(Memory("fisher", new).per_sample()["w"]) < 4.0
