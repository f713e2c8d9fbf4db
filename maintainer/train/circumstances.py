"""What this process trains with: packages and processor, without which the same seed may end in other bits."""
# torch annotates itself only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from maintainer.domain.phase import Circumstances

PACKAGES = ("torch", "numpy", "safetensors", "transformers", "peft", "optuna", "cleanlab", "maintainer")


def circumstances() -> Circumstances:
    """Return the packages that are installed, and the processor with the instructions that torch uses of it."""
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # an extra that is not needed here
            continue
    return Circumstances(packages=found, processor=f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}")


def _processor() -> str:
    """Return the model name of the first processor, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
