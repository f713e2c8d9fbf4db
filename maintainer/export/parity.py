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

from maintainer.champion import Model
from maintainer.domain.sample import TaskKind
from maintainer.families.encoder import TableEncoder
from maintainer.families.family import Encoder, Family
from maintainer.families.table import Samples, join
from maintainer.families.text import TextEncoder

HOSTILE_NUMBERS = (np.nan, 1e30, -1e30, np.inf, -np.inf, 5e-324, 0.0)
HOSTILE_CATEGORIES = ("", "never seen before \N{SNOWMAN}", " ", "\n", "0", "NaN", "a" * 5000)
HOSTILE_TEXTS = (
    *("", " ", "\n\t", "\x00\x07", "?!", "word " * 20_000, "a" * 100_000, "[CLS] [SEP] [PAD] [MASK] </s>"),
    *("naïve café", "Добрый день", "どうもありがとう", "שלום עולם", "مرحبا", "\N{SNOWMAN}\N{PILE OF POO}" * 50),
)
WORST = sys.float_info.max  # the difference that an answer counts which is not a number at all


@dataclass(frozen=True, slots=True)
class Original:
    """The model that was exported."""

    family: Family
    encoder: TableEncoder | TextEncoder
    module: nn.Module


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the two answer apart."""

    largest: float  # absolute difference, in probability or in label deviations
    rows: int


def hostile(encoder: TableEncoder | TextEncoder) -> Samples:
    """Return rows that production should not send and will."""
    size = len(HOSTILE_TEXTS if isinstance(encoder, TextEncoder) else HOSTILE_NUMBERS)
    labels = np.full(size, np.nan) if encoder.task is TaskKind.REGRESSION else np.full(size, "", dtype=object)
    if isinstance(encoder, TextEncoder):
        return Samples(size, {}, {encoder.column: np.array(HOSTILE_TEXTS, dtype=object)}, labels)
    return Samples(
        size,
        {code.name: np.array(HOSTILE_NUMBERS, np.float64) for code in encoder.numbers},
        {code.name: np.array(HOSTILE_CATEGORIES, dtype=object) for code in encoder.categories},
        labels,
    )


def compare(model: bytes, original: Original, samples: Samples, threads: int) -> Parity:
    """Return the largest difference over the samples, hostile rows, a single row and, of a table, none at all."""
    session = _session(model, threads)
    everything = join(hostile(original.encoder), samples)
    few = (1,) if isinstance(original.encoder, TextEncoder) else (1, 0)  # no text is never given to a network
    parts = [everything, *(everything.take(np.arange(rows)) for rows in few)]
    largest = max(_difference(session, original, part) for part in parts)
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
    encoder = original.encoder
    found = (
        _read(session, encoder, samples) if isinstance(encoder, TextEncoder) else _answers(session, encoder, samples)
    )
    wanted = _expected(original, samples)
    if wanted.shape != found.shape or not np.isfinite(found).all():
        return WORST
    return float(np.abs(wanted - found).max(initial=0.0))


def _expected(original: Original, samples: Samples) -> NDArray[np.float64]:
    """Return torch's probabilities (n, classes), or standardised values (n,)."""
    inputs = original.family.inputs(original.encoder, samples)
    order = torch.arange(samples.size) if inputs.lengths is None else torch.argsort(inputs.lengths, stable=True)
    with torch.no_grad():
        parts = [original.module(inputs.take(rows)) for rows in order.split(original.family.at_once)]
    outputs = torch.cat(parts)[torch.argsort(order)].double()
    return outputs[:, 0].numpy() if original.encoder.task is TaskKind.REGRESSION else outputs.softmax(dim=1).numpy()


def _answers(session: Any, encoder: TableEncoder, samples: Samples) -> NDArray[np.float64]:
    """Return the same of ONNX Runtime; not a number where its label is not the most probable class."""
    feeds: dict[str, NDArray[np.generic]] = {**samples.numbers, **samples.categories}
    if encoder.task is TaskKind.REGRESSION:
        (values,) = session.run(["_value"], feeds)
        return (values - encoder.target_mean) / encoder.target_scale
    return _named(encoder, *session.run(["_label", "_probabilities"], feeds))


def _read(session: Any, encoder: TextEncoder, samples: Samples) -> NDArray[np.float64]:
    """Return the same of texts, read as the champion reads them."""
    said = Model(session, "model.onnx").answer({**samples.categories})
    if said.probabilities is None:
        return (said.answers - encoder.target_mean) / encoder.target_scale
    return _named(encoder, said.answers, said.probabilities)


def _named(encoder: Encoder, labels: NDArray[Any], probabilities: NDArray[Any]) -> NDArray[np.float64]:
    named = np.array(encoder.classes, dtype=object)[probabilities.argmax(axis=1)] == labels
    return np.where(named[:, None], probabilities.astype(np.float64), np.nan)
