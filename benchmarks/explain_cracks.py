"""Explanations against the truth: cracks in photographs of concrete."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from measuring import MLZOO, data_file, run_well, table

CAMS = ("gradcam", "gradcam_plus_plus", "layercam", "scorecam")
METHODS = (*CAMS, "ablationcam", "saliency", "smoothgrad", "input_x_gradient",
           "integrated_gradients", "occlusion", "rise")  # fmt: skip
SCORES = ("pointing", "mass", "truth_auc")
# Two blocks: the last maps have cells of 4 pixels of 96, and see 37, so that a crack, a few pixels
# wide, can be told from what is beside it.
NET = ("--size", 96, "--set", "filters=16,32", "--set", "convolutions=3")
TRAINING = ("--epochs", 40, "--augment", "flips", "--group-by", r"^\d{3}")
CHEAPER = ("--set", "rise.masks=256")
Scores = dict[str, dict[str, list[float]]]


def cracks(folder: Path, seeds: int, limit: int) -> None:
    """Pointing game and mass of every method over seeds, pooled over images.

    Every seed parts the photographs anew, trains a CNN, and explains `Positive` on at most `limit`
    cracked patches of its test split, whatever the CNN says of them.
    """
    data, masks = (data_file(folder, name) for name in ("crack_patches", "crack_patches_masks"))
    found: list[Scores] = []
    with tempfile.TemporaryDirectory() as root:
        for seed in range(seeds):
            run = Path(root) / f"seed-{seed}"
            names = ("--seed", seed, "--out", root, "--name", run.name)
            run_well([MLZOO, "train", "cnn", data, *NET, *TRAINING, *names])
            said = json.loads((run / "metrics.json").read_text())["test"]["metrics"]
            positives = _positives(run, data, Path(root) / f"positives-{seed}")
            found.append({})
            for engine, methods in (("mlzoo", METHODS), ("tf-keras-vis", CAMS)):
                out = Path(root) / f"{engine}-{seed}"
                words = [MLZOO, "explain", run, "--method", ",".join(methods), "--engine", engine]
                words += CHEAPER if engine == "mlzoo" else ()
                words += ["--data", positives, "--truth", masks, "--no-evidence"]
                words += ["--target", "Positive", "--limit", limit, "--seed", seed, "--out", out]
                run_well(words)
                _collect(out, engine, found[-1])
            count = len(found[-1]["edges"]["pointing"])
            told = ", ".join(f"{name} {said[name]:.3f}" for name in ("accuracy", "roc_auc"))
            print(f"seed {seed}: {count} patches; test split: {told}", flush=True)
    _tell(found)


def _positives(run: Path, data: Path, folder: Path) -> Path:
    """The cracked patches of a run's test split, in a folder of their own."""
    split = json.loads((run / "split.json").read_text())
    folder.mkdir()
    for name in split["parts"]["test"]["names"]:
        if name.startswith("Positive/"):
            shutil.copy(data / name, folder)
    return folder


def _collect(out: Path, engine: str, scores: Scores) -> None:
    """Add what scores.csv says, by method; of the package under its own name."""
    with (out / "scores.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            control = row["method"] in ("random", "edges")
            if not row.get("pointing") or (control and engine != "mlzoo"):
                continue
            name = row["method"] if engine == "mlzoo" else f"{engine} {row['method']}"
            own = scores.setdefault(name, {score: [] for score in (*SCORES, "flagged")})
            for score in SCORES:
                own[score].append(float(row[score]))
            own["flagged"].append(float(bool(row["flag"])))


def _tell(found: list[Scores]) -> None:
    import numpy as np

    pooled = {
        name: {s: np.concatenate([seed[name][s] for seed in found]) for s in (*SCORES, "flagged")}
        for name in found[0]
    }
    rows: list[list[Any]] = []
    for name, own in sorted(pooled.items(), key=lambda item: -item[1]["pointing"].mean()):
        cells: list[Any] = [name, len(own["pointing"])]
        for score in SCORES:
            low, high = _interval(own[score])
            cells += [float(own[score].mean()), f"[{low:.2f}, {high:.2f}]"]
        each = " ".join(f"{np.mean(seed[name]['pointing']):.2f}" for seed in found)
        rows.append([*cells, each, int(own["flagged"].sum())])
    table(["maps", "images", "pointing", "95 %", "mass", "95 %", "AUC", "95 %", "pointing by seed",
           "flagged"], rows)  # fmt: skip
    for name in CAMS:
        for score in ("pointing", "mass"):
            ours, theirs = (pooled[key][score] for key in (name, f"tf-keras-vis {name}"))
            low, high = _interval(ours - theirs)
            word = "ahead" if low > 0 else "behind" if high < 0 else "inside the interval"
            print(f"{name}, {score}: ours less theirs {np.mean(ours - theirs):+.3f} "
                  f"[{low:+.3f}, {high:+.3f}]: {word}")  # fmt: skip


def _interval(values: Any) -> tuple[float, float]:
    """The 95 % interval of a mean, by drawing images anew."""
    import numpy as np

    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(2000, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
