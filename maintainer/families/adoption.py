"""A `save_pretrained` directory whose head answers what a policy asks: whether it can serve as it is."""

from __future__ import annotations

import re

from maintainer.domain.policy import Task
from maintainer.domain.sample import TaskKind
from maintainer.errors import InputError
from maintainer.families import network
from maintainer.families.pretrained import Found
from maintainer.families.text import TextEncoder

UNNAMED = re.compile(r"LABEL_\d+")  # what transformers calls a class that nobody has named
MULTI_LABEL, VALUE = "multi_label_classification", "regression"


def adopted(found: Found, task: Task) -> TextEncoder:
    """Return the encoder of a directory whose head is kept.

    A number is answered as the network answers it; without labels their spread is not known, and is taken to be 1.

    Raises:
        InputError: its head does not answer the classes of the policy, or a number.
    """
    if task.text is None:
        raise InputError(f"{task.kind} reads no text")
    if why := misfit(found, task):
        raise InputError(why)
    classes = () if task.of is TaskKind.REGRESSION else task.classes or found.labels
    return network.encoder_of(found, {"task": task.of, "classes": classes, "column": task.text})


def misfit(found: Found, task: Task) -> str:
    """Return why a directory cannot serve as it is; empty where it can."""
    if not found.classifier:
        return f"{found.path} is an encoder without a head"
    kind = found.config.get("problem_type")
    if kind == MULTI_LABEL:
        return f"the head of {found.path} gives a text several classes at once ({kind})"
    if task.of is TaskKind.REGRESSION:
        outputs = len(found.labels)
        return "" if outputs == 1 else f"the head of {found.path} has {outputs} outputs; wanted one, the number"
    return _other_classes(found, task.classes)


def _other_classes(found: Found, wanted: tuple[str, ...]) -> str:
    has = found.labels
    if len(has) < 2 or found.config.get("problem_type") == VALUE:
        return f"the head of {found.path} answers a number, no class"
    if len(set(has)) < len(has):
        return f"the head of {found.path} has two classes of one name (id2label): {_some(has)}"
    if not wanted and all(UNNAMED.fullmatch(name) for name in has):
        return f"the classes of {found.path} have no names (id2label says {_some(has)})"
    if wanted and set(wanted) != set(has):
        return f"the head of {found.path} has the classes {_some(has)}, and task.classes says {_some(wanted)}"
    return ""


def _some(names: tuple[str, ...], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
