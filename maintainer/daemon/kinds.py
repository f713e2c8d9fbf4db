"""What a check sees beside the scores of columns: labels, new values, whole rows, faults, and the kind of drift."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from maintainer.daemon.context import Context
from maintainer.decide.diagnosis import diagnose
from maintainer.domain.evidence import DriftScore, Evidence
from maintainer.domain.kinds import ColumnFault, Together
from maintainer.domain.model import Manifest
from maintainer.domain.policy import Policy
from maintainer.domain.sample import Column, ColumnKind
from maintainer.domain.triggers import TOGETHER
from maintainer.monitor.check import Profiles
from maintainer.monitor.exchange import ALARMS, ColumnPair, DriftReply, DriftRequest, RowsReply, RowsRequest
from maintainer.monitor.spells import behaved_so
from maintainer.store import kinds as store
from maintainer.store.profile import edges, profile
from maintainer.store.windows import Reader

TABLE_ROWS = 2000  # of each window that are compared as rows
COURSE_ROWS = 20_000  # of the reference that tell how a column behaved in time
TEXT_ROWS = 500  # texts whose words and states are compared
LEAST_LABELS = 50  # of each window
THRESHOLD = 0.1  # of the labels, where those of the columns are calibrated or given one by one

Sides = tuple[Profiles, Profiles]  # of the reference, and now
NOTHING: Sides = ({}, {})


@dataclass(frozen=True, slots=True)
class Looked:
    """A check whose columns were compared one by one."""

    context: Context
    policy: Policy
    champion: Manifest
    reader: Reader
    evidence: Evidence
    reference: Profiles
    current: Profiles

    @property
    def version_dir(self) -> Path:
        """Return where the champion lies."""
        return self.context.model_dir(self.policy.model) / "versions" / self.champion.version

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the columns that are compared, the answer left out."""
        wanted = self.policy.checks.drift.columns
        return tuple(name for name in self.policy.task.compared if wanted == "all" or name in wanted)

    @property
    def level(self) -> float:
        """Return the chance that one of these scores passes its floor, so that any does in ALARMS of the checks."""
        return ALARMS / (len(self.inputs) + 2)

    def rows(self, most: int) -> store.Rows:
        """Return how rows of this model are drawn."""
        return store.Rows(self.reader, self.champion.version, most)


def told(looked: Looked) -> Evidence:
    """Return the evidence of a check with all that it did not say yet, and the kind of drift that it amounts to."""
    evidence = _measured(looked) if looked.reference and looked.current else looked.evidence
    return replace(evidence, diagnosis=diagnose(evidence, looked.champion.baseline))


def asks_for_rows(policy: Policy) -> bool:
    """Return whether whole rows are to be compared: where the policy says so, or a trigger looks at it."""
    return policy.checks.drift.multivariate or any(t.metric in TOGETHER for t in policy.triggers)


def _measured(looked: Looked) -> Evidence:
    found = _faults(looked)
    labels, notes = _labels(looked)
    words, together = _rows(looked)
    scores = (*labels, *_unseen(looked), *words)
    values = dict(looked.evidence.values) | {"data.fault": float(len(found))}
    values |= {f"drift.unseen.{score.column}": score.score for score in scores if score.kind == "unseen"}
    values |= {f"drift.{score.kind}": score.score for score in scores if score.kind in ("label", "vocabulary")}
    if together is not None:
        values[together.evidence] = together.value
    return replace(
        looked.evidence,
        values=values,
        scores=(*looked.evidence.scores, *scores),
        notes=(*looked.evidence.notes, *notes),
        together=() if together is None else (together,),
        faults=found,
    )


def _faults(looked: Looked) -> tuple[ColumnFault, ...]:
    """Return the columns that look broken, but those that have behaved so before."""
    from maintainer.monitor import faults  # scipy: an idle daemon does without

    found = faults.suspects(looked.reference, looked.current, looked.inputs)
    return tuple(fault for fault in found if not _usual(looked, fault))


def _usual(looked: Looked, fault: ColumnFault) -> bool:
    times, column = store.course(looked.rows(COURSE_ROWS), looked.evidence.reference, fault.column)
    seconds = looked.evidence.current.length.total_seconds()
    return behaved_so(fault, times, column, seconds, looked.current[fault.column])


def _labels(looked: Looked) -> tuple[tuple[DriftScore, ...], tuple[str, ...]]:
    """Return the drift of the labels that are there, or why there is none."""
    schema, seen = looked.reader.schema, looked.evidence
    column = Column(schema.label, schema.answer_kind)
    rows = looked.rows(looked.policy.checks.window.max_samples)
    with looked.context.database.reading() as db:
        before = store.labels(db, rows, seen.reference)
        cuts = dict(edges(db, before.relation_sql, [], (column,)))
        reference = profile(db, before.relation_sql, [], (column,), cuts)[column.name]
        now = store.labels(db, rows, seen.current)
        current = profile(db, now.relation_sql, [], (column,), cuts)[column.name]
    fewest = min(reference.present, current.present)
    if fewest < LEAST_LABELS:
        counts = f"{reference.present} labels in the reference, {current.present} in the current window"
        return (), (f"drift of the labels not measured: {counts}, {LEAST_LABELS} wanted in each",)
    limit = looked.policy.checks.drift.threshold
    pair = ColumnPair(
        name=column.name,
        kind=column.kind,
        method="auto",
        threshold=limit if isinstance(limit, float) else THRESHOLD,
        reference=reference,
        current=current,
    )
    reply = looked.context.warm.ask("drift", DriftRequest(columns=(pair,)).model_dump(mode="json"))
    score = DriftReply.model_validate(reply).scores[0]
    return (replace(score, kind="label"),), ()


def _unseen(looked: Looked) -> tuple[DriftScore, ...]:
    """Return the share of rows with a value that the reference has never shown, of each category."""
    from maintainer.monitor import novelty  # scipy too

    found: list[DriftScore | None] = []
    rows, seen = looked.rows(looked.policy.checks.window.max_samples), looked.evidence
    for name in looked.inputs:
        before, now = looked.reference.get(name), looked.current.get(name)
        if before is None or now is None or before.kind is not ColumnKind.CATEGORY:
            continue
        counts = novelty.counted(before, now)
        if counts is None:
            with looked.context.database.reading() as db:
                counts = store.novelty(db, rows, seen.reference, seen.current, name)
        found.append(novelty.score(name, counts, looked.level))
    return tuple(score for score in found if score is not None)


def _rows(looked: Looked) -> tuple[tuple[DriftScore, ...], Together | None]:
    """Return what a comparison of whole rows says: always of the words of texts, of the rest where it is asked for."""
    task, asked = looked.policy.task, asks_for_rows(looked.policy)
    if not task.reads_text and not asked:
        return (), None
    rows = looked.rows(TEXT_ROWS if task.reads_text else TABLE_ROWS)
    with TemporaryDirectory(dir=looked.context.scratch()) as folder:
        paths = [Path(folder) / name for name in ("reference.parquet", "current.parquet")]
        for window, path in zip((looked.evidence.reference, looked.evidence.current), paths, strict=True):
            store.extract(rows, window, path)
        request = RowsRequest(
            reference=str(paths[0].absolute()),
            current=str(paths[1].absolute()),
            table=() if task.reads_text else looked.inputs,
            text=task.text,
            states=str(looked.version_dir.absolute()) if asked and task.reads_text else None,
            level=looked.level,
        )
        reply = RowsReply.model_validate(looked.context.warm.ask("rows", request.model_dump(mode="json")))
    return reply.scores, reply.together
