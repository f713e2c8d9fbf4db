"""Views with values a reader could meet, and a strict reader of the pages made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from math import exp
from types import SimpleNamespace

import pytest

from maintainer.domain import evidence as seen
from maintainer.domain import phase
from maintainer.domain.model import Manifest, Span
from maintainer.domain.policy import Policy
from maintainer.domain.run import Event, Kind, Phase, Run, Verdict, replay
from maintainer.domain.sample import TaskKind, Window
from maintainer.report.backtest import BacktestView
from maintainer.report.check import CheckView
from maintainer.report.run import RunView

NOW = datetime(2026, 11, 21, 11, 0, 30, tzinfo=UTC)
Row = tuple[Kind, Phase, int, Verdict | None, str]


def policy(names: tuple[str, ...] = ("price", "demand")) -> Policy:
    features: dict[str, object] = {name: {"type": "number"} for name in names}
    features["day"] = {"type": "category"}
    return Policy.model_validate(
        {
            "version": 1,
            "model": "electricity",
            "task": {"kind": "tabular-classification", "features": features, "label": "class"},
            "triggers": [{"name": "inputs-moved", "metric": "drift.share", "above": 0.3}],
        }
    )


def histogram(bins: int = 18) -> seen.Histogram:
    bell = [exp(-(((k - bins / 2) / bins * 5) ** 2)) for k in range(bins)]
    shares = tuple(value / sum(bell) for value in bell)
    return seen.Histogram(tuple(f"{k * 5.5:.1f} to {(k + 1) * 5.5:.1f}" for k in range(bins)), shares, shares[::-1])


def score(column: str, value: float, kind: str = "value", chart: seen.Histogram | None = None) -> seen.DriftScore:
    return seen.DriftScore(column, kind, "psi", value, 0.1, chart or histogram())


def check(scores: tuple[seen.DriftScore, ...] = (), names: tuple[str, ...] = ("price", "demand")) -> CheckView:
    evidence = seen.Evidence(
        model="electricity",
        version="v0007",
        at=NOW,
        reference=Window(NOW - timedelta(days=60), NOW - timedelta(days=32)),
        current=Window.before(NOW, timedelta(days=7)),
        reference_rows=31_245,
        current_rows=20_123,
        values={"drift.share": 0.42, "labels.new": 4218.0, "champion.age": 2_695_680.0},
        scores=scores or (score("price", 0.361), score("demand", 0.02), score("price", 0.015, "missing")),
        metrics=(seen.Metric("accuracy", 0.7812, 4218, 0.7685, 0.7934),),
        notes=("estimated quality was not asked for",),
        sample_rows=20_000,
        sample_error=0.0136,
    )
    state = seen.TriggerState(seen.TriggerMode.FIRED, (True,))
    finding = seen.Finding("inputs-moved", "drift.share", 0.42, 0.3, True, state, "0.42 is over 0.3")
    decision = seen.Decision(True, "42 % of the columns drifted", ("inputs-moved",))
    history = ((NOW - timedelta(hours=1), 0.31, 0.79), (NOW - timedelta(minutes=30), 0.35, None))
    return CheckView(policy(names), evidence, (finding,), decision, "check-1", "a3" * 32, history, {"accuracy": 0.811})


def journal(rows: tuple[Row, ...]) -> tuple[Event, ...]:
    """Return events; the number in a row is seconds after NOW."""
    return tuple(
        Event("r1", seq, kind, step, NOW + timedelta(seconds=at), verdict, note)
        for seq, (kind, step, at, verdict, note) in enumerate(rows, start=1)
    )


PROMOTED: tuple[Row, ...] = (
    (Kind.STARTED, Phase.COLLECT, 0, None, ""),
    (Kind.FINISHED, Phase.COLLECT, 2, None, ""),
    (Kind.STARTED, Phase.TRAIN, 2, None, ""),
    (Kind.INTERRUPTED, Phase.TRAIN, 33, None, "its process was gone at start-up"),
    (Kind.STARTED, Phase.TRAIN, 34, None, ""),
    (Kind.FINISHED, Phase.TRAIN, 118, None, ""),
    (Kind.STARTED, Phase.EXPORT, 118, None, ""),
    (Kind.FINISHED, Phase.EXPORT, 121, None, ""),
    (Kind.STARTED, Phase.GATE, 121, None, ""),
    (Kind.FINISHED, Phase.GATE, 127, None, ""),
    (Kind.STARTED, Phase.PROMOTE, 127, None, ""),
    (Kind.FINISHED, Phase.PROMOTE, 128, Verdict.PROMOTED, "all gates hold"),
    (Kind.STARTED, Phase.REPORT, 128, None, ""),
)


def span(start: int, end: int) -> Span:
    return Span(start=NOW - timedelta(days=start), end=NOW - timedelta(days=end))


def train(with_former: bool = True) -> phase.TrainResult:
    steps = [k / 10 for k in range(11)]
    former = [0.81 - 0.02 * a if with_former else None for a in steps]
    points = tuple(
        phase.FrontierPoint(alpha=a, new=0.77 + 0.03 * a, former=f, inside_budget=a <= 0.5)
        for a, f in zip(steps, former, strict=True)
    )
    epochs = tuple(phase.EpochRecord(epoch=k, loss=0.5 / k, new=0.78 + 0.005 * k, former=0.8) for k in range(1, 6))
    return phase.TrainResult(
        challenger=True,
        reason="alpha 0.5 is best within the budget",
        strategy="frontier",
        metric="accuracy",
        alpha=0.5,
        frontier=points,
        epochs=epochs,
        search=tuple(
            phase.Trial(
                number=k,
                settings={"learning_rate": 0.001 * (k + 1), "penalty": 2.5},
                centre={"learning_rate": 0.001, "penalty": 1.0},
                score=0.01 * k if k < 2 else None,
                outcome="finished" if k < 2 else "given up",
                course=(0.7, 0.75),
                seconds=12.0,
                unfreeze="head" if k == 2 else None,
            )
            for k in range(3)
        ),
        classes=("DOWN", "UP"),
        seconds=83.6,
        threads=1,
        seed=7,
    )


def gate() -> phase.GateResult:
    findings = (
        phase.GateFinding(
            gate="superior accuracy on current",
            verdict=phase.GateVerdict.PASSED,
            value=0.0212,
            limit=0.0,
            interval=(0.0101, 0.0321),
            n=3021,
            sentence="accuracy rose by 0.021",
        ),
        phase.GateFinding(
            gate="latency", verdict=phase.GateVerdict.INCONCLUSIVE, value=None, limit=5.0, sentence="too few answers"
        ),
    )
    return phase.GateResult(
        findings=findings,
        challenger={"current": {"accuracy": 0.8031, "log_loss": 0.43}, "reference": {"accuracy": 0.806}},
        champion={"current": {"accuracy": 0.7819, "log_loss": 0.47}, "reference": {"accuracy": 0.8105}},
        negative_flip_rate=0.0312,
        positive_flip_rate=0.0524,
        slices={"current": slices(), "reference": slices(more=0)},
    )


def slices(metric: str = "accuracy", value: str = "sunday", more: int = 12) -> phase.Slices:
    """Return a slice that lost, one that may have gained, and a small one."""
    lost = phase.SliceMoved(
        column="day",
        value=value,
        n=431,
        small=False,
        before=0.801,
        after=0.703,
        gain=-0.098,
        interval=(-0.125, -0.071),
        negative=0.132,
        positive=0.034,
        negative_interval=(0.107, 0.161),
        positive_interval=(0.022, 0.051),
    )
    even = lost.model_copy(update={"value": "monday", "after": 0.807, "gain": 0.006, "interval": (-0.011, 0.023)})
    few = lost.model_copy(update={"value": "holiday", "n": 4, "small": True, "interval": None})
    return phase.Slices(metric=metric, shown=(lost, even, few), more=more, more_small=more // 2)


def care(sample: str) -> phase.Care:
    row = phase.CareRow(
        sample=sample,
        part="new",
        finding="label error",
        action="dropped",
        why=f"a model of the other samples does not believe {sample}",
        given=sample if sample.startswith("<") else "UP",
        suggested=sample if sample.startswith("<") else "DOWN",
        score=0.031,
    )
    count = phase.CareCount(finding="label error", action="dropped", rows=24)
    return phase.Care(counts=(count,), shown=(row,), notes=(), file="care.csv")


def champion() -> Manifest:
    return Manifest(
        model="electricity",
        version="v0007",
        parent=None,
        run="r0",
        created_at=NOW,
        task=TaskKind.CLASSIFICATION,
        family="tabular-mlp",
        classes=("DOWN", "UP"),
        trained=span(80, 60),
        held_out=span(60, 50),
        memory_from=NOW,
        block_seconds=21_600.0,
        metrics={"accuracy": 0.811},
        baseline={"accuracy": 0.811},
        strategy="frontier",
        alpha=0.5,
        seed=0,
        threads=1,
        policy_hash="b4" * 32,
        data_hash="77" * 32,
        packages={},
        files={},
    )


def collect() -> phase.CollectResult:
    return phase.CollectResult(
        trained=span(40, 4),
        current_holdout=span(4, 0),
        newest_rows=2100,
        former=span(400, 40),
        memory_from=NOW - timedelta(days=400),
        rows={"train": 12_840, "validation": 2752, "current_holdout": 3021, "replay": 9000, "reference_holdout": 1500},
        data_hash="9c" * 32,
        block_seconds=21_600.0,
    )


def run(rows: tuple[Row, ...] = PROMOTED) -> RunView:
    events = journal(rows)
    return RunView(
        policy=policy(),
        run=replay("r1", events),
        events=events,
        reason="42 % of the columns drifted",
        triggers=("inputs-moved",),
        collect=collect(),
        train=train(),
        export=phase.ExportResult(parity=3.1e-7, rows=512, size_bytes=91_812, opset=20),
        gate=gate(),
        champion=champion(),
        version="v0008",
        policy_hash="a3" * 32,
        check_id="check-1",
    )


def bare_run(events: tuple[Event, ...], state: Run) -> RunView:
    """Return a run of which nothing but the journal is known."""
    return RunView(policy(), state, events, "", (), None, None, None, None, None, None, "a3" * 32, None)


def backtest(steps: int = 940, events: int = 12) -> BacktestView:
    rows = tuple(
        (NOW + timedelta(hours=k), 0.8 - k / 9400, 0.81, 0.75, 0.2 if k % 5 else None, 48) for k in range(steps)
    )
    kinds = ("triggered", "promoted", "triggered", "rejected")
    told = tuple((NOW + timedelta(hours=20 * k), kinds[k % 4], f"{kinds[k % 4]} for a reason") for k in range(events))
    return BacktestView(
        model="electricity",
        metric="accuracy",
        higher_is_better=True,
        static=0.75,
        maintained=0.8,
        no_change=0.853,
        timeline=rows,
        events=told,
        rows=45_312,
        checks=940,
        triggers=6,
        runs=6,
        promotions=3,
        rejections=3,
        labels_used=31_245,
        train_seconds=212.4,
        total_seconds=391.0,
        bwt=-0.0121,
        forgetting=0.0184,
        negative_flip_rate=0.0231,
        r_table=[[0.8, None], [0.78, 0.81]],
        policy_yaml="version: 1\nmodel: electricity\n",
    )


VOID = frozenset({"meta", "link", "br"})
CLOSES_ITSELF = frozenset({"rect", "line", "circle", "path"})


@dataclass
class Page(HTMLParser):
    """What one page holds."""

    open: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in CLOSES_ITSELF, f"<{tag}/> does not close itself in HTML"
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        """Return what is shown, with single blanks."""
        return " ".join(" ".join(self.pieces).split())


def read(html: str) -> Page:
    """Return the page; AssertionError where its tags do not balance."""
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == [], f"never closed: {page.open}"
    return page


@pytest.fixture
def reader() -> Callable[[str], Page]:
    return read


@pytest.fixture
def views() -> SimpleNamespace:
    """Return the builders above, by name."""
    makers = (care, slices, policy, histogram, score, check, journal, train, run, bare_run, backtest)
    return SimpleNamespace(NOW=NOW, PROMOTED=PROMOTED, **{maker.__name__: maker for maker in makers})
