"""The parts of a policy that say what a challenger learns from, and how."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from maintainer.domain.section import Section, designed
from maintainer.domain.values import Count, Duration, OpenShare, Positive, Real

NotNegative = Annotated[Real, Field(ge=0)]
PartShare = Annotated[Real, Field(ge=0.0, lt=1.0)]


class SplitRules(Section):
    """Which samples train, which choose, which judge; see docs/decisions 0003 and 0016."""

    by: Literal["time", "stratified", "group"] = Field(
        default="time",
        description="time: by blocks of event time; stratified: by the hash of the id, so that each class gets its "
        "share wherever in time it is; group: by the hash of a category, so that a group lies in one part",
    )
    group: str | None = Field(default=None, description="group: the category feature that names the groups")
    validation: OpenShare = Field(
        default=0.15, description="share that chooses the epoch and the place on the frontier"
    )
    holdout: OpenShare = Field(default=0.2, description="share that is never trained on and judges in the gates")

    @property
    def rule(self) -> str:
        """Return the rule in words: time, stratified, or group and the column."""
        return f"group {self.group}" if self.by == "group" else self.by


class LabelErrors(Section):
    """Labels that a model of the other samples does not believe."""

    method: Literal["confident-learning"] = Field(
        default="confident-learning", description="how they are found: cleanlab, on cross-validated probabilities"
    )
    drop_share_at_most: Annotated[Real, Field(ge=0.0, le=0.5)] = Field(
        default=0.02,
        description="largest share of the samples that is left out, the least believed first; 0: they are only listed",
    )


Augmentation = Literal["feature-noise", "mixup", "word-dropout", "text-noise"]
OF_TABLES: tuple[Augmentation, ...] = ("feature-noise", "mixup")
OF_TEXTS: tuple[Augmentation, ...] = ("word-dropout", "text-noise")


class Data(Section):
    """Care for what is trained on; what judges is left as it came."""

    split: SplitRules = Field(default=SplitRules(), description="which samples train, which choose, which judge")
    deduplicate: bool = Field(
        default=False,
        description="leave out copies and near copies, and what has one among the samples that judge; not for streams "
        "whose few columns are alike by nature",
    )
    label_errors: LabelErrors | None = Field(default=None, description="labels to doubt (classes only); null: none")
    outliers: Literal["keep", "drop", "clip"] = Field(
        default="keep",
        description="numbers more than three interquartile ranges outside the quartiles; drop: leave the sample out; "
        "clip: move the number to that limit",
    )
    balance: Literal["none", "weighted-loss", "oversample", "undersample"] = Field(
        default="none",
        description="weighted-loss: a sample of a rare class counts more, by the root of its rarity; oversample: "
        "repeat rare classes; undersample: leave out of frequent ones",
    )
    augment: tuple[Annotated[Augmentation, designed("crop", "flip", "rotate", "noise")], ...] = Field(
        default=(),
        description="changed copies of new samples to train on, one of each sample and kind: feature-noise, mixup; of "
        "texts word-dropout (a tenth of the words left out), text-noise (typing errors in every tenth word or so)",
    )


ReplayPolicy = Literal["reservoir", "class-balanced", "herding", "recency", "similar-to-new"]
CHOSEN_IN_TRAINING: tuple[ReplayPolicy, ...] = ("herding", "similar-to-new")  # by what the champion makes of samples


class Replay(Section):
    """Rehearsal of former samples."""

    share: PartShare = Field(default=0.5, description="their part of each batch; 0: no rehearsal")
    policy: ReplayPolicy = Field(
        default="reservoir",
        description="which former samples: a draw by class in its share (reservoir) or all alike (class-balanced), "
        "those nearest to the means of their classes (herding), by age (recency), or half of them like the newest "
        "unlabelled ones (similar-to-new)",
    )
    half_life: Duration | None = Field(
        default=None, description="recency: the age at which a sample counts half as much as a new one"
    )
    expire: Literal["auto", "never"] = Field(
        default="auto",
        description="auto: where the relation of input to class has changed, former samples whose labels new ones "
        "contradict are left out of this run; nothing is left out where the answer is a number",
    )


class Optimizer(Section):
    """How weights move."""

    name: Literal["adamw", "adam", "sgd"] = Field(
        default="adamw", description="the rule; adamw: decay apart from the gradient; sgd: with momentum 0.9"
    )
    learning_rate: Positive | None = Field(
        default=None,
        description="size of a step; null: 1e-3 for tables; for text 1e-4, with unfreeze head or lora 1e-3",
    )
    weight_decay: NotNegative = Field(
        default=0.01,
        description="pull of the weights in each step: towards the champion's under frontier, else towards zero",
    )


class EarlyStopping(Section):
    """When training ends before its last epoch."""

    patience: Count = Field(default=2, description="epochs without a gain on the validation part")


class Search(Section):
    """Settings that are tried before the training: learning rate, strength of the penalty, replay share, layers."""

    trials: Annotated[int, Field(ge=0, le=1000, strict=True)] = Field(
        default=0, description="trainings that are made to find better settings; 0: none; needs the extra 'search'"
    )
    timeout: Duration = Field(default=timedelta(minutes=10), description="no trial begins after it")


StrategyName = Literal[
    "frontier",
    "finetune",
    "scratch",
    "l2-sp",
    "ewc",
    "online-ewc",
    "kfac",
    "si",
    "mas",
    "lwf",
    "replay",
    "der++",
    "a-gem",
]
FrontierPart = Literal["replay", "distillation", "penalty", "sweep"]


Unfreeze = Literal["auto", "all", "top", "gradual", "head", "lora"]
USUAL_UNFREEZE: Unfreeze = "top"  # what auto stands for
SEARCHED_UNFREEZE: tuple[Unfreeze, ...] = ("head", "top", "all")  # under auto, where a search chooses


class Train(Section):
    """How a challenger is made."""

    strategy: StrategyName = Field(
        default="frontier",
        description="frontier: tune the champion as far as the forgetting budget lets; finetune: just tune it; "
        "scratch: begin anew; all others: tune it under one published method, for comparison",
    )
    without: tuple[FrontierPart, ...] = Field(
        default=(), description="parts of frontier that are left out, to see what each is worth"
    )
    penalty: NotNegative | None = Field(
        default=None, description="strength of the term that holds the challenger near the champion; by method"
    )
    forgetting_budget: NotNegative = Field(
        default=0.01,
        description="frontier: most the metric may lose on former data: points, and a standard error of it where it "
        "is above zero; for mae and rmse a share",
    )
    replay: Replay = Field(default=Replay(), description="rehearsal of former samples; finetune has none")
    epochs: Count | None = Field(
        default=None,
        description="most passes over the new samples; null: 5, or more where these make less than 400 steps, "
        "of a pre-trained network 100; scratch and bootstrap may take 40 and more",
    )
    batch_size: Count = Field(default=128, description="samples in a step")
    optimizer: Optimizer = Field(default=Optimizer(), description="how weights move")
    loss: Literal["auto", "cross-entropy", "focal", "huber", "mse"] = Field(
        default="auto", description="auto: cross-entropy for classes, huber for numbers"
    )
    schedule: Literal["cosine", "constant"] = Field(
        default="cosine", description="of the learning rate; cosine: warm-up, then down to a twentieth"
    )
    average: bool = Field(default=True, description="judge and keep a moving average of the weights, not the last ones")
    clip: Positive | None = Field(default=1.0, description="largest norm of a gradient; null: whatever comes")
    accumulate: Count = Field(default=1, description="batches whose gradients make one step")
    dropout: PartShare = Field(default=0.1, description="share of units that are silent in a step")
    early_stopping: EarlyStopping = Field(default=EarlyStopping(), description="when training ends early")
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = Field(default=0, description="of every random draw")
    unfreeze: Unfreeze = Field(
        default="auto",
        description="what of a pre-trained network learns; auto: top; all: every weight; top: the head and the upper "
        "third of the layers; gradual: all, from the last layer down, lower ones in smaller steps; head: the last "
        "layer alone; lora: a low-rank addition to each layer",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto",
        description="of a pre-trained network's products in training; auto: bf16 where the processor has it",
    )
    search: Search = Field(default=Search(), description="settings that are tried before the training")

    def strength(self, usual: float) -> float:
        """Return the strength of the penalty: what the policy says, or the usual one of the method."""
        return usual if self.penalty is None else self.penalty
