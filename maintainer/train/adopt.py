"""The first champion without a labelled sample: a network that somebody has trained before, as it is."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maintainer.domain.gates import aim
from maintainer.domain.phase import PhaseSpec, TrainResult
from maintainer.errors import InputError
from maintainer.families.adoption import adopted
from maintainer.families.family import Weights
from maintainer.families.huggingface import FAMILY
from maintainer.families.pretrained import look
from maintainer.families.text import TextEncoder
from maintainer.train.memory import NONE, Memory

STRATEGY = "adopted"
UNKNOWN = Memory(NONE, {})


@dataclass(frozen=True, slots=True)
class Adopted:
    """What serves without having learned anything here."""

    encoder: TextEncoder
    weights: Weights
    said: str

    def result(self, spec: PhaseSpec) -> TrainResult:
        """Return what the training phase says of it: no figure, for nothing was measured."""
        return TrainResult(
            challenger=True,
            reason=self.said,
            strategy=STRATEGY,
            metric=aim(spec.policy.gates, self.encoder.task),
            alpha=0.0,
            frontier=(),
            epochs=(),
            classes=self.encoder.classes,
            seconds=0.0,
            threads=spec.threads,
            seed=spec.policy.train.seed,
        )


def adopt(spec: PhaseSpec) -> Adopted:
    """Return the network that a policy starts from, answering what its head answers.

    Raises:
        InputError: there is none, or its head does not answer what the policy asks: then it takes labelled samples.
    """
    model = spec.policy.model
    give = f"give labelled samples to train one: maintainer bootstrap {model} --data FILE"
    try:
        path = spec.inputs.get("base")
        if path is None:
            raise InputError(f"{model} starts from no network that somebody has trained before")
        encoder = adopted(look(Path(path)), spec.policy.task)
        module = FAMILY.build(encoder)
    except InputError as error:
        raise InputError(f"there are no labelled samples, and {error}; {give}") from error
    weights = {name: value.detach().clone() for name, value in module.state_dict().items()}
    said = f"not judged: no labelled samples; {Path(path).name} is taken as it is"
    return Adopted(encoder, weights, said)
