"""The first phase: which labelled samples a run learns from, chooses by and is judged on, as Parquet files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from maintainer.domain.kinds import Diagnosis
from maintainer.domain.model import Manifest, Span
from maintainer.domain.phase import CollectResult
from maintainer.domain.policy import Policy
from maintainer.domain.sample import BLOCKS_AT_LEAST, Part, Split, TaskKind, Window, block_for
from maintainer.domain.training import CHOSEN_IN_TRAINING
from maintainer.errors import RefusedError
from maintainer.store import artifacts
from maintainer.store.draws import Balanced, Draw, Recent, Stratified, Uniform
from maintainer.store.windows import Reader, Selection

MICROSECOND = timedelta(microseconds=1)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # before every sample
BOOTSTRAP_ROWS = 200_000
CANDIDATES, MOST_CANDIDATES = 5, 50_000  # for each sample that a training chooses itself; and of them all
NEWEST = 2000  # unlabelled samples that memory is compared with


@dataclass(frozen=True, slots=True)
class Spans:
    """How a run cuts time: former | new | newest."""

    former: Window  # before the window: rehearsed, and judged for forgetting
    new: Window  # learned from
    newest: Window  # judges what was gained, with the holdout blocks of `new`; nobody has learned from either


def choose_block(reader: Reader, span: Window, policy: Policy) -> float | None:
    """Return the length of the time blocks of a model, chosen once, from the data it starts with.

    None where time does not spread the labelled samples over enough blocks, or the policy does not split by it.
    """
    if policy.data.split.by != "time":
        return None
    later = policy.checks.window.last * (1.0 - policy.data.split.holdout)
    seconds = block_for(span.length, later).total_seconds()
    return seconds if reader.occupied_blocks(seconds) >= BLOCKS_AT_LEAST else None


def split_of(policy: Policy, block_seconds: float | None) -> Split:
    """Return the split rule of a model."""
    block = None if block_seconds is None else timedelta(seconds=block_seconds)
    rules = policy.data.split
    return Split(block, rules.validation, rules.holdout, rules.group)


def spans(reader: Reader, policy: Policy, champion: Manifest | None, now: datetime) -> Spans:
    """Return the spans of a run that starts now.

    Raises:
        RefusedError: there are no labelled samples to learn from.
    """
    known = reader.labelled_span()
    if known is None:
        raise RefusedError(f"{policy.model}: no labelled samples; `maintainer label` takes labels")
    end = min(now, known.end) if known.end > known.start else now
    start = known.start if champion is None else max(known.start, now - policy.checks.window.last)
    if start >= end:
        raise RefusedError(f"{policy.model}: no labelled samples in the last {policy.checks.window.last}")
    newest = end
    if policy.data.split.by == "time":
        newest = _newest(reader, Window(start, end), 1.0 - policy.data.split.holdout, champion)
    return Spans(Window(known.start, start), Window(start, newest), Window(newest, end))


def _newest(reader: Reader, whole: Window, share: float, champion: Manifest | None) -> datetime:
    """Return where the samples begin that only judge: after this share of a window, and what the champion learned from.

    Where too many samples share one time for that, as where it is that of arrival, nothing is newest: what judges is
    kept apart by the hash of the id alone.
    """
    newest = reader.time_at_share(whole, share)
    if champion is not None:
        newest = max(newest, min(champion.trained.end, whole.end))
    by_hash = champion is None or champion.block_seconds is None
    return whole.end if by_hash and newest <= reader.time_at_share(whole, share / 2) else newest


def selections(cut: Spans, policy: Policy, bootstrap: bool) -> dict[str, Selection]:
    """Return what each file of a run holds; no sample is in two of them.

    Where no former sample may be kept none is learned from or chosen by; those of the reference only judge.
    """
    most = BOOTSTRAP_ROWS if bootstrap else policy.checks.window.max_samples
    replay = policy.retention.replay
    chosen = {
        "train": Selection(cut.new, (Part.TRAIN,), most),
        "validation": Selection(cut.new, (Part.VALIDATION,), most),
        "current_holdout": Selection(
            Window(cut.new.start, cut.newest.end), (Part.HOLDOUT,), whole_from=cut.newest.start, at_most=most
        ),
    }
    if bootstrap:
        return chosen
    chosen["reference_holdout"] = Selection(cut.former, (Part.HOLDOUT,), replay or most)
    if replay:
        chosen["replay"] = Selection(cut.former, (Part.TRAIN,), _candidates(policy), draw=_draw(policy))
        chosen["replay_validation"] = Selection(cut.former, (Part.VALIDATION,), replay)
    return chosen


def _draw(policy: Policy) -> Draw:
    rules = policy.train.replay
    if rules.policy == "recency" and rules.half_life is not None:
        return Recent(rules.half_life)
    if policy.task.of is not TaskKind.CLASSIFICATION:
        return Uniform()
    return Balanced() if rules.policy == "class-balanced" else Stratified()


def _candidates(policy: Policy) -> int:
    """Return how many former samples a run gets to rehearse, or to choose from by what the champion makes of them."""
    replay = policy.retention.replay
    if policy.train.replay.policy not in CHOSEN_IN_TRAINING:
        return replay
    return max(replay, min(CANDIDATES * replay, MOST_CANDIDATES))


def collect(
    reader: Reader, policy: Policy, champion: Manifest | None, target: Path, drift: Diagnosis | None = None
) -> str:
    """Publish the data of a run in `target`; return the sentence for the journal.

    Raises:
        RefusedError: too little labelled data, or another rule of splitting than that of the champion.
    """
    if target.exists():
        return "collected already"
    _same_rule(policy, champion)
    if champion is None and policy.base.family == "huggingface" and reader.labelled_span() is None:
        return _nothing(reader, policy, target)
    cut = spans(reader, policy, champion, reader.now)
    block = _block(reader, policy, champion, Window(cut.new.start, cut.newest.end))
    reader = Reader(reader.database, reader.schema, reader.now, split_of(policy, block))
    with artifacts.publish(target) as partial:
        rows = _exported(reader, selections(cut, policy, champion is None), partial)
        if "replay" in rows and policy.train.replay.policy == "similar-to-new":
            asked = Window(cut.new.start, reader.now)
            rows["unlabelled"] = reader.unlabelled(asked, NEWEST, partial / "unlabelled.parquet")
        if not rows["train"] or not rows["current_holdout"]:  # without validation the newest to train on stand in
            raise RefusedError(
                f"{policy.model}: too few labelled samples to split by {policy.data.split.rule}: {_counted(rows)}"
            )
        result = CollectResult(
            trained=Span(start=cut.new.start, end=cut.new.end),
            current_holdout=Span(start=cut.newest.start, end=cut.newest.end),
            newest_rows=reader.rows_since(cut.newest.start, partial / "current_holdout.parquet"),
            former=Span(start=cut.former.start, end=cut.former.end),
            memory_from=cut.former.start if rows.get("replay") else cut.new.start,
            rows=rows,
            data_hash=data_digest(partial, sorted(rows)),
            block_seconds=block,
            split=policy.data.split.rule,
            drift=drift,
        )
        artifacts.write_text(partial / "result.json", result.model_dump_json(indent=2) + "\n")
    return _counted(rows)


def _exported(reader: Reader, chosen: Mapping[str, Selection], partial: Path) -> dict[str, int]:
    """Write the file of each selection; return its rows by name."""
    return {name: reader.export(selection, partial / f"{name}.parquet") for name, selection in chosen.items()}


def _block(reader: Reader, policy: Policy, champion: Manifest | None, labelled: Window) -> float | None:
    """Return the length of the time blocks (s) that split: that of the champion, where it has learned from samples."""
    if champion is not None and champion.learned:
        return champion.block_seconds
    return choose_block(reader, labelled, policy)


def _nothing(reader: Reader, policy: Policy, target: Path) -> str:
    """Publish that there are no labelled samples: a network that was trained before can still be adopted.

    It has learned from none of the samples, so its training ended before them all. Those that are there are what drift
    is measured against, where they fill a window.
    """
    before, end = Span(start=BEGINNING, end=BEGINNING), reader.end() or BEGINNING
    filled = reader.counts(Window(BEGINNING, end)).samples >= policy.checks.window.min_samples
    with artifacts.publish(target) as partial:
        result = CollectResult(
            trained=before,
            current_holdout=Span(start=BEGINNING, end=end if filled else BEGINNING),
            newest_rows=0,
            former=before,
            memory_from=BEGINNING,
            rows={},
            data_hash=data_digest(partial, []),
            block_seconds=None,
            split=policy.data.split.rule,
        )
        artifacts.write_text(partial / "result.json", result.model_dump_json(indent=2) + "\n")
    return "no labelled samples: what the model starts from is taken as it is"


def _same_rule(policy: Policy, champion: Manifest | None) -> None:
    """Refuse a rule under which samples that the champion learned from would judge it."""
    rule = policy.data.split.rule
    if champion is not None and champion.learned and champion.split != rule:
        raise RefusedError(
            f"{policy.model}: data.split is now by {rule}, but {champion.version} and those before it were split by "
            f"{champion.split}: what they learned from would judge. Put it back, or bootstrap a model of another name"
        )


def _counted(rows: dict[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in rows.items())


def data_digest(folder: Path, names: list[str]) -> str:
    """Return the SHA-256 (hex) over the names and the digests of the files that a run learned from."""
    whole = hashlib.sha256()
    for name in names:
        whole.update(f"{name} {artifacts.sha256(folder / f'{name}.parquet')}\n".encode())
    return whole.hexdigest()
