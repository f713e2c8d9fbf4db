"""What the strategies share: the champion made ready for new data, the pace of the policy, and a plain tuning."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from maintainer.domain.policy import Train
from maintainer.domain.sample import TaskKind
from maintainer.families.family import Family, Weights
from maintainer.families.labels import targets_of
from maintainer.families.table import join
from maintainer.train import kfac
from maintainer.train.checkpoint import Checkpoint
from maintainer.train.exam import Exam, answers_of, rows_of
from maintainer.train.memory import NONE, Kind, Memory
from maintainer.train.objective import DELTA, Criterion, Rows
from maintainer.train.penalty import Penalty, Quadratic
from maintainer.train.recipe import Judged, Lesson, Pace, Trained, train
from maintainer.train.remember import ANCHOR, remember
from maintainer.train.situation import Champion, Outcome, Situation
from maintainer.train.sweep import sweep

DECAY, AWAKE = 0.8, 0.5  # of gradual learning: see `tempo`
EPOCHS, STEPS = 5, 400  # where a policy says nothing: few samples need many passes to move the weights at all
TUNING_STEPS = 100  # and of a network that was trained before: it begins where it is nearly right, and steps are dear
WITNESSES = 1000  # most former samples that importances of another kind are measured on anew


@dataclass(frozen=True, slots=True)
class Start:
    """The champion with room for what is new in the data; its former outputs answer as before."""

    situation: Situation
    encoder: Any
    weights: Weights
    memory: Memory
    exam: Exam
    known: int  # outputs of the champion
    rows: Rows  # new rows, then former ones
    unprimed: bool  # it has new outputs, and they know nothing yet

    @property
    def fresh(self) -> int:
        """Return how many of the rows are new."""
        return self.situation.parts.new.size

    def module(self, dropout: float) -> nn.Module:
        """Return a module that starts at the champion."""
        return self.situation.family.build(self.encoder, self.weights, dropout)

    def home(self) -> Tensor:
        """Return the champion's weights that may move, (P,)."""
        return self.exam.flat.join(self.weights)

    def answers(self) -> Tensor:
        """Return what the champion answers to each row, (n, outputs it has)."""
        return answers_of(self.module(0.0), self.rows, self.situation.family.at_once)[:, : self.known]

    def unit(self) -> float:
        """Return what a nat of a penalty is in the task's loss.

        1 for classes. A nat of a Gaussian with the residual variance v is a squared distance of 2 v: v in half squares
        (mse), v / delta in the middle of the Huber loss.
        """
        if self.situation.task is TaskKind.CLASSIFICATION:
            return 1.0
        variance = float((self.answers()[:, 0] - self.rows.targets).var(correction=0).clamp(1e-6, 1.0))
        return variance if self.exam.criterion.loss == "mse" else variance / DELTA


def start(situation: Situation, champion: Champion) -> Start:
    """Return the champion grown to the new and the former samples."""
    before, family = champion.encoder, situation.family
    samples = join(situation.parts.new, situation.parts.former)
    after = family.grow(before, samples, situation.classes or before.classes)
    weights = family.grow_weights(before, after, champion.weights, fill=True)
    criterion = criterion_of(situation, after)
    rows = rows_of(family, after, samples)
    unprimed = after.outputs > before.outputs
    if unprimed:
        module = family.build(after, weights, 0.0)
        unprimed = not family.prime(module, rows.inputs, rows.targets, situation.task, before.outputs)
        primed = module.state_dict()
        weights = {name: primed[name].detach().clone() for name in weights}
    return Start(
        situation,
        after,
        weights,
        _grown(champion, lambda part: family.grow_weights(before, after, part, fill=False)),
        Exam(situation, after, criterion, weights),
        before.outputs,
        rows,
        unprimed,
    )


def _grown(champion: Champion, grow: Callable[[Weights], Weights]) -> Memory:
    memory = champion.memory
    if memory.kind == "kfac":
        return Memory(memory.kind, kfac.grown(memory.tensors, champion.weights, grow))
    plain = {name: value for name, value in memory.tensors.items() if not name.endswith(ANCHOR)}
    anchors = {n.removesuffix(ANCHOR): value for n, value in memory.tensors.items() if n.endswith(ANCHOR)}
    moved = {name + ANCHOR: value for name, value in grow(anchors).items()} if anchors else {}
    return Memory(memory.kind, grow(plain) | moved)


def criterion_of(situation: Situation, encoder: Any) -> Criterion:
    """Return the loss a policy asks for, and what each class counts in it."""
    wanted = situation.rules.loss
    if wanted == "auto":
        wanted = "cross-entropy" if situation.task is TaskKind.CLASSIFICATION else "huber"
    weights = None
    if situation.balance == "weighted-loss" and situation.task is TaskKind.CLASSIFICATION:
        weights = balanced(targets_of(encoder, situation.parts.new), encoder.outputs)
    return Criterion(situation.task, wanted, weights)


def balanced(targets: Any, classes: int) -> Tensor:
    """Return (classes,) weights by the root of the inverse frequency, 1 on average over the samples.

    The root is half-way to equal classes: full weights make few samples of a rare class shout (Mahajan et al. 2018,
    https://arxiv.org/abs/1805.00932).
    """
    counts = np.bincount(targets[targets >= 0], minlength=classes)
    raw = 1.0 / np.sqrt(np.maximum(counts, 1))
    return torch.tensor(raw * counts.sum() / max((raw * counts).sum(), 1e-12), dtype=torch.float32)


