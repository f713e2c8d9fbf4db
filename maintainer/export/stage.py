"""The export phase in its child process: a challenger's weights in, one ONNX file and its parity out."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from maintainer.domain.phase import ExportResult, PhaseSpec
from maintainer.errors import InputError
from maintainer.export.graph import build
from maintainer.export.nodes import OPSET, Content
from maintainer.export.parity import Original, compare
from maintainer.export.text import build as build_text
from maintainer.families.encoder import TableEncoder
from maintainer.families.family import Family
from maintainer.families.registry import family_in
from maintainer.families.table import Samples, join, read_samples
from maintainer.families.text import TextEncoder
from maintainer.families.weights import MODEL, load_tensors

MOST, MOST_TEXTS = 2500, 250  # rows of each holdout that are compared


def run(spec: PhaseSpec) -> None:
    """Export the challenger of the training phase; `result.json` comes last.

    Raises InputError where the challenger cannot be read, or does not have the policy's features.
    """
    torch.set_num_threads(spec.threads)
    source, out = Path(_input(spec, "train")), Path(spec.out)
    family = family_in(source)
    encoder = family.load(source)
    module = _module(family, encoder, source)
    model = _model(spec, encoder, module)
    parity = compare(model, Original(family, encoder, module), _holdout(spec), spec.threads)
    (out / "model.onnx").write_bytes(model)
    result = ExportResult(parity=parity.largest, rows=parity.rows, size_bytes=len(model), opset=OPSET)
    (out / "result.json").write_text(result.model_dump_json(indent=1), encoding="utf-8")


def _input(spec: PhaseSpec, phase: str) -> str:
    if phase not in spec.inputs:
        raise InputError(f"run {spec.run}: exporting needs the directory '{phase}', found {sorted(spec.inputs)}")
    return spec.inputs[phase]


def _module(family: Family, encoder: Any, source: Path) -> nn.Module:
    try:
        return family.build(encoder, load_tensors(source / MODEL), 0.0).eval()
    except RuntimeError as error:
        raise InputError(f"the weights of {source.name} do not fit its encoder: {error}") from error


def _model(spec: PhaseSpec, encoder: TableEncoder | TextEncoder, module: Any) -> bytes:
    features = spec.policy.task.kinds
    if features != encoder.features:
        raise InputError(f"the challenger was trained on {encoder.features}, but the policy's features are {features}")
    if isinstance(encoder, TextEncoder):
        return build_text(spec.version, encoder, module)
    return build(_content(spec, encoder, module))


def _content(spec: PhaseSpec, encoder: TableEncoder, module: nn.Module) -> Content:
    weights = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    return Content(spec.version, encoder, spec.policy.task.kinds, weights)


def _holdout(spec: PhaseSpec) -> Samples:
    directory, task = Path(_input(spec, "collect")), spec.policy.task
    names = ("current_holdout.parquet", "reference_holdout.parquet")
    parts = [read_samples(directory / name, task) for name in names]
    most = MOST_TEXTS if task.reads_text else MOST
    return join(*(part.take(np.arange(min(part.size, most))) for part in parts))
