"""Does quality fall? The change of an error stream, and the accuracy told before labels come.

Streams: wrong or right answers, 0.2 of them wrong, from a random place past 1,000 on 0.3; and streams where nothing
changes, 10,000 long. Delay is counted from the change to the first alarm past it; an alarm before is a false one. Peers
are the detectors of river and frouros at their defaults, fed one error at a time; those that are not installed are left
out and said. They may be installed elsewhere: `QUALITY_PEERS` names the interpreter that has them.

Bursts: streams where nothing changes, but errors come together (a Gaussian process of autocorrelation 0.9, cut at a
level). Flips: the model's inputs and probabilities stay, what they mean turns around after 1,000 labels; how many
labels it takes to notice, and how far the estimate moves.

Estimate, with `--data`: gradient boosting learns the first fifth of adult and of ACS, the next fifth calibrates, the
rest comes in windows of 2,000: mean absolute error of the estimate, the share of windows whose accuracy lies inside its
bounds, and the error of NannyML's CBPE on the same probabilities.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Arguments, Outcome, arguments, show

STREAMS, LENGTH, AFTER = 60, 10_000, 5000
WINDOW = 2000
SETS = {"adult": "adult/adult.parquet", "acs": "acs_employment_ma/acs_employment_ma.parquet"}
PEERS = ("river ADWIN", "river PageHinkley", "frouros ADWIN", "frouros DDM")
Errors = NDArray[np.bool_]

FED = """
import json, sys
import numpy as np
given = np.load(sys.argv[1])
streams = [given[name] for name in sorted(given.files)]
def river(kind):
    from river import drift
    made = {"ADWIN": drift.ADWIN, "PageHinkley": drift.PageHinkley}[kind]
    def feed(errors):
        detector, found = made(), []
        for i, error in enumerate(errors.tolist()):
            detector.update(float(error))
            if detector.drift_detected: found.append(i + 1)
        return found
    return feed
def frouros(kind):
    from frouros.detectors import concept_drift as c
    made = {"ADWIN": c.ADWIN, "DDM": c.DDM}[kind]
    def feed(errors):
        detector, found = made(), []
        for i, error in enumerate(errors.tolist()):
            detector.update(value=float(error))
            if detector.status["drift"]:
                found.append(i + 1)
                detector.reset()
        return found
    return feed
library, kind = sys.argv[2].split()
feed = {"river": river, "frouros": frouros}[library](kind)
print(json.dumps([feed(errors) for errors in streams]))
"""

CBPE = """
import json, sys
import numpy as np, pandas as pd, nannyml as nml
given = np.load(sys.argv[1])
def frame(part):
    chance = given[part + "_chance"]
    label = given[part + "_label"].astype(int)
    return pd.DataFrame({"chance": chance, "answer": (chance > 0.5).astype(int), "label": label})
reference, current = frame("past"), frame("now")
cbpe = nml.CBPE(problem_type="classification_binary", y_pred_proba="chance", y_pred="answer", y_true="label",
                metrics=["accuracy"], chunk_size=int(sys.argv[2]))
