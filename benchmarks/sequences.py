"""Scores of recurrent networks and convolutions on real sequences, beside the baselines.

Radio signals of persons who move indoors (314 sequences of 19 to 129 steps): accuracy over 5
seeds, three ways. Training and test share the rooms (random split); rooms apart (by dataset_ID, a
third of the data as test split); kinds of paths apart (by path_ID: every kind is of one class, so
that of a new kind can't be known from the others). Its authors report about .96 and .90 for the
first two, with echo-state networks. `--tasks strong` trains `tcn --preset good` with rooms shared,
a split a seed, beside the forest and MiniRocket; its bars are .95 and the better of them. Daily
minimum temperatures, 7 days ahead, and monthly sunspots, 12 months ahead: MAE over that of
repeating the last value, and of the last season, with intervals; the bar is under 1 for both.
"""

from __future__ import annotations

import json
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from measuring import MLZOO, arguments, data_argument, data_file, run_well, shown, table, verdict
from scipy import stats

TRAINED: dict[str, dict[str, Any]] = {
    "rnn": {"--set": "units=64", "--learning-rate": 0.005, "--epochs": 100, "--early-stopping": 25},
    "tcn": {"--learning-rate": 0.003, "--epochs": 60, "--early-stopping": 20},
}
INDOOR: dict[str, dict[str, Any]] = {
    "rooms shared": {},
    "rooms apart": {"--group-by": "dataset_ID", "--fractions": "66/0/34", "--epochs": 60},
    "paths apart": {"--group-by": "path_ID"},
}
SERIES: dict[str, list[Any]] = {
    "daily-min-temperatures.csv": ["--horizon", 7, "--window", 56],
    "monthly-sunspots.csv": ["--horizon", 12, "--window", 132],
}
PEERS, BAR = ("forest", "minirocket"), 0.95
FORECAST = ["--set", "units=32", "--set", "dropout=0.2", "--learning-rate", 0.002]


def metrics(typed: list[Any], out: str, name: str) -> dict[str, Any]:
    """Train, and read what the run folder says."""
    print(shown(typed), flush=True)
    run_well([*typed, "--out", out, "--name", name, "--json"])
    found: dict[str, Any] = json.loads((Path(out) / name / "metrics.json").read_text("utf-8"))
    return found


def indoor(data: Path, seeds: int, out: str) -> None:
    """Accuracy over seeds, each with a split of its own."""
    rows = []
    for (name, options), (model, settings) in product(INDOOR.items(), TRAINED.items()):
        words = [word for pair in (settings | options).items() for word in pair]
        typed = [MLZOO, "train", model, data, "--batch-size", 16, *words, "--repeats", seeds]
        found = metrics(typed, out, f"{model}-{name.replace(' ', '-')}")
        scores, linear = found["repeats"]["summary"], found["repeats"]["baselines"]["linear"]
        ours, linear = scores["accuracy"], linear["accuracy"]
        spread = [ours[key] for key in ("mean", "std", "min", "max")]
        rows.append([name, model, *spread, linear["mean"]])
    table(["indoor movement", "model", "accuracy", "std", "lowest", "highest", "linear"], rows)
    print()


def strong(data: Path, seeds: int, out: str) -> bool:
    """Accuracy of the recipe over splits, beside the strongest baselines; whether bars are met."""
    rows = []
    for seed in range(seeds):
        typed = [MLZOO, "train", "tcn", data, "--preset", "good", "--seed", seed]
        test = metrics(typed, out, f"strong-{seed}")["test"]
        others = [test["baselines"][name]["accuracy"] for name in PEERS]
        rows.append([seed, test["metrics"]["accuracy"], *others])
        print(*rows[-1], flush=True)
    accuracy = np.array([row[1:] for row in rows], "float64")
    mean = accuracy.mean(axis=0)
    rows.append(["mean", *mean])
    table(["split", "tcn, preset good", *PEERS], rows)
    differences = accuracy[:, :1] - accuracy[:, 1:]
    for peer, each in zip(PEERS, differences.T, strict=True):
        half = float(stats.t.ppf(0.975, max(1, seeds - 1)) * each.std(ddof=1) / seeds**0.5)
        ends = f"{each.mean() - half:+.3f}, {each.mean() + half:+.3f}"
        print(f"tcn less {peer}: {each.mean():+.3f} [{ends}]")
    held = bool(mean[0] >= BAR and mean[0] >= mean[1:].max())
    print(f"at least {BAR} and no worse than {' and '.join(PEERS)}: {verdict(held)}")
    return held


def forecasts(folder: Path, out: str) -> bool:
    """MAE beside naive forecasts; whether all are beaten."""
    rows, held = [], True
    for name, options in SERIES.items():
        typed = [MLZOO, "train", "rnn", folder / name, *options, *FORECAST]
        test = metrics(typed, out, Path(name).stem)["test"]
        for baseline, ratio in test["relative_mae"].items():
            low, high = ratio["interval"] or (float("nan"), float("nan"))
            rows.append([Path(name).stem, baseline, ratio["value"], low, high])
            held &= baseline == "linear" or ratio["value"] < 1
        scores = test["metrics"]
        rows.append([Path(name).stem, "(MASE)", scores["mase"], *test["intervals"]["mase"]])
        rows.append(
            [Path(name).stem, "(coverage)", scores["coverage"], *test["intervals"]["coverage"]]
        )
    table(["series", "MAE over that of", "ratio", "low", "high"], rows)
    print(f"under 1 for persistence and the season: {verdict(held)}")
    return held


def main() -> None:
    parser = arguments(__doc__, seeds=5)
    parser.add_argument("--tasks", nargs="+", default=["indoor", "series"])
    data_argument(parser)
    args = parser.parse_args()
    folder = data_file(args.data, "series")
    held = True
    with tempfile.TemporaryDirectory() as out:
        if "indoor" in args.tasks:
            indoor(folder / "indoor_movement", args.seeds, out)
        if "strong" in args.tasks:
            held = strong(folder / "indoor_movement", args.seeds, out)
        if "series" in args.tasks:
            held = forecasts(folder, out) and held
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
