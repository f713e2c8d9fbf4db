"""The memory of a run made ready: what its policy chooses by the champion's eyes, without what no longer holds."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from maintainer.domain.sample import TaskKind
from maintainer.families.labels import targets_of
from maintainer.families.table import Samples, join
from maintainer.train.choosing import herded, like_new
from maintainer.train.exam import answers_of, rows_of
from maintainer.train.expiry import MOST, MUCH, Known, contradicted, grew_worse
from maintainer.train.features import features
from maintainer.train.situation import Champion, Situation


def rehearsal(
    situation: Situation, champion: Champion, unlabelled: Samples, most: int
) -> tuple[Situation, tuple[str, ...]]:
    """Return the situation with at most `most` former samples to rehearse, and what was left out, in words."""
    former, notes = situation.parts.former, tuple[str, ...]()
    if former.size and situation.rules.replay.expire == "auto" and situation.task is TaskKind.CLASSIFICATION:
        former, notes = _unexpired(situation, champion)
    former = _chosen(replace(situation, parts=replace(situation.parts, former=former)), champion, unlabelled, most)
    return replace(situation, parts=replace(situation.parts, former=former)), notes


def _chosen(situation: Situation, champion: Champion, unlabelled: Samples, most: int) -> Samples:
    former, rules = situation.parts.former, situation.rules
    if not former.size or rules.replay.policy not in ("herding", "similar-to-new"):
        return former
    seen = _seen(situation, champion, former)
    if rules.replay.policy == "herding":
        labels = former.labels if situation.task is TaskKind.CLASSIFICATION else None
        return former.take(herded(seen, labels, most))
    asked = unlabelled if unlabelled.size else situation.parts.new  # all labels came at once: these are the newest
    return former.take(like_new(seen, _seen(situation, champion, asked), most, rules.seed))


def _unexpired(situation: Situation, champion: Champion) -> tuple[Samples, tuple[str, ...]]:
    """Return the former samples without those that new labels contradict, at most MOST of them."""
    parts, former = situation.parts, situation.parts.former
    new = join(parts.new, parts.judge_new)
    before, now = (_right(situation, champion, samples) for samples in (parts.judge_former, new))
    found = contradicted(_known(situation, champion, former), _known(situation, champion, new), situation.rules.seed)
    if found.size < former.size * MUCH and not grew_worse(before, now):
        return former, ()
    left = found[: int(former.size * MOST)]
    if not left.size:
        return former, ()
    capped = f", as those of {found.size}" if found.size > left.size else ""
    note = (
        f"{left.size} of {former.size} former samples ({left.size / former.size:.0%}) were not rehearsed: "
        f"new labels contradict theirs{capped}"
    )
    return former.take(np.setdiff1d(np.arange(former.size), left)), (note,)


def _right(situation: Situation, champion: Champion, samples: Samples) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    if not samples.size:
        return np.zeros(0, np.bool_)
    module = situation.family.build(champion.encoder, champion.weights, 0.0)
    rows = rows_of(situation.family, champion.encoder, samples)
    return (answers_of(module, rows, situation.family.at_once).argmax(dim=1) == rows.targets).numpy()


def _known(situation: Situation, champion: Champion, samples: Samples) -> Known:
    wider = champion.encoder.model_copy(update={"classes": situation.classes})
    return Known(_seen(situation, champion, samples), torch.from_numpy(targets_of(wider, samples)))


def _seen(situation: Situation, champion: Champion, samples: Samples) -> torch.Tensor:
    return features(situation.family, champion.encoder, champion.weights, samples)
