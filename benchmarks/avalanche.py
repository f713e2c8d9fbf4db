"""Split-MNIST, domain-incremental: frontier, der++ and replay beside the methods of Avalanche, in one run.

Network, optimiser, epochs, batches and memory are those of benchmarks.continual. Avalanche is old company for new
packages and wants an environment of its own: AVALANCHE_PYTHON names its Python (pip install avalanche-lib, torch).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.continual import Method, Setting, learn, split
from benchmarks.harness import Outcome, arguments, show
from benchmarks.streams import find, skipped

VARIABLE = "AVALANCHE_PYTHON"
METHODS = ("Naive", "EWC", "LwF", "Replay", "DER", "AGEM")
OURS = (Method("frontier", memory=True), Method("der++", memory=True), Method("replay", memory=True))
PEER = Path(__file__).parent / "peers" / "avalanche_split.py"


def write(setting: Setting, file: Path) -> None:
    """Write the tensors of all tasks; what chooses our epoch the peer, who chooses none, trains on."""
    held: dict[str, np.ndarray] = {"tasks": np.array(len(setting.tasks))}
    for number, task in enumerate(setting.tasks):
        for part, samples in (("train", (task.train, task.judge)), ("test", (task.test,))):
            rows = np.concatenate([one.numbers["row"] for one in samples]).astype(np.int64)
            labels = np.concatenate([one.labels for one in samples])
            held[f"x_{part}_{number}"] = setting.family.matrix[torch.from_numpy(rows)].numpy()
            held[f"y_{part}_{number}"] = (labels == setting.classes[1]).astype(np.int64)
    np.savez(file, **held)


def peer(python: str, file: Path, method: str, seed: int) -> tuple[float, float]:
    """Return the mean accuracy in per cent and the processor seconds of one method of Avalanche."""
    command = [python, str(PEER), str(file), method, str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
    if done.returncode != 0:
        raise RuntimeError(f"Avalanche's {method} ended with {done.returncode}: {done.stderr[-2000:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return 100 * float(np.mean(found["accuracy"])), float(found["seconds"])


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    path, python = find(given, "mnist", "train.parquet"), os.environ.get(VARIABLE)
    if path is None or python is None:
        print(skipped("avalanche", f"mnist/train.parquet, and {VARIABLE} that names a Python with avalanche-lib"))
        return
    torch.set_num_threads(1)
    setting, seeds = split(path.parent, given.quick), range(1 if given.quick else 3)
    figures: dict[str, float] = {}
    peers: dict[str, float] = {}
    for method in OURS:
        runs = [learn(method, setting, seed) for seed in seeds]
        figures[f"{method.strategy}: accuracy"] = 100 * float(np.mean([np.mean(found) for found, _ in runs]))
        figures[f"{method.strategy}: seconds"] = float(np.mean([seconds for _, seconds in runs]))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "split.npz"
        write(setting, file)
        for name in METHODS:
            runs = [peer(python, file, name, seed) for seed in seeds]
            peers[f"{name}: accuracy"], peers[f"{name}: seconds"] = (
                float(np.mean(part)) for part in zip(*runs, strict=True)
            )
            print(f"{name}: {peers[f'{name}: accuracy']:.2f}", file=sys.stderr, flush=True)
    best = figures["frontier: accuracy"]
    ratios = {f"{name} / frontier": value / best for name, value in peers.items() if name.endswith("accuracy")}
    notes = ("Avalanche trains on the 500 samples of each task too that choose our epoch",)
    show(Outcome("avalanche", figures, {"Avalanche": peers}, ratios, notes), given)


if __name__ == "__main__":
    main()
