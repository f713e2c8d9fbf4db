"""A heavy phase in a child: `python -m maintainer.daemon.worker SPEC.json MEMORY_BYTES`; it sees only files."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path

from maintainer.compute.child import DELIBERATE, OUT_OF_MEMORY, limit_self
from maintainer.domain.phase import PhaseSpec
from maintainer.errors import MaintainerError

STAGES = {
    "train": "maintainer.train.stage",
    "export": "maintainer.export.stage",
    "gate": "maintainer.gate.stage",
    "worth": "maintainer.train.worth",  # no phase of a run: which samples are worth a label
}


def perform(spec: PhaseSpec) -> None:
    """Call the stage of the spec's phase; only that stage's frameworks are imported."""
    if spec.phase not in STAGES:
        raise MaintainerError(f"phase {spec.phase!r} is no heavy phase; wanted one of {', '.join(STAGES)}")
    importlib.import_module(STAGES[spec.phase]).run(spec)


def main(arguments: list[str]) -> int:
    """Do one phase; the last line of what is printed says why it was refused."""
    spec_path, memory_bytes = arguments
    limit_self(int(memory_bytes))
    try:
        perform(PhaseSpec.model_validate_json(Path(spec_path).read_text()))
    except MaintainerError as error:
        print(str(error).replace("\n", "; "), file=sys.stderr)
        return DELIBERATE
    except (MemoryError, RuntimeError) as error:
        traceback.print_exc()
        return OUT_OF_MEMORY if starved(error) else 1
    return 0


def starved(error: Exception) -> bool:
    """Return whether an error says that memory ran out; torch and ONNX Runtime say so in a RuntimeError."""
    return isinstance(error, MemoryError) or any(word in str(error) for word in ("allocate memory", "bad_alloc"))


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # the output is on disk: unloading the frameworks would take another second
