"""The ONNX graph of a network that reads texts: token numbers in, decoded answers out, its tokenizer beside it.

The network is traced by torch; what decodes its answer is that of a table's graph. The tokenizer is no graph: it lies
in the file's metadata, so that one file still is all that serves a champion.
"""
# torch and onnx annotate themselves only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportAttributeAccessIssue=false, reportMissingTypeStubs=false

from __future__ import annotations

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from torch import Tensor, nn

from maintainer.domain.sample import TaskKind
from maintainer.errors import InputError
from maintainer.export.graph import decoded, described
from maintainer.export.nodes import FLOAT, OPSET, Graph, serialised, value
from maintainer.families.network import TextModel
from maintainer.families.text import TextEncoder

LARGEST = 2**31 - 2**20  # bytes of one file, which is what its format can hold


class _Traced(nn.Module):
    """The answer and, where the head is ours, the state that it is made of: nothing is computed twice."""

    def __init__(self, module: TextModel) -> None:
        super().__init__()
        self.module = module

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        if self.module.head is None:
            return self.module.answer(ids, mask)
        state = self.module.pooled(ids, mask)
        return self.module.head(state), state


def build(version: str, encoder: TextEncoder, module: TextModel) -> bytes:
    """Return the serialised model, checked.

    Raises:
        InputError: it is too large for one file.
    """
    size = sum(value.numel() * value.element_size() for value in module.state_dict().values())
    if size > LARGEST:
        raise InputError(f"the network has {size >> 20} MiB of weights; one ONNX file holds {LARGEST >> 20} at most")
    with TemporaryDirectory() as folder:
        _trace(module, encoder, Path(folder) / "traced.onnx")
        traced = onnx.load(Path(folder) / "traced.onnx").graph
    graph = Graph({})
    graph.nodes, graph.constants = list(traced.node), list(traced.initializer)
    axis = graph.places("axis", 1) if encoder.task is TaskKind.REGRESSION else ""  # what nobody reads is warned of
    outputs = list(decoded(graph, encoder, "_answer", axis))
    if module.head is not None:
        outputs.append(value("_state", FLOAT, "n", module.head.in_features))
    read = {
        "maintainer.tokenizer": encoder.tokenizer,
        "maintainer.longest": str(encoder.longest),
        "maintainer.pad": str(encoder.pad),
    }
    return serialised(graph, list(traced.input), outputs, described(version, encoder, encoder.features) | read)


def _trace(module: TextModel, encoder: TextEncoder, file: Path) -> None:
    length = min(8, encoder.longest)
    ids = torch.full((2, length), encoder.pad, dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, length // 2 :] = 0  # of one length only, a tracer would leave the mask out
    free = {0: "n", 1: "longest"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer tells of branches on shapes; parity shows that none matters
        torch.onnx.export(
            _Traced(module).eval(),
            (ids, mask),
            file,
            input_names=["_ids", "_mask"],
            output_names=["_answer"] if module.head is None else ["_answer", "_state"],
            dynamic_axes={"_ids": free, "_mask": free, "_answer": {0: "n"}, "_state": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )
