"""The rules a challenger must pass before it is promoted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from maintainer.domain.metrics import metrics_of
from maintainer.domain.sample import TaskKind
from maintainer.domain.section import Section, designed_kinds
from maintainer.domain.values import Count, OpenShare, Positive

MetricName = Literal["accuracy", "f1_macro", "log_loss", "ece", "mae", "rmse", "r2"]
ComparedMetric = Literal["accuracy", "f1_macro", "log_loss", "mae", "rmse", "r2"]
NO_ECE = (
    "no gate can compare it: on a holdout it comes out too high, for one model more than for the other,"
    " and resampling keeps that; use log_loss"
)
Confidence = Annotated[float, Field(gt=0.5, lt=1.0, strict=True)]
Holdout = Literal["current", "reference"]
GATES_LATER = ("slices", "pinned", "calibration", "robustness", "fairness")
ON = "which holdout judges: the newest samples, or the former ones"


def refuse_ece(value: object) -> object:
    """Refuse the calibration error where two models are compared, with the reason."""
    if value == "ece":
        raise PydanticCustomError("compared", NO_ECE)
    return value


GateMetric = Annotated[ComparedMetric, BeforeValidator(refuse_ece)]


class GateBase(Section):
    """What every gate has."""


class ParityGate(GateBase):
    """Torch and ONNX answer alike."""

    kind: Literal["parity"] = Field(description="torch and ONNX answer alike")
    tolerance: Positive = Field(default=1.0e-4, description="largest difference in probability, or in label deviations")


class SuperiorGate(GateBase):
    """The challenger is better than the champion, beyond chance."""

    kind: Literal["superior"] = Field(description="better than the champion, beyond chance")
    metric: GateMetric = Field(description="the figure of quality that is compared")
    on: Holdout = Field(default="current", description=ON)
    confidence: Confidence = Field(default=0.95, description="of the one-sided interval")


class NonInferiorGate(GateBase):
    """The challenger is not worse than the champion by more than a margin, beyond chance."""

    kind: Literal["non-inferior"] = Field(description="not worse than the champion by more than a margin")
    metric: GateMetric = Field(description="the figure of quality that is compared")
    on: Holdout = Field(default="reference", description=ON)
    margin: Positive = Field(
        default=0.01, description="most it may lose: points of the metric, but a share for mae and rmse"
    )
    confidence: Confidence = Field(default=0.95, description="of the one-sided interval")


class NegativeFlipsGate(GateBase):
    """Few samples that the champion had right are wrong now."""

    kind: Literal["negative-flips"] = Field(description="few samples that the champion had right are wrong now")
    at_most: OpenShare = Field(default=0.02, description="a larger share of all samples must be ruled out")
    on: Holdout = Field(default="reference", description=ON)
    tolerance: Positive = Field(
        default=0.1, description="regression: an answer is right within this share of the spread of the labels"
    )
    confidence: Confidence = Field(default=0.95, description="of the one-sided upper bound of the share")


class LatencyGate(GateBase):
    """An answer comes in time."""

    kind: Literal["latency"] = Field(description="an answer comes in time")
    p95_ms_at_most: Positive = Field(default=5.0, description="95th percentile of a call, in milliseconds")
    batch: Count = Field(default=1, description="samples in a call")


class SizeGate(GateBase):
    """The ONNX file is small enough."""

    kind: Literal["size"] = Field(description="the ONNX file is small enough")
    mib_at_most: Positive = Field(default=50.0, description="its size in MiB")


Gate = Annotated[
    Annotated[
        ParityGate | SuperiorGate | NonInferiorGate | NegativeFlipsGate | LatencyGate | SizeGate,
        Field(discriminator="kind"),
    ],
    designed_kinds("kind", *GATES_LATER),
]


TEXT_MILLISECONDS, TEXT_MIB = 100.0, 500.0  # of a network that reads text, where a policy names no limits


def default_gates(task: TaskKind, reads_text: bool = False) -> tuple[Gate, ...]:
    """Return the gates of a policy that names none: better on new data, not worse on former data, and fit to serve.

    Answers that are numbers are near their label or not by a hair: what flips among them is for a policy to say.
    """
    main: ComparedMetric = "accuracy" if metrics_of(task)[0] == "accuracy" else "mae"
    compared = (SuperiorGate(kind="superior", metric=main), NonInferiorGate(kind="non-inferior", metric=main))
    flips = (NegativeFlipsGate(kind="negative-flips"),) if task is TaskKind.CLASSIFICATION else ()
    served: tuple[Gate, ...] = (LatencyGate(kind="latency"), SizeGate(kind="size"))
    if reads_text:
        slow = LatencyGate(kind="latency", p95_ms_at_most=TEXT_MILLISECONDS)
        served = (slow, SizeGate(kind="size", mib_at_most=TEXT_MIB))
    return (ParityGate(kind="parity"), *compared, *flips, *served)


def aim(gates: Sequence[Gate], task: TaskKind) -> ComparedMetric:
    """Return the metric that a challenger is made and chosen for: that of the first superior gate, else the task's."""
    named: list[ComparedMetric] = [g.metric for g in gates if isinstance(g, SuperiorGate) and g.on == "current"]
    main: ComparedMetric = "mae" if task is TaskKind.REGRESSION else "accuracy"
    return named[0] if named else main
