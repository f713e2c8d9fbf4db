"""The task of a policy: what the model is asked, from which columns, and what it answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from maintainer.domain.sample import Column, ColumnKind, TaskKind, lengths_of
from maintainer.domain.section import LATER, NotBuilt, Section, designed, only
from maintainer.domain.values import FeatureName, Real, Text

KINDS_LATER = (
    "token-classification",
    "image-classification",
    "image-segmentation",
    "causal-lm",
)


class NumberFeature(Section):
    """A number and the range it must keep."""

    type: Literal["number"] = Field(description="a number")
    min: Real | None = Field(default=None, description="a sample below it is quarantined")
    max: Real | None = Field(default=None, description="a sample above it is quarantined")
    missing: Annotated[Literal["allow", "reject"], designed("impute")] = Field(
        default="allow", description="reject: a sample without it is quarantined"
    )

    def column(self, name: str) -> Column:
        """Return the column of this name."""
        return Column(name, ColumnKind.NUMBER, self.min, self.max, missing_allowed=self.missing == "allow")


class CategoryFeature(Section):
    """A category and the values it is known to take."""

    type: Literal["category"] = Field(description="one of a few values, read as text")
    values: tuple[str, ...] = Field(default=(), description="the known values; empty: whatever comes")
    unknown: Literal["allow", "reject"] = Field(
        default="allow", description="reject: a sample with a value that is not listed is quarantined"
    )
    missing: Annotated[Literal["allow", "reject"], designed("impute")] = Field(
        default="allow", description="reject: a sample without it is quarantined"
    )

    def column(self, name: str) -> Column:
        """Return the column of this name."""
        return Column(
            name,
            ColumnKind.CATEGORY,
            values=self.values,
            unknown_allowed=self.unknown == "allow",
            missing_allowed=self.missing == "allow",
        )


Feature = Annotated[NumberFeature | CategoryFeature, Field(discriminator="type")]


Kind = Literal["tabular-classification", "tabular-regression", "text-classification", "text-regression"]


class Task(Section):
    """What the model is asked and answers."""

    kind: Annotated[Kind, designed(*KINDS_LATER)] = Field(
        description="what the model sees, and whether its answer is one of a few classes or a number"
    )
    id: Text | None = Field(default=None, description="column that names a sample; a hash of the row when absent")
    time: Text | None = Field(
        default=None, description="column of the event time (UTC); the time of arrival when absent"
    )
    features: dict[FeatureName, Feature] = Field(
        default_factory=dict[FeatureName, Feature],
        description="tabular: what the model sees: column -> its type and its contract, in this order",
    )
    text: FeatureName | None = Field(default=None, description="text kinds: the column that the model reads")
    label: Text = Field(description="column of the true answer, which may come later than the sample")
    classes: tuple[str, ...] = Field(default=(), description="the possible answers; learned at bootstrap when absent")
    prediction: Text = Field(
        default="prediction", description="column of what the model answered in production, when logged"
    )
    slices: tuple[FeatureName, ...] = Field(
        default=(), description="features whose values are reported one by one, before and after each run"
    )
    protected: Annotated[NotBuilt, only([])] = LATER
    image: Annotated[NotBuilt, only()] = LATER

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return the columns that the model sees, in their order."""
        text = (Column(self.text, ColumnKind.TEXT),) if self.text is not None else ()
        return (*(feature.column(name) for name, feature in self.features.items()), *text)

    @property
    def kinds(self) -> dict[str, str]:
        """Return what the model sees: column -> its kind."""
        return {column.name: column.kind.value for column in self.columns}

    @property
    def compared(self) -> tuple[str, ...]:
        """Return the names of the columns that drift is looked for in: the features, of a text its lengths."""
        return (*self.features, *(lengths_of(self.text) if self.text is not None else ()))

    @property
    def reads_text(self) -> bool:
        """Return whether the model sees a text in place of a table."""
        return self.kind.startswith("text-")

    @property
    def of(self) -> TaskKind:
        """Return the kind as the enum that rules match on."""
        return TaskKind(self.kind)
