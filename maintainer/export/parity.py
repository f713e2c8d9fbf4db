"""The exported file held against the torch model it came from, on real rows and on hostile ones.

onnxruntime ships no types: this is its one wrapper in the export.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from maintainer.domain.sample import TaskKind
from maintainer.families.encoder import TableEncoder
from maintainer.families.family import Family
from maintainer.families.table import Samples, join

HOSTILE_NUMBERS = (np.nan, 1e30, -1e30, np.inf, -np.inf, 5e-324, 0.0)
HOSTILE_CATEGORIES = ("", "never seen before \N{SNOWMAN}", " ", "\n", "0", "NaN", "a" * 5000)
WORST = sys.float_info.max  # the difference that an answer counts which is not a number at all


@dataclass(frozen=True, slots=True)
class Original:
    """The model that was exported."""

    family: Family
    encoder: TableEncoder
    module: nn.Module


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the two answer apart."""

    largest: float  # absolute difference, in probability or in label deviations
    rows: int


def hostile(encoder: TableEncoder) -> Samples:
    """Return rows that production should not send and will."""
    size = len(HOSTILE_NUMBERS)
    labels = np.full(size, np.nan) if encoder.task is TaskKind.REGRESSION else np.full(size, "", dtype=object)
    return Samples(
        size,
        {code.name: np.array(HOSTILE_NUMBERS, np.float64) for code in encoder.numbers},
        {code.name: np.array(HOSTILE_CATEGORIES, dtype=object) for code in encoder.categories},
        labels,
    )


def compare(model: bytes, original: Original, samples: Samples, threads: int) -> Parity:
    """Return the largest difference over the samples, hostile rows, a single row and none at all."""
    session = _session(model, threads)
    everything = join(hostile(original.encoder), samples)
    one, none = (everything.take(np.arange(rows)) for rows in (1, 0))
    largest = max(_difference(session, original, part) for part in (everything, one, none))
    return Parity(largest, everything.size + 1)


def _session(model: bytes, threads: int) -> Any:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import, or it leaves a device id behind
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _difference(session: Any, original: Original, samples: Samples) -> float:
    wanted, found = _expected(original, samples), _answers(session, original.encoder, samples)
    if wanted.shape != found.shape or not np.isfinite(found).all():
        return WORST
    return float(np.abs(wanted - found).max(initial=0.0))


def _expected(original: Original, samples: Samples) -> NDArray[np.float64]:
    """Return torch's probabilities (n, classes), or standardised values (n,)."""
    inputs = original.family.inputs(original.encoder, samples)
    with torch.no_grad():
        outputs = original.module(inputs.take(torch.arange(samples.size))).double()
    return outputs[:, 0].numpy() if original.encoder.task is TaskKind.REGRESSION else outputs.softmax(dim=1).numpy()


def _answers(session: Any, encoder: TableEncoder, samples: Samples) -> NDArray[np.float64]:
    """Return the same of ONNX Runtime; not a number where its label is not the most probable class."""
    feeds: dict[str, NDArray[np.generic]] = {**samples.numbers, **samples.categories}
    if encoder.task is TaskKind.REGRESSION:
        (values,) = session.run(["_value"], feeds)
        return (values - encoder.target_mean) / encoder.target_scale
    labels, probabilities = session.run(["_label", "_probabilities"], feeds)
    named = np.array(encoder.classes, dtype=object)[probabilities.argmax(axis=1)] == labels
    return np.where(named[:, None], probabilities.astype(np.float64), np.nan)
