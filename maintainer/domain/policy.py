"""What a policy file may say: frozen models that refuse what they do not know, and by name what is not built yet.

The parts live beside this module (task, sections, triggers, gates, small values) and can all be had here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from maintainer.domain.consistency import (
    Fault,
    base_faults,
    check_faults,
    gate_faults,
    source_faults,
    task_faults,
    trigger_faults,
)
from maintainer.domain.gates import (
    GATES_LATER,
    ComparedMetric,
    Gate,
    GateBase,
    LatencyGate,
    MetricName,
    NegativeFlipsGate,
    NonInferiorGate,
    ParityGate,
    SizeGate,
    SuperiorGate,
    default_gates,
)
from maintainer.domain.sample import Schema
from maintainer.domain.section import LATER, NOT_BUILT, NotBuilt, Section, designed, keys_of, only
from maintainer.domain.sections import (
    Base,
    Budget,
    Checks,
    CheckWindow,
    DirectorySource,
    Drift,
    Labels,
    Method,
    Needs,
    Promotion,
    Quality,
    Reference,
    Retention,
    RunRules,
)
from maintainer.domain.task import CategoryFeature, Feature, NumberFeature, Task
from maintainer.domain.training import Data, EarlyStopping, LabelErrors, Optimizer, Replay, SplitRules, Train
from maintainer.domain.training_rules import (
    data_faults,
    memory_faults,
    memory_notes,
    network_notes,
    training_faults,
    training_notes,
)
from maintainer.domain.triggers import (
    EVIDENCE,
    AboveTrigger,
    AutoTrigger,
    BelowTrigger,
    DropTrigger,
    EvidenceName,
    Trigger,
    TriggerBase,
    parse_evidence,
    tell_trigger,
)
from maintainer.domain.values import (
    UNITS,
    Bytes,
    Count,
    Duration,
    Limit,
    MOfN,
    OpenShare,
    Share,
    Slug,
    parse_duration,
    parse_fraction,
    parse_limit,
    parse_size,
)

__all__ = [
    "EVIDENCE",
    "GATES_LATER",
    "NOT_BUILT",
    "UNITS",
    "AboveTrigger",
    "AutoTrigger",
    "Base",
    "BelowTrigger",
    "Budget",
    "Bytes",
    "CategoryFeature",
    "CheckWindow",
    "Checks",
    "ComparedMetric",
    "Count",
    "Data",
    "DirectorySource",
    "Drift",
    "DropTrigger",
    "Duration",
    "EarlyStopping",
    "EvidenceName",
    "Feature",
    "Gate",
    "GateBase",
    "LabelErrors",
    "Labels",
    "LatencyGate",
    "Limit",
    "MOfN",
    "Method",
    "MetricName",
    "Needs",
    "NegativeFlipsGate",
    "NonInferiorGate",
    "NumberFeature",
    "OpenShare",
    "Optimizer",
    "ParityGate",
    "Policy",
    "Promotion",
    "Quality",
    "Reference",
    "Replay",
    "Retention",
    "RunRules",
    "Section",
    "Share",
    "SizeGate",
    "SplitRules",
    "SuperiorGate",
    "Task",
    "Train",
    "Trigger",
    "TriggerBase",
    "default_gates",
    "designed",
    "parse_duration",
    "parse_evidence",
    "parse_fraction",
    "parse_limit",
    "parse_size",
    "policy_hash",
    "schema_of",
    "tell_trigger",
]


HINTED = 20  # faults that come with the nearest known word


def _inbox(data: dict[str, Any]) -> tuple[DirectorySource, ...]:
    return (DirectorySource(kind="directory", path=f"inbox/{data['model']}"),)


def _gates(data: dict[str, Any]) -> tuple[Gate, ...]:
    return default_gates(data["task"].of, data["task"].reads_text)


class Export(Section):
    """How a challenger is exported; so far there is nothing to choose."""

    opset: Annotated[NotBuilt, only("auto")] = LATER
    quantize: Annotated[NotBuilt, only("none")] = LATER


def _nothing(value: object) -> None:
    del value


class Policy(Section):
    """What is to be done to keep one model good: the YAML file of the model."""

    version: Literal[1] = Field(description="of this file format")
    model: Slug = Field(description="name of the model, of its directories and of its place in the API")
    description: str = Field(default="", description="what the model is for, in words")
    owner: str = Field(default="", description="who answers for it")
    mode: Annotated[Literal["observe", "auto"], designed("propose")] = Field(
        default="auto", description="observe: check and report, never start a run; auto: start runs and promote"
    )
    task: Task = Field(description="what the model is asked and answers")
    base: Base = Field(default=Base(), description="what bootstrap starts from")
    sources: tuple[DirectorySource, ...] = Field(
        default_factory=_inbox, description="where samples and labels come from; inbox/<model> when none is named"
    )
    retention: Retention = Field(default=Retention(), description="how much of the past is kept for rehearsal")
    references: tuple[Reference, ...] = Field(default=(Reference(kind="champion"),), description="what normal means")
    checks: Checks = Field(default=Checks(), description="when and how the model is looked at")
    triggers: tuple[Trigger, ...] = Field(default=(), description="rules that start a run; one that fires is enough")
    run: RunRules = Field(default=RunRules(), description="what a run may cost and how often")
    labels: Labels = Field(default=Labels(), description="what people are asked to label")
    data: Data = Field(default=Data(), description="care for what is trained on")
    train: Train = Field(default=Train(), description="how a challenger is made")
    gates: tuple[Gate, ...] = Field(
        default_factory=_gates,
        description="rules a challenger must pass, all of them; those of its task when none is named",
    )
    promotion: Promotion = Field(default=Promotion(), description="what happens to a challenger that passes")
    export: Annotated[SkipJsonSchema[Export | None], AfterValidator(_nothing)] = LATER
    notify: Annotated[NotBuilt, only([])] = LATER

    @model_validator(mode="before")
    @classmethod
    def read_as_meant(cls, value: Any) -> Any:
        """Give lists that name none their defaults, and make kfac the strategy where nothing may be rehearsed.

        It is the best one without former samples; a strategy that is named stays.
        """
        if not isinstance(value, Mapping):
            return value
        named = cast("Mapping[Any, Any]", value)
        lists = ("sources", "references", "gates")
        data = {key: item for key, item in named.items() if not (key in lists and item in (None, [], ()))}
        kept, train = (keys_of(data.get(name)) for name in ("retention", "train"))
        if kept is None or train is None or kept.get("replay") != 0 or "strategy" in train:
            return data
        return {**data, "train": {**train, "strategy": "kfac"}}

    @model_validator(mode="after")
    def parts_fit(self) -> Policy:
        """Refuse parts that do not fit each other, all of them at once."""
        if faults := list(self.faults()):
            told = [f.message + (f.hint if i < HINTED else "") for i, f in enumerate(faults)]
            raise ValidationError.from_exception_data(
                "Policy",
                [
                    InitErrorDetails(
                        type=PydanticCustomError("fault", "{message}", {"message": message}),
                        loc=fault.path,
                        input=None,
                    )
                    for fault, message in zip(faults, told, strict=True)
                ],
            )
        return self

    def faults(self) -> Iterator[Fault]:
        """Yield what does not fit; nothing for a policy that could be made."""
        yield from task_faults(self.task)
        yield from base_faults(self.task, self.base)
        yield from source_faults(self.sources)
        yield from check_faults(self.task, self.checks)
        yield from trigger_faults(self.task, self.checks, self.triggers)
        yield from training_faults(self.task.of, self.data, self.train, self.run.timeout)
        yield from memory_faults(self.task.of, self.retention, self.train)
        yield from data_faults(self.task, self.data)
        yield from gate_faults(self.task.of, self.gates)

    def notes(self) -> list[str]:
        """Return what the policy says to no effect: nothing is wrong with it, but someone may count on it."""
        asleep = network_notes(self.base, self.train)
        return [*training_notes(self.train), *memory_notes(self.retention, self.train), *asleep]


def policy_hash(policy: Policy) -> str:
    """Return the SHA-256 (hex) of the policy's JSON with every default filled in.

    Keys come in the order of the models, whatever their order in the file, and columns under drift by name; the
    features keep their order, for it is the order of the model's inputs.
    """
    document = policy.model_dump(mode="json", by_alias=True)
    drift = document["checks"]["drift"]
    drift |= {key: dict(sorted(each.items())) for key, each in drift.items() if isinstance(each, dict)}
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def schema_of(policy: Policy, classes: tuple[str, ...] = ()) -> Schema:
    """Return the typed columns of the model's samples; `classes` are those learned, where the policy names none."""
    task = policy.task
    return Schema(
        model=policy.model,
        task=task.of,
        features=task.columns,
        label=task.label,
        classes=task.classes or classes,
        id=task.id,
        time=task.time,
        prediction=task.prediction,
    )