def pace(rules: Train, share: float, fresh: int, family: Family, unprimed: bool = False) -> Pace:
    """Return the pace the policy asks for, with `fresh` new rows; where it says nothing, the family's usual one.

    `batch_size` rows make a batch, the replayed ones among them; an epoch is one pass over the new rows. Unprimed: new
    outputs begin at zero, which takes more steps than tuning does.
    """
    new = max(1, rules.batch_size - round(rules.batch_size * share))
    steps = TUNING_STEPS if family.pretrained and not unprimed else STEPS
    epochs = rules.epochs or max(EPOCHS, ceil(steps * new / fresh))
    return Pace(
        epochs=epochs,
        batch=rules.batch_size,
        share=share,
        learning_rate=rules.optimizer.learning_rate or family.learning_rate,
        weight_decay=rules.optimizer.weight_decay,
        patience=max(rules.early_stopping.patience, 0 if rules.epochs else epochs // 4),
        seed=rules.seed,
        optimizer=rules.optimizer.name,
        schedule=rules.schedule,
        average=rules.average,
        clip=rules.clip,
        accumulate=rules.accumulate,
    )


def tempo(family: Family, module: nn.Module, wanted: Pace) -> Pace:
    """Return the pace with what each weight's own is, where they learn gradually.

    The step of a layer is DECAY times that of the one above it (Clark et al. 2020, https://arxiv.org/abs/2003.10555),
    and layers wake from the head down (Howard & Ruder 2018, https://arxiv.org/abs/1801.06146), all of them by AWAKE of
    the training.
    """
    if not family.gradual:
        return wanted
    known = family.depths(module)
    learning = [(known[name], value.numel()) for name, value in module.named_parameters() if value.requires_grad]
    depth = torch.cat([torch.full((size,), float(far)) for far, size in learning])
    return replace(wanted, scales=DECAY**depth, wakes=AWAKE * depth / depth.max().clamp_min(1.0))


def checkpoint_of(situation: Situation, name: str) -> Checkpoint | None:
    """Return where the training `name` of a run keeps its place."""
    if situation.checkpoints is None:
        return None
    key = f"{name} {situation.rules.model_dump_json()} {situation.parts.new.size} {situation.parts.former.size}"
    return Checkpoint(situation.checkpoints / f"{name}.safetensors", key)


def learn(begin: Start, lesson: Lesson, rehearsing: bool) -> Trained:
    """Return the champion's weights after a lesson; with `rehearsing`, former rows are in each batch."""
    situation = begin.situation
    rules = situation.rules
    judge = begin.exam.judge if rehearsing and begin.exam.former is not None else begin.exam.judge_new
    share = rules.replay.share if rehearsing else 0.0
    place, module = checkpoint_of(situation, "tuned"), begin.module(rules.dropout)
    usual = pace(rules, share, begin.fresh, situation.family, begin.unprimed)
    wanted = tempo(situation.family, module, usual)
    return train(module, lesson, wanted, watching(situation, judge), place)


def watching(situation: Situation, judge: Callable[[Tensor], Judged]) -> Callable[[Tensor], Judged]:
    """Return the judge, who also tells the watcher of the situation, where there is one."""
    watch = situation.watch
    if watch is None:
        return judge

    def told(values: Tensor) -> Judged:
        judged = judge(values)
        watch(judged.new, judged.former)
        return judged

    return told


def new_only(begin: Start, penalty: Penalty | None = None, home: Tensor | None = None) -> Lesson:
    """Return the lesson of the new rows alone."""
    rows = begin.rows.first(begin.fresh)
    return Lesson(rows, begin.fresh, begin.exam.criterion, penalty=penalty, home=home)


def finish(begin: Start, tuned: Trained, notes: tuple[str, ...] = ()) -> Outcome:
    """Return the tuned weights as the challenger, alpha 1, whatever they forget: the gates judge it."""
    situation = begin.situation
    weights = begin.weights | begin.exam.flat.split(tuned.values)

    def measure(alpha: float) -> tuple[float, float | None]:
        return begin.exam.points(weights) if alpha else begin.exam.points(begin.weights, begin.known)

    points = sweep(measure, (0.0, 1.0), situation.metric, situation.rules.forgetting_budget)
    return Outcome(
        begin.encoder,
        weights,
        points,
        points[1],
        tuned.epochs,
        start=begin.weights,
        memory=begin.memory,
        path=tuned.path,
        notes=notes,
    )


def memory_of(begin: Start, kind: Kind) -> tuple[Memory | None, tuple[str, ...]]:
    """Return the champion's importances of one kind; measured anew on former samples where it has another kind."""
    if begin.memory.kind == kind:
        return begin.memory, ()
    former = begin.situation.parts.former
    if not former.size:
        carried = "no importances" if begin.memory.kind == NONE else f"importances '{begin.memory.kind}', not '{kind}'"
        note = f"the champion carries {carried}, and no former sample is left"
        return None, (f"{note} to measure them on: trained without a penalty",)
    found = remember(kind, begin.situation, begin.encoder, begin.weights, former, None)
    return found, (f"importances '{kind}' were measured anew on {min(former.size, WITNESSES)} former samples",)


def diagonal(begin: Start, importance: Weights, strength: float) -> Quadratic:
    """Return strength / 2 sum_i importance_i (theta_i - champion_i)^2; what was never measured counts for nothing."""
    flat = begin.exam.flat
    unknown = flat.split(torch.zeros_like(flat.values))
    return Quadratic(begin.home().clone(), flat.join({**unknown, **importance}) * strength)
