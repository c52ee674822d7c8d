"""One model of two targets beside two models of one: out-of-fold errors, paired.

    python benchmarks/several_targets.py [--model mlp]

Data: linnerud of scikit-learn (20 men; weight and waist from three exercises), and generated
tables whose two targets share what decides on them, or do not. Of each target the difference of
squared errors, in variances of the target, with its 95 % interval over the rows: below 0 the one
model is better.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_linnerud

from mlzoo import train
from mlzoo.statistics import intervals
from mlzoo.statistics.scorers import weighted_mean
from mlzoo.tasks._samples import sample_task

ROWS = 300


def tables() -> dict[str, tuple[pd.DataFrame, tuple[str, str]]]:
    """Return tables with the names of their two targets."""
    men = load_linnerud(as_frame=True)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 6))
    noise = 0.3 * rng.normal(size=(ROWS, 2))
    shared = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]
    inputs = pd.DataFrame(x, columns=[f"x{i}" for i in range(6)])
    alike = {"y1": shared + noise[:, 0], "y2": 100 * (shared - x[:, 3]) + 100 * noise[:, 1]}
    apart = {"y1": shared + noise[:, 0], "y2": 100 * (x[:, 4] * x[:, 5] + noise[:, 1])}
    return {
        "linnerud": (men.data.join(men.target[["Weight", "Waist"]]), ("Weight", "Waist")),
        "shared": (inputs.assign(**alike), ("y1", "y2")),
        "apart": (inputs.assign(**apart), ("y1", "y2")),
    }


def out_of_fold(model: str, path: Path, targets: str, other: str = "") -> np.ndarray:
    """Return true and predicted values out of fold, (2, n, k)."""
    run = train(
        model,
        str(path),
        target=targets,
        task="regression",
        drop=[other] if other else [],
        folds=5,
        fractions="100/0/0",
        baselines="none",
        out=str(path.parent),
        name=targets.replace(",", "-"),
    )
    saved = sample_task("regression").read_predictions(run.path / "out_of_fold.csv")
    return np.stack([saved.targets.astype(float), saved.predictions.astype(float)])


def main() -> None:
    """Print the differences of each table and target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mlp")
    model = parser.parse_args().model
    print(f"{'data':<10}{'target':<8}{'one':>8}{'two':>8}  difference (95 % interval)")
    for name, (frame, targets) in tables().items():
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / f"{name}.csv"
            frame.to_csv(path, index=False)
            both = out_of_fold(model, path, ",".join(targets))
            for i, target in enumerate(targets):
                alone = out_of_fold(model, path, target, targets[1 - i])[..., 0]
                variance = both[0, :, i].var()
                one, two = (
                    (y_pred - y_true) ** 2 / variance for y_true, y_pred in (both[..., i], alone)
                )
                value, interval = intervals.difference(
                    weighted_mean(one), weighted_mean(two), len(one), None, 0
                )
                low, high = interval or (np.nan, np.nan)
                print(
                    f"{name:<10}{target:<8}{one.mean():8.3f}{two.mean():8.3f}  "
                    f"{value:+.3f} ({low:+.3f} to {high:+.3f})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
