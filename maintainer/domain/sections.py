"""The parts of a policy that say where samples come from, how they are checked, and what a run may cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from maintainer.domain.section import LATER, NotBuilt, Section, designed, only, refused
from maintainer.domain.values import GIB, BasePath, Bytes, Count, Duration, InboxPath, Positive, Real

Weight = Annotated[Real, Field(ge=0, le=1_000_000)]


class Base(Section):
    """What bootstrap starts from."""

    family: Annotated[Literal["tabular-mlp", "ft-transformer", "huggingface"], designed("module")] = Field(
        default="tabular-mlp",
        description="the kind of network; ft-transformer: attention between columns, slower and better on some tables; "
        "huggingface: an encoder of text",
    )
    path: BasePath | None = Field(
        default=None,
        description="huggingface: the save_pretrained directory, below bases/ of the state directory, such as "
        "bases/minilm; null: bases/<model>, where `bootstrap --from` puts one",
    )
    longest: Annotated[int, Field(ge=8, le=8192, strict=True)] | None = Field(
        default=None,
        description="huggingface: tokens of a text that are read, special ones included; what comes behind is not "
        "seen. Fewer cost less, in training and in every answer; null: 256, or what the network takes",
    )
    entry_point: Annotated[NotBuilt, only()] = LATER


class DirectorySource(Section):
    """Files dropped into a folder of the state directory."""

    kind: Annotated[Literal["directory"], designed("http", "kafka", "sql", "objects")] = Field(
        description="where samples and labels come from: files dropped into a folder"
    )
    path: InboxPath = Field(description="the folder, below inbox/ of the state directory, such as inbox/electricity")
    format: Literal["auto", "parquet", "csv", "jsonl"] = Field(
        default="auto", description="auto: by the ending of the name"
    )


class Retention(Section):
    """How much of the past is kept for rehearsal."""

    replay: Annotated[int, Field(ge=0, le=1_000_000_000, strict=True)] = Field(
        default=20_000,
        description="former labelled samples that a run may rehearse; 0: none is learned from again, and the strategy "
        "is kfac unless another one that needs none is named",
    )
    samples: Annotated[NotBuilt, only()] = LATER


class Reference(Section):
    """What normal means."""

    kind: Annotated[Literal["champion"], designed("rolling", "seasonal", "fixed")] = Field(
        description="what the champion was trained and held out on"
    )


class CheckWindow(Section):
    """The samples a check looks at."""

    last: Duration = Field(default=timedelta(days=7), description="how far back it reaches")
    min_samples: Count = Field(default=500, description="with fewer samples nothing is said of drift")
    max_samples: Annotated[Count, Field(ge=100)] = Field(
        default=20_000, description="above it a uniform sample is drawn where rows are needed one by one"
    )


Method = Annotated[
    Literal["auto", "psi", "jensenshannon", "wasserstein", "hellinger", "kl_div", "ks"],
    designed("cramer_von_mises", "anderson", "ed", "es", "mannw", "t_test", "z", "chisquare", "g_test", "fisher_exact"),
    designed("TVD"),
    refused("empirical_mmd", "it compares every row with every other"),
]


def tell_one_or_each(value: object) -> str:
    """Return whether one word is for all columns or a mapping has one for each."""
    return "each" if isinstance(value, Mapping) else "one"


def tell_all_or_list(value: object) -> str:
    """Return whether all columns are meant, or some are listed."""
    return "all" if value == "all" else "list"


def tell_auto_or_number(value: object) -> str:
    """Return whether a threshold is calibrated or given."""
    return "auto" if isinstance(value, str) else "number"


def tell_threshold(value: object) -> str:
    """Return whether one threshold is for all columns, and which, or a mapping has one for each."""
    return "each" if isinstance(value, Mapping) else tell_auto_or_number(value)


def _columns_wanted(value: object) -> object:
    if (isinstance(value, str) and value != "all") or value in ([], ()):
        raise PydanticCustomError("columns", "wanted all, or a list of columns")
    return value


AllOrList = Annotated[
    Annotated[Literal["all"], Tag("all")] | Annotated[tuple[str, ...], Tag("list")],
    Discriminator(tell_all_or_list),
    BeforeValidator(_columns_wanted),
]
Methods = Annotated[
    Annotated[Method, Tag("one")] | Annotated[dict[str, Method], Tag("each")], Discriminator(tell_one_or_each)
]
Threshold = Annotated[
    Annotated[Literal["auto"], Tag("auto")] | Annotated[Positive, Tag("number")],
    Discriminator(tell_auto_or_number),
]
Thresholds = Annotated[
    Annotated[Literal["auto"], Tag("auto")]
    | Annotated[Positive, Tag("number")]
    | Annotated[dict[str, Threshold], Tag("each")],
    Discriminator(tell_threshold),
]


class FalseAlarms(Section):
    """How often stable data may alarm."""

    at_most: Annotated[Positive, Field(le=1000)] = Field(
        default=1.0, description="checks of stable data that find drift in any column, on average, in the period"
    )
    per: Duration = Field(default=timedelta(days=30), description="the period")


class Drift(Section):
    """How columns are compared with the reference."""

    columns: AllOrList = Field(
        default="all", description="all features, or a list of them; the prediction is always compared"
    )
    method: Methods = Field(
        default="auto", description="one word for all, or column -> method; auto: by the column's kind"
    )
    threshold: Thresholds = Field(
        default="auto",
        description="a score above it, and above what chance alone scores, is drift; auto: calibrated on the reference "
        "to the false alarms that are allowed; one for all, or column -> threshold (auto for the others)",
    )
    weights: dict[str, Weight] = Field(
        default_factory=dict[str, float],
        description="column -> its weight in drift.share, at most a million; 1 when absent",
    )
    false_alarms: FalseAlarms = Field(
        default=FalseAlarms(), description="how often stable data may alarm, over all columns with threshold auto"
    )
    multivariate: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="also compare whole rows, by a classifier that tells the windows apart (texts: by the network's "
        "states of them); done too where a trigger looks at drift.multivariate or drift.embedding",
    )


QualityName = Literal["accuracy", "f1_macro", "log_loss", "ece", "mae", "rmse", "r2"]


class Quality(Section):
    """What is measured against late labels, and estimated before they come."""

    metrics: tuple[QualityName, ...] = Field(
        default=(), description="figures of quality; when empty all of the task's that need no probabilities"
    )
    estimate_without_labels: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        description="classes: estimate the accuracy of the newest samples before their labels come, from the model's "
        "probabilities calibrated on its labelled past; it is blind to concept drift",
    )


class Checks(Section):
    """When and how the model is looked at."""

    every: Duration = Field(default=timedelta(hours=1), description="time from check to check")
    window: CheckWindow = Field(default=CheckWindow(), description="the samples that are looked at")
    drift: Drift = Field(default=Drift(), description="how columns are compared with the reference")
    quality: Quality = Field(default=Quality(), description="what is measured against late labels")
    cron: Annotated[NotBuilt, only()] = LATER
    contract: Annotated[NotBuilt, only({})] = LATER


class Needs(Section):
    """What a run waits for."""

    labels: Count = Field(default=200, description="labelled samples; below it a fired trigger waits")


class Budget(Section):
    """Most runs in a span."""

    runs: Count = Field(default=10, description="most runs")
    per: Duration = Field(default=timedelta(days=7), description="in any span of this length")


class Labels(Section):
    """What people are asked to label."""

    per_day: Count = Field(default=100, description="most samples that the labelling queue gives out on one day, UTC")


class RunRules(Section):
    """What a run may cost and how often."""

    needs: Needs = Field(default=Needs(), description="what a run waits for")
    cooldown: Duration = Field(default=timedelta(hours=6), description="least time from the start of a run to the next")
    budget: Budget = Field(default=Budget(), description="most runs in a span")
    timeout: Duration = Field(default=timedelta(minutes=30), description="longest time of a phase")
    memory: Bytes = Field(default=4 * GIB, description="most memory of a phase")


class Promotion(Section):
    """What happens to a challenger that holds every gate."""

    keep_versions: Annotated[Count, Field(ge=2)] = Field(
        default=10, description="versions that are kept for rollback, the champion among them"
    )
    approval: Annotated[NotBuilt, only("none")] = LATER
    shadow: Annotated[NotBuilt, only({}, zero="samples")] = LATER
    probation: Annotated[NotBuilt, only()] = LATER
