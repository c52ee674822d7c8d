"""`mlp` on tables beside CatBoost, LightGBM, gradient boosting and a forest at their defaults.

Each split is that of `mlzoo train mlp TABLE --seed S`. Log loss or root mean squared error on the
test split, as a ratio to the method whose geometric mean over the tables is lowest. The default
preset and its peers are fitted on the training split; `good` trains on folds of the training and
validation splits, which are then what its peers are fitted on. The recipe was chosen on the tables
of `--tables develop` and is confirmed on the others; `peers/` needs an environment of its own, made
at the first run.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measuring import arguments, data_argument, data_file, peers_python, table, verdict
from scipy import stats

import mlzoo
from mlzoo.data import loading
from mlzoo.runs import datasets
from mlzoo.runs.config_loading import merge

DEVELOP = (
    *("autoMpg", "autoPrice", "bodyfat", "cholesterol", "cleveland", "fishcatch", "hypothyroid"),
    *("segment", "vote"),
)
CONFIRM = (
    *("meta", "pbc", "pwLinear", "quake", "sensory", "servo", "soybean", "strike", "unbalanced"),
    "winequality-red",
)
FLAGS: dict[str, dict[str, Any]] = {
    "hypothyroid": {"rare": "merge"},
    "soybean": {"drop": ["int-discolor"]},
}
BARS = {"fast": 1.03, "good": 1.00}
WORST = 1.10


def flags(path: Path, preset: str, seed: int) -> dict[str, Any]:
    """Return the flags of a training: the last column is the target."""
    with path.open(newline="") as file:
        target = next(csv.reader(file))[-1]
    more = {"target": target, "preset": preset, "seed": seed, "baselines": "none"}
    return {"model": "mlp", "data": str(path), **more, **FLAGS.get(path.stem, {})}


def write_splits(path: Path, given: dict[str, Any], both: bool) -> None:
    """Write the rows of a table and its splits, as the peers read them."""
    config = merge(given).config
    data = datasets.arrange(loading.read(config), config, config.seed)
    train = data.train.indices
    np.savez(
        path,
        x=np.asarray(data.samples.inputs, "float64"),
        y=np.asarray(data.samples.targets),
        categorical=np.array([bool(column.categories) for column in data.samples.columns]),
        train=np.union1d(train, data.valid.indices) if both else train,
        test=data.test.indices,
        classes=data.samples.target.is_class,
    )


def trained(given: dict[str, Any], out: str) -> float:
    """Return the score of a training on the test split."""
    run = mlzoo.train(**given, out=out)
    scores = run.metrics["test"]["metrics"]
    value = scores["log_loss"] if "log_loss" in scores else scores["rmse"]
    return float(value)


def measure(name: str, path: Path, preset: str, splits: int) -> dict[str, list[float]]:
    """Return the scores of all methods on each split of a table."""
    found: dict[str, list[float]] = {}
    python = peers_python()
    for seed in range(splits):
        given = flags(path, preset, seed)
        with tempfile.TemporaryDirectory() as folder:
            splits_file = Path(folder) / "splits.npz"
            write_splits(splits_file, given, preset != "fast")
            script = Path(__file__).with_name("peers") / "tables.py"
            done = subprocess.run(
                [python, script, splits_file], stdout=subprocess.PIPE, check=True, text=True
            )
            scores = {"mlp": trained(given, folder), **json.loads(done.stdout)}
        for method, score in scores.items():
            found.setdefault(method, []).append(score)
    shown = "  ".join(f"{method} {np.mean(values):.4g}" for method, values in found.items())
    print(f"{name} ({preset}): {shown}", flush=True)
    return found


def interval(ratios: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a geometric mean by Student's t over splits."""
    if len(ratios) < 2:
        return (float("nan"), float("nan"))
    logs = np.log(ratios)
    half = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    low, high = np.exp(logs.mean() - half), np.exp(logs.mean() + half)
    return float(low), float(high)


def report(found: dict[str, dict[str, list[float]]], preset: str) -> bool:
    """Print the ratios of a preset, and return whether its bar is met."""
    names = list(found)
    means = {
        method: float(np.exp(np.mean([np.log(found[name][method]).mean() for name in names])))
        for method in found[names[0]]
    }
    peers = {method: value for method, value in means.items() if method != "mlp"}
    reference = min(peers, key=lambda method: peers[method])
    rows, worst = [], True
    for name in names:
        ratios = np.array(found[name]["mlp"]) / np.array(found[name][reference])
        low, high = interval(ratios)
        worst = worst and not low > WORST
        middle = float(np.exp(np.log(ratios).mean()))
        others = [float(np.mean(found[name][method])) for method in peers]
        rows.append([name, float(np.mean(found[name]["mlp"])), *others, middle, low, high])
    table(["table", "mlp", *peers, f"mlp / {reference}", "low", "high"], rows)
    ratio = means["mlp"] / means[reference]
    met = ratio <= BARS[preset] and worst
    print(
        f"{preset}: geometric mean {ratio:.3f} of {reference} over {len(names)} tables "
        f"(bar {BARS[preset]}): {verdict(met)}",
        flush=True,
    )
    return met


def main() -> None:
    parser = arguments(__doc__, splits=5)
    groups = {"develop": DEVELOP, "confirm": CONFIRM}
    parser.add_argument(
        "--tables", nargs="+", default=["confirm"], choices=[*groups, *DEVELOP, *CONFIRM]
    )
    parser.add_argument("--presets", nargs="+", default=list(BARS), choices=BARS)
    data_argument(parser)
    args = parser.parse_args()
    names = [name for entry in args.tables for name in groups.get(entry, (entry,))]
    paths = {name: data_file(args.data, f"tables/{name}.csv") for name in names}
    met = True
    for preset in args.presets:
        found = {name: measure(name, path, preset, args.splits) for name, path in paths.items()}
        met = report(found, preset) and met
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
