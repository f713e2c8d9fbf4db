"""Quality in a check: files of answers are written for the warm worker, which measures them."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from maintainer.daemon import former_checks
from maintainer.daemon.subject import Subject, fill_answers
from maintainer.domain import metrics
from maintainer.domain.evidence import Reckoned
from maintainer.domain.policy import Policy
from maintainer.domain.sample import TaskKind, Window
from maintainer.errors import StoreError
from maintainer.monitor.measured import MEASURED, Estimating, Measured, QualityRequest
from maintainer.store.answers import Asked, write_answered, write_labelled

log = logging.getLogger(__name__)

RECKONED = 8  # estimates of former checks that are kept, to be held against the labels that come
WHOLE = 0.95  # of a window that has labels; more of them are not waited for


def least_labels(policy: Policy) -> int:
    """Return how many answered samples with a label it takes to measure quality."""
    return min(policy.checks.window.min_samples, policy.run.needs.labels)


def wants_metrics(policy: Policy) -> tuple[str, ...]:
    """Return the metrics that a check of this policy measures."""
    return policy.checks.quality.metrics or metrics.checked_metrics(policy.task.of)


def wants_chances(policy: Policy) -> bool:
    """Return whether the answers' probabilities are needed."""
    asked = policy.checks.quality
    return asked.estimate_without_labels or any(name in metrics.ON_CHANCES for name in asked.metrics)


def measured(subject: Subject) -> Measured:
    """Measure the champion on labelled samples of the window that it has not learned from, and estimate it."""
    wanted = subject.policy.checks.quality.estimate_without_labels
    former = _former(subject) if wanted else ()
    with TemporaryDirectory(dir=subject.context.scratch()) as name:
        asked, notes = _labelled(subject, Path(name))
        files = _files(subject, former, Path(name))
        estimating = _estimating(subject, Path(name)) if wanted else None
        found = Measured()
        if asked.labelled is not None or files or estimating is not None:
            asked = asked.model_copy(update={"estimating": estimating, "former": tuple(map(str, files.values()))})
            found = MEASURED.validate_python(subject.context.warm.ask("quality", asked.model_dump(mode="json")))
    realised = dict(zip(files, found.realised, strict=True))
    reckoned = tuple(replace(one, realised=realised.get(i, one.realised)) for i, one in enumerate(former))
    return replace(found, notes=(*notes, *found.notes), window=subject.unlearned, reckoned=reckoned)


def _labelled(subject: Subject, folder: Path) -> tuple[QualityRequest, tuple[str, ...]]:
    """Write the labelled answers of the window and those before it; return what is asked of them, or a note."""
    policy, span = subject.policy, subject.unlearned
    classes = subject.champion.classes if policy.task.of is TaskKind.CLASSIFICATION else ()
    request = QualityRequest(task=policy.task.of, metrics=wants_metrics(policy), classes=classes, labelled=None)
    labelled, older = folder / "labelled.parquet", folder / "older.parquet"
    rows, least = write_labelled(subject.reader, _asked(subject, span), labelled), least_labels(policy)
    if rows < least:
        return request, (f"quality not measured: {rows} answered samples have a label, {least} wanted",)
    write_labelled(subject.reader, _asked(subject, Window(subject.champion.trained.end, span.start)), older)
    return request.model_copy(update={"labelled": str(labelled), "older": str(older)}), ()


def _asked(subject: Subject, window: Window, chances: bool = False) -> Asked:
    return Asked(window, subject.champion.version, subject.policy.checks.window.max_samples, chances)


def _estimating(subject: Subject, folder: Path) -> Estimating | None:
    """Write what an estimate of the current window is made from; None where nothing came since the reference."""
    window = subject.current
    if not subject.reader.samples(window):
        return None
    past = Window(min(subject.champion.trained.end, window.start), window.start)
    fill_answers(subject, past, chances=True)
    before, now = folder / "past.parquet", folder / "current.parquet"
    write_labelled(subject.reader, _asked(subject, past, chances=True), before)
    write_answered(subject.reader, _asked(subject, window, chances=True), now)
    return Estimating(past=str(before), current=str(now), window=window)


def _former(subject: Subject) -> tuple[Reckoned, ...]:
    """Return the estimates of former checks, the newest first, of windows that overlap by half at most."""
    last = subject.context.control.scheduled_check(subject.policy.model)
    try:
        seen = None if last is None else former_checks.evidence_of(last)
    except StoreError as error:
        log.warning("estimates of %s are reckoned anew: %s", subject.policy.model, error)
        return ()
    if seen is None:
        return ()
    kept = seen.reckoned
    for one in seen.estimates:
        if not kept or one.window.end - kept[0].estimate.window.end >= one.window.length / 2:
            kept = (Reckoned(seen.at, seen.version, one), *kept)
    return kept[:RECKONED]


def _files(subject: Subject, former: tuple[Reckoned, ...], folder: Path) -> dict[int, Path]:
    """Write the labelled answers of the windows, by place, that are not known in full and of which half has a label."""
    files: dict[int, Path] = {}
    for i, one in enumerate(former):
        known = one.realised.n if one.realised else 0
        if known >= WHOLE * one.estimate.n:
            continue
        path = folder / f"former-{i}.parquet"
        asked = Asked(one.estimate.window, one.version, subject.policy.checks.window.max_samples)
        rows = write_labelled(subject.reader, asked, path)
        if rows >= max(least_labels(subject.policy), one.estimate.n // 2):
            files[i] = path
    return files
