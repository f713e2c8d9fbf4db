"""The rules that start a run, and the names of the evidence they may look at."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from maintainer.domain.section import NOT_BUILT, Section
from maintainer.domain.values import Limit, MOfN, Positive, Slug

EVIDENCE = (
    "drift.share",
    "drift.prediction",
    "drift.label",
    "contract.quarantine_share",
    "labels.new",
    "labels.coverage",
    "labels.delay",
    "samples.new",
    "champion.age",
    "quality.change",
)
FAMILIES_LATER = ("fairness.",)
ESTIMATED = "estimated.accuracy"
SHARES = (
    "drift.share",
    "contract.quarantine_share",
    "labels.coverage",
    "quality.accuracy",
    "quality.f1_macro",
    "quality.ece",
    ESTIMATED,
)
TOGETHER = ("drift.multivariate", "drift.embedding")  # of whole rows: of a table, of texts
SPANS = ("labels.delay", "champion.age")  # evidence in seconds; its limits are durations
LIMITS = ("above", "below", "drop")
SCORED = ("drift.score.", "drift.missing.", "drift.unseen.", "drift.prediction", "drift.label", "drift.vocabulary")


def range_of(metric: str) -> tuple[float, float]:
    """Return the least and the greatest value that evidence can have."""
    if metric in (*SHARES, *TOGETHER) or metric.startswith(("drift.missing.", "drift.unseen.")):
        return 0.0, 1.0
    if metric == "quality.change":
        return -inf, inf
    return (-inf, 1.0) if metric == "quality.r2" else (0.0, inf)


def range_of_loss(metric: str) -> tuple[float, float]:
    """Return the least and the greatest loss that quality.<metric> can have; a gain is negative."""
    if metric == "quality.r2":
        return -inf, inf
    return -1.0, 1.0 if metric in SHARES else inf


def parse_evidence(value: object) -> object:
    """Refuse evidence that is designed but not built; the rest is checked against the task later."""
    if isinstance(value, str) and value.startswith(FAMILIES_LATER):
        raise PydanticCustomError("not_built", "'{word}' " + NOT_BUILT, {"word": value})
    return value


EvidenceName = Annotated[str, BeforeValidator(parse_evidence)]


class TriggerBase(Section):
    """What every trigger has."""

    name: Slug = Field(description="how findings and runs call it")
    metric: EvidenceName = Field(
        description="the evidence it looks at: drift.share, drift.score.<column>, drift.missing.<column>, "
        "drift.unseen.<category>, drift.prediction, drift.label, drift.multivariate (tables), drift.vocabulary, "
        "drift.unseen.<text> and drift.embedding (texts), quality.<metric>, quality.change, estimated.accuracy, "
        "contract.quarantine_share, labels.new, labels.coverage, labels.delay, samples.new or champion.age"
    )
    for_: MOfN = Field(default=(1, 1), alias="for", description="m of n: fires when m of the last n checks hold it")
    no_data: Literal["keep", "clear", "fire"] = Field(
        default="keep", description="what a check without the metric means: nothing, that it is clear, or that it holds"
    )


class AboveTrigger(TriggerBase):
    """Holds while its metric is above a limit."""

    above: Limit = Field(
        description="holds above it: a number, for champion.age and labels.delay a duration such as 30d"
    )
    clear_below: Limit | None = Field(
        default=None, description="once fired it is clear again only at or below this; the limit itself when absent"
    )


class AutoTrigger(TriggerBase):
    """Holds while a score of drift is above its own threshold and floor: while that column has drifted."""

    above: Literal["auto"] = Field(
        description="auto: holds above the score's own limit, its threshold or its floor where that is higher; for "
        "scores of columns, of the prediction and of labels"
    )
    clear_below: Limit | None = Field(
        default=None, description="once fired it is clear again only at or below this; its limit when absent"
    )


class BelowTrigger(TriggerBase):
    """Holds while its metric is below a limit."""

    below: Limit = Field(
        description="holds below it: a number, for champion.age and labels.delay a duration such as 30d"
    )
    clear_above: Limit | None = Field(
        default=None, description="once fired it is clear again only at or above this; the limit itself when absent"
    )


class DropTrigger(TriggerBase):
    """Holds while a quality metric has lost more than `drop` against what the champion is held to.

    That is its own figure where it is better than its parent's, else one between the two: see `metrics.faded` and
    docs/decisions/0010-a-baseline-fades.md.
    """

    drop: Positive = Field(description="most it may lose: points of the metric, but a share for mae and rmse")
    against: Literal["champion"] = Field(
        default="champion",
        description="what the loss is measured against: the champion's figure on its own holdout; where its parent was "
        "held to a better one, half-way between the two",
    )
    clear_below: Limit | None = Field(
        default=None,
        description="once fired it is clear again only when the loss is at or below this; `drop` when absent",
    )


def tell_trigger(value: Any) -> str | None:
    """Return which trigger is meant, by the one word of its limit; None where there is none or more than one."""
    if not isinstance(value, Mapping):
        return type(value).__name__
    words = [word for word in LIMITS if word in value]
    if words == ["above"] and value["above"] == "auto":
        return "AutoTrigger"
    return f"{words[0].capitalize()}Trigger" if len(words) == 1 else None


Trigger = Annotated[
    Annotated[AboveTrigger, Tag("AboveTrigger")]
    | Annotated[AutoTrigger, Tag("AutoTrigger")]
    | Annotated[BelowTrigger, Tag("BelowTrigger")]
    | Annotated[DropTrigger, Tag("DropTrigger")],
    Discriminator(
        tell_trigger,
        custom_error_type="limit_word",
        custom_error_message="wanted a mapping with exactly one of the limits above, below and drop",
    ),
]
