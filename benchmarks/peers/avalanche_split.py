"""Avalanche on tensors that benchmarks.avalanche wrote: run by the Python of an environment that has avalanche-lib.

`python benchmarks/peers/avalanche_split.py FILE METHOD SEED` prints one JSON object: the accuracy on each test part
after the last task, and the processor seconds of training. Needs nothing of this project.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise

import numpy as np
import torch

MEMORY, BATCH, EPOCHS, RATE = 1100, 128, 4, 1e-3


def declare() -> torch.library.Library:
    """Declare two operators of torchvision, which Avalanche imports: its wheels hold none for PyTorch without CUDA."""
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def network(width: int) -> torch.nn.Module:
    """Return the network of Hsu et al. 2018."""
    sizes = (width, 400, 400)
    hidden = [part for a, b in pairwise(sizes) for part in (torch.nn.Linear(a, b), torch.nn.ReLU())]
    return torch.nn.Sequential(*hidden, torch.nn.Linear(400, 2))


def strategy(method: str, model: torch.nn.Module) -> object:
    """Return a method of Avalanche with the settings of the benchmark, its own where there is none."""
    from avalanche.training import supervised
    from avalanche.training.plugins import EvaluationPlugin

    shared = {
        "model": model,
        "optimizer": torch.optim.Adam(model.parameters(), lr=RATE),
        "criterion": torch.nn.CrossEntropyLoss(),
        "train_mb_size": BATCH,
        "train_epochs": EPOCHS,
        "eval_mb_size": 4096,
        "evaluator": EvaluationPlugin(loggers=[]),
    }
    match method:
        case "Naive":
            return supervised.Naive(**shared)
        case "EWC":
            return supervised.EWC(ewc_lambda=100, **shared)
        case "LwF":
            return supervised.LwF(alpha=1.0, temperature=2.0, **shared)
        case "Replay":
            return supervised.Replay(mem_size=MEMORY, **shared)
        case "DER":
            return supervised.DER(mem_size=MEMORY, batch_size_mem=BATCH, alpha=0.5, beta=1.0, **shared)
        case "AGEM":
            return supervised.AGEM(patterns_per_exp=MEMORY // 5, sample_size=BATCH, **shared)
        case _:
            raise ValueError(f"unknown method {method}")


def main() -> None:
    """Train on each task in turn, then judge all."""
    library = declare()
    file, method, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
    from avalanche.benchmarks import tensors_benchmark

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    np.random.seed(seed)
    held = np.load(file)
    tasks = int(held["tasks"])

    def pairs(part: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [tuple(torch.from_numpy(held[f"{what}_{part}_{k}"]) for what in "xy") for k in range(tasks)]

    benchmark = tensors_benchmark(
        train_tensors=pairs("train"), test_tensors=pairs("test"), task_labels=[0] * tasks, complete_test_set_only=False
    )
    model = network(held["x_test_0"].shape[1])
    learner = strategy(method, model)
    began = time.process_time()
    for experience in benchmark.train_stream:
        learner.train(experience)
    seconds = time.process_time() - began
    model.eval()
    with torch.no_grad():
        found = [float((model(x).argmax(1) == y).float().mean()) for x, y in pairs("test")]
    del library
    print(json.dumps({"accuracy": found, "seconds": seconds}))


if __name__ == "__main__":
    main()