told = cbpe.fit(reference).estimate(current).filter(period="analysis").to_df()
print(json.dumps(told[("accuracy", "value")].tolist()))
"""


def ours(streams: list[Errors]) -> list[list[int]]:
    """Return after how many errors of each stream an alarm was given."""
    from maintainer.monitor.stream import changes

    return [[cut.noticed for cut in changes(errors)] for errors in streams]


def elsewhere(code: str, *words: str) -> Any | None:
    """Return what code prints that needs a peer; None where the peer is not there."""
    interpreter = os.environ.get("QUALITY_PEERS", sys.executable)
    done = subprocess.run(
        [interpreter, "-W", "ignore", "-c", code, *words], capture_output=True, text=True, timeout=1800
    )
    if done.returncode and "ModuleNotFoundError" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(f"{words} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def drawn(n: int) -> tuple[dict[str, list[Errors]], list[int]]:
    """Return streams of each kind, and where the rising ones change."""
    rng = np.random.default_rng(0)
    places = rng.integers(1000, LENGTH - AFTER, n).tolist()
    rising = [np.concatenate([rng.random(place) < 0.2, rng.random(AFTER) < 0.3]) for place in places]
    calm = [rng.random(LENGTH) < 0.2 for _ in range(n)]
    return {"rising": rising, "calm": calm, "bursts": [_bursts(rng) for _ in range(n)]}, places


def _bursts(rng: np.random.Generator) -> Errors:
    steps, level, found = rng.standard_normal(LENGTH) * np.sqrt(1 - 0.9**2), 0.0, np.empty(LENGTH)
    for i, step in enumerate(steps.tolist()):
        found[i] = level = 0.9 * level + step
    return found > 0.84


def told(alarms: dict[str, list[list[int]]], places: list[int]) -> dict[str, float]:
    """Return the figures of one detector."""
    late = [[at - place for at in found if at > place] for found, place in zip(alarms["rising"], places, strict=True)]
    early = sum(any(at <= place for at in found) for found, place in zip(alarms["rising"], places, strict=True))
    return {
        "median delay": float(np.median([found[0] for found in late if found] or [np.nan])),
        "missed": float(sum(not found for found in late)),
        "alarms before the change, streams": float(early),
        "false alarms, calm streams": float(sum(map(bool, alarms["calm"]))),
        "false alarms, streams of bursts": float(sum(map(bool, alarms["bursts"]))),
    }


def detect(quick: bool, folder: Path) -> tuple[dict[str, float], dict[str, dict[str, float]], list[str]]:
    """Return our figures on error streams, those of the peers, and what is left out."""
    kinds, places = drawn(20 if quick else STREAMS)
    figures = told({kind: ours(streams) for kind, streams in kinds.items()}, places)
    peers: dict[str, dict[str, float]] = {}
    notes: list[str] = [f"{len(places)} streams of each kind"]
    for kind, streams in kinds.items():
        np.savez(folder / f"{kind}.npz", **{f"{i:03d}": errors for i, errors in enumerate(streams)})
    for name in PEERS:
        found = {kind: elsewhere(FED, str(folder / f"{kind}.npz"), name) for kind in kinds}
        if any(alarms is None for alarms in found.values()):
            notes.append(f"{name} left out: not installed")
            continue
        peers[name] = told({kind: alarms for kind, alarms in found.items() if alarms is not None}, places)
    return figures, peers, notes


def flips(n: int) -> dict[str, float]:
    """Return how many labels a turned meaning takes to be noticed, and how far the estimate moves meanwhile."""
    from maintainer.monitor.estimate import Past, expect

    delays, moves = [], []
    for seed in range(n):
        rng = np.random.default_rng(seed)
        chance = rng.uniform(0, 1, 3000)
        wrong = (rng.random(3000) < chance) != (chance > 0.5)
        wrong[1000:] = ~wrong[1000:]
        past = Past(np.maximum(chance, 1 - chance)[:1000], ~wrong[:1000])
        moves.append(abs(expect(past, np.maximum(chance, 1 - chance)[1000:]).value - (~wrong[:1000]).mean()))
        delays += [cut[0] - 1000 for cut in ours([wrong])[:1] if cut]
    return {"flip: most labels until noticed": float(max(delays)), "flip: estimate moved": float(np.mean(moves))}


def estimates(path: Path, name: str, folder: Path) -> tuple[dict[str, float], dict[str, float] | None]:
    """Return our figures on one data set, and those of CBPE; None where it is not installed."""
    from maintainer.monitor.estimate import Past, expect

    chance, label = _answers(path)
    cut = chance.size // 4
    sure, right = np.maximum(chance, 1 - chance), (chance > 0.5) == label
    windows = [slice(i, i + WINDOW) for i in range(cut, chance.size - WINDOW + 1, WINDOW)]
    realised = np.array([right[each].mean() for each in windows])
    mine = [expect(Past(sure[:cut], right[:cut]), sure[each]) for each in windows]
    inside = [one.lower <= true <= one.upper for one, true in zip(mine, realised.tolist(), strict=True)]
    figures = {
        f"{name}: error of the estimate": float(
            np.mean([abs(a.value - b) for a, b in zip(mine, realised, strict=True)])
        ),
        f"{name}: windows inside the bounds": float(np.mean(inside)),
        f"{name}: windows": float(len(windows)),
        f"{name}: error of the past's accuracy": float(np.mean(np.abs(right[:cut].mean() - realised))),
    }
    end = cut + len(windows) * WINDOW
    np.savez(folder / "cbpe.npz", past_chance=chance[:cut], past_label=label[:cut], now_chance=chance[cut:end],
             now_label=label[cut:end])  # fmt: skip
    theirs = elsewhere(CBPE, str(folder / "cbpe.npz"), str(WINDOW))
    if theirs is None:
        return figures, None
    return figures, {f"{name}: error of the estimate": float(np.mean(np.abs(np.array(theirs) - realised)))}


def _answers(path: Path) -> tuple[NDArray[np.float64], Errors]:
    """Return the chance of the second class and the label of what comes after the first fifth."""
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier

    frame = pd.read_parquet(path)
    time = [c for c in frame.columns if c in ("year", "row")]
    frame = frame.sort_values(time[0], kind="stable") if time else frame
    target = next(c for c in frame.columns if c in ("employed", "class"))
    label = (frame[target] == sorted(frame[target].unique())[1]).to_numpy()
    inputs = frame.drop(
        columns=[target, *time, *(c for c in frame.columns if c in ("id", "partition") or c.startswith("lgbm"))]
    )
    table = inputs.apply(lambda c: c if pd.api.types.is_numeric_dtype(c) else c.astype("category").cat.codes)
    first = len(frame) // 5
    model = HistGradientBoostingClassifier(random_state=0).fit(table.iloc[:first], label[:first])
    return model.predict_proba(table.iloc[first:])[:, 1], label[first:]


def measure(given: Arguments, folder: Path) -> Outcome:
    """Measure everything that can be."""
    figures, peers, notes = detect(given.quick, folder)
    figures |= flips(5 if given.quick else 20)
    for name, file in SETS.items():
        if given.data is None or not (given.data / file).exists():
            notes.append(f"{name} left out: no {file} in the folder of data")
            continue
        found, cbpe = estimates(given.data / file, name, folder)
        figures |= found
        if cbpe is None:
            notes.append(f"NannyML's CBPE left out on {name}: not installed")
        else:
            peers.setdefault("NannyML CBPE", {}).update(cbpe)
    ratio: Callable[[str, str], float] = lambda peer, what: peers[peer][what] / figures[what]  # noqa: E731
    ratios = {f"{peer}: median delay": ratio(peer, "median delay") for peer in peers if "median delay" in peers[peer]}
    return Outcome("quality", figures, peers, ratios, notes)


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__ or "")
    with tempfile.TemporaryDirectory() as folder:
        show(measure(given, Path(folder)), given)


if __name__ == "__main__":
    main()
