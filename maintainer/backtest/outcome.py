"""What a backtest comes to: the figures, the timeline and the page."""
# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false, reportUnknownArgumentType=false

from __future__ import annotations

import math
import time
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from maintainer.backtest.periods import score
from maintainer.backtest.replay import Replay
from maintainer.backtest.slices import slices
from maintainer.domain.metrics import HIGHER_IS_BETTER
from maintainer.domain.phase import GateResult, Slices, TrainResult
from maintainer.domain.run import Verdict
from maintainer.report.backtest import BacktestView, render_backtest
from maintainer.report.files import write
from maintainer.store.results import find_result

Outcome = dict[str, Any]


def conclude(replay: Replay) -> Outcome:
    """Write timeline.parquet and report.html; return every figure, as `backtest --json` prints them."""
    context, model = replay.operations.context, replay.plan.policy.model
    records = [record for record in context.control.runs(model, limit=100_000) if record.champion is not None]
    verdicts = {record.id: context.control.state(record.id).verdict for record in records}
    results = {record.id: context.settings.run_dir(record.id) for record in records}
    trained = [r for r in (find_result(TrainResult, d, "train") for d in results.values()) if r]
    promoted = [run for run, verdict in verdicts.items() if verdict is Verdict.PROMOTED]
    flips = [g.negative_flip_rate for g in (find_result(GateResult, results[r], "gate") for r in promoted) if g]
    known = [rate for rate in flips if rate is not None]
    out = replay.plan.out
    outcome: Outcome = {
        "model": model,
        "rows": len(replay.stream),
        "unlabelled": replay.stream.unlabelled,
        "scored": sum(line.rows for line in replay.lines),
        "metric": replay.metric,
        "higher_is_better": HIGHER_IS_BETTER[replay.metric],
        **_overall(replay),
        "checks": len(context.control.checks(model, limit=1_000_000)),
        "triggers": sum(1 for record in records if record.triggers),
        "runs": len(records),
        "promotions": len(promoted),
        "rejections": sum(1 for verdict in verdicts.values() if verdict is Verdict.REJECTED),
        "failures": sum(1 for verdict in verdicts.values() if verdict is Verdict.FAILED),
        "rollbacks": 0,
        "labels_used": replay.labels_used,
        "train_seconds": round(sum(r.seconds for r in trained), 3),
        "total_seconds": round(time.monotonic() - replay.started, 3),
        "forgetting": replay.periods.forgetting,
        "bwt": replay.periods.backward_transfer,
        "negative_flip_rate": float(np.mean(known)) if known else None,
        "slices": found.model_dump(mode="json") if (found := slices(replay)) else None,
        "timeline": str(out / "timeline.parquet"),
        "report": str(out / "report.html"),
    }
    pq.write_table(pa.Table.from_pylist([asdict(line) for line in replay.lines]), out / "timeline.parquet")
    write(out / "report.html", render_backtest(_view(replay, outcome)))
    return {name: _finite(value) for name, value in outcome.items()}


def _finite(value: Any) -> Any:
    """Return None for a number that JSON cannot say: there was nothing to measure."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _overall(replay: Replay) -> dict[str, float]:
    labels = np.concatenate(replay.labels)
    return {
        name: score(replay.task, replay.metric, labels, np.concatenate(values))
        for name, values in replay.answers.items()
    }


def _view(replay: Replay, outcome: Outcome) -> BacktestView:
    same = ("model", "metric", "higher_is_better", "static", "maintained", "no_change", "rows", "checks", "triggers")
    same += ("runs", "promotions", "rejections", "failures", "labels_used", "train_seconds", "total_seconds")
    same += ("forgetting", "bwt", "negative_flip_rate")
    size = len(replay.periods.table)
    return BacktestView(
        **{name: outcome[name] for name in same},
        timeline=tuple(
            (line.at, line.static, line.maintained, line.no_change, line.drift_share, line.rows)
            for line in replay.lines
        ),
        events=_events(replay),
        r_table=[[*row, *([None] * (size - len(row)))] for row in replay.periods.table],
        policy_yaml=replay.plan.policy_text,
        notes=_notes(replay),
        slices=Slices.model_validate(outcome["slices"]) if outcome["slices"] else None,
    )


def _events(replay: Replay) -> tuple[Any, ...]:
    control, events = replay.operations.context.control, list[Any]()
    for line in replay.lines:
        if line.run is None:
            continue
        record, run = control.run(line.run), control.state(line.run)
        if record.triggers:
            events.append((line.at, "triggered", record.reason))
        events.append((line.at, str(run.verdict), f"{record.version}: {run.reason}"))
    return tuple(events)


def _notes(replay: Replay) -> tuple[str, ...]:
    share, delay, without = replay.plan.bootstrap, replay.plan.label_delay, replay.stream.unlabelled
    return (
        *([f"{without} samples without a label were left out."] if without else []),
        f"The first champion learned from the first {share:.0%} of the samples; all figures are on the rest.",
        "Each sample was answered before its label could be learned from (prequential).",
        f"Labels came {delay} after the end of their step." if delay else "Labels came at the end of their step.",
    )
