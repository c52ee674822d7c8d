"""`nlinear`, `rnn`, `tcn` and `patchtst` with defaults, beside simple forecasts of series.

Mean absolute error on the test split, an origin at every step, horizons 1, 6 and, where the test
split has 24 steps, 12; mean over seeds, which decide initial weights and the order of windows.
Peers are exponential smoothing, ridge regression on the window, the last season (the last value
where there is none), and NLinear as published: weights drawn at random, Adam, early stopping.
Series are those of `../shared/data/series` and generated ones with trend, season or zeros in
between. Ratios are to the peer whose geometric mean is lowest, with the interval over blocks of
time; to the best peer of each series, which is chosen in hindsight; and to the one that has the
lowest error on the validation split, which is what one could have chosen.
"""

from __future__ import annotations

import datetime
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import arguments, data_argument, data_file, table, verdict

import mlzoo
from mlzoo.core.errors import DataError
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data, Part
from mlzoo.evaluating.evaluate import fit_baselines
from mlzoo.runs import datasets
from mlzoo.runs.config_loading import merge

MODELS = ("nlinear", "rnn", "tcn", "patchtst")
REAL = (
    *("shampoo", "monthly_champagne_sales", "monthly-robberies", "monthly-writing-paper-sales"),
    *("monthly-mean-temp", "yearly-water-usage", "monthly-sunspots", "daily-min-temperatures"),
)
GENERATED = ("trend", "season", "growth", "intermittent")
HORIZONS = (1, 6, 12)
BAR, WORST = 1.00, 1.15
_LONG = 24
_BATCH, _RATE, _EPOCHS, _PATIENCE = 32, 5e-3, 300, 20


def generate(name: str, folder: Path) -> Path:
    """Write a generated series of 160 months, drawn from a fixed seed."""
    rng = np.random.default_rng(2026 + GENERATED.index(name))
    t = np.arange(160)
    wave = np.sin(2 * np.pi * t / 12) + 0.5 * np.cos(4 * np.pi * t / 12)
    walk = np.cumsum(rng.normal(0, 1, 160))
    values = {
        "trend": 20 + 0.6 * t + walk + rng.normal(0, 2, 160),
        "season": 100 + 10 * wave + rng.normal(0, 3, 160),
        "growth": np.exp(3 + 0.01 * t + 0.25 * wave + 0.02 * walk + rng.normal(0, 0.05, 160)),
        "intermittent": np.where(rng.random(160) < 0.3, 1.0 + rng.poisson(5, 160), 0.0),
    }[name]
    rows = [
        f"{datetime.date(1990 + i // 12, i % 12 + 1, 1)},{value:.6g}"
        for i, value in enumerate(values)
    ]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(["month,value", *rows]) + "\n", encoding="utf-8")
    return path


def arranged(path: Path, horizon: int) -> Data | None:
    """Return the windows of a series; None for a horizon that its test split is too short for."""
    merged = merge({"model": "nlinear", "data": str(path), "horizon": horizon})
    try:
        data = datasets.load(merged.config)
    except DataError:
        return None
    steps = len(data.test) + horizon - 1
    return None if horizon == max(HORIZONS) and steps < _LONG else data


def published_nlinear(data: Data, seed: int) -> Baseline:
    """Fit NLinear (Zeng et al., 2023) as its authors do, on the target alone."""
    channel, rng = data.outputs.channels[0], np.random.default_rng(seed)
    scale = float(np.nanstd(data.train.targets)) or 1.0

    def changes(rows: Part) -> tuple[np.ndarray, np.ndarray]:
        x = np.asarray(rows.inputs(), "float64")[..., channel]
        return (x - x[:, -1:]) / scale, x[:, -1:]

    def wanted(rows: Part) -> np.ndarray:
        return (np.asarray(rows.targets, "float64")[..., 0] - changes(rows)[1]) / scale

    x, y = changes(data.train)[0], wanted(data.train)
    xv, yv = changes(data.valid)[0], wanted(data.valid)
    window, horizon = x.shape[1], y.shape[1]
    weights = rng.uniform(-1, 1, (window + 1, horizon)) / np.sqrt(window)
    first, second, step = np.zeros_like(weights), np.zeros_like(weights), 0
    best = (np.inf, 0, weights)
    x, xv = (np.c_[each, np.ones(len(each))] for each in (x, xv))
    for epoch in range(_EPOCHS):
        order = rng.permutation(len(x))
        for begin in range(0, len(x), _BATCH):
            rows = order[begin : begin + _BATCH]
            gradient = 2 * x[rows].T @ (x[rows] @ weights - y[rows]) / y[rows].size
            step += 1
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            rate = _RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            weights = weights - rate * first / (np.sqrt(second) + 1e-7)
        loss = float(np.square(xv @ weights - yv).mean())
        if loss < best[0]:
            best = (loss, epoch, weights.copy())
        elif epoch - best[1] >= _PATIENCE:
            break

    def predict(rows: Part) -> np.ndarray:
        change, last = changes(rows)
        forecast = np.c_[change, np.ones(len(change))] @ best[2]
        return (last + scale * forecast)[..., None]

    return Baseline(predict)


def peers(data: Data, seeds: int) -> dict[str, list[Baseline]]:
    """Return the peers; those that draw numbers once a seed."""
    fitted = fit_baselines(data, 0, "all")
    season = fitted.get("seasonal", fitted["persistence"])
    return {
        "ets": [fitted.get("ets", fitted["persistence"])],
        "ridge": [fitted["linear"]],
        "season": [season],
        "NLinear": [published_nlinear(data, seed) for seed in range(seeds)],
    }


def errors(forecast: np.ndarray, rows: Part) -> np.ndarray:
    """Return the mean absolute error of each window, (n,)."""
    return np.asarray(np.nanmean(np.abs(forecast - rows.targets), axis=(1, 2)), "float64")


class Measured(NamedTuple):
    """Errors at one horizon of a series.

    Attributes:
        found: of each method, (seeds or 1, test windows).
        chosen: the peer that has the lowest error on the validation split.
    """

    found: dict[str, np.ndarray]
    chosen: str


def measure(
    path: Path, horizon: int, data: Data, models: list[str], seeds: int, out: str
) -> Measured:
    """Return the errors of all methods."""
    fitted = peers(data, seeds)

    def scores(fits: list[Baseline], rows: Part) -> np.ndarray:
        return np.stack([errors(each.predict(rows), rows) for each in fits])

    chosen = min(fitted, key=lambda name: float(scores(fitted[name], data.valid).mean()))
    found = {name: scores(fits, data.test) for name, fits in fitted.items()}
    for model in models:
        rows = []
        for seed in range(seeds):
            given: dict[str, Any] = {"model": model, "data": str(path), "horizon": horizon}
            name = f"{model}-{path.stem}-{horizon}-{seed}"
            run = mlzoo.train(**given, seed=seed, baselines="none", out=out, name=name)
            rows.append(errors(run.outputs(data.test.inputs()), data.test))
        found[model] = np.stack(rows)
    shown = "  ".join(f"{name} {values.mean():.4g}" for name, values in found.items())
    print(f"{path.stem}, horizon {horizon}: {shown}", flush=True)
    return Measured(found, chosen)


def interval(ours: np.ndarray, theirs: np.ndarray, horizon: int) -> tuple[float, float]:
    """Return the 95 % interval of a ratio of mean errors, by a bootstrap of blocks of time."""
    length = max(2 * horizon, 1)
    blocks = np.arange(len(ours)) // length
    count = int(blocks[-1]) + 1
    if count < 5:
        return float("nan"), float("nan")
    sums = np.stack([np.bincount(blocks, each) for each in (ours, theirs)])
    drawn = np.random.default_rng(0).integers(count, size=(2000, count))
    ratios = sums[0][drawn].sum(axis=1) / sums[1][drawn].sum(axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(low), float(high)


def mean(values: list[float]) -> float:
    """Return the geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


def report(measured: dict[tuple[str, int], Measured], models: list[str]) -> bool:
    """Print the ratios, and return whether the bars are met."""
    found = {place: each.found for place, each in measured.items()}
    names = [name for name in next(iter(found.values())) if name not in models]
    lowest = [min(float(each[name].mean()) for name in names) for each in found.values()]
    peer_means = {
        name: mean(
            [each[name].mean() / least for each, least in zip(found.values(), lowest, strict=True)]
        )
        for name in names
    }
    reference = min(peer_means, key=lambda name: peer_means[name])
    met = True
    for model in models:
        rows, ratios, hindsight, foresight = [], [], [], []
        for (name, horizon), each in found.items():
            ours, theirs = each[model].mean(), each[reference].mean()
            best = min(names, key=lambda n, each=each: float(each[n].mean()))
            ratios.append(float(ours / theirs))
            hindsight.append(float(ours / each[best].mean()))
            low, high = interval(each[model][0], each[reference].mean(axis=0), horizon)
            chosen = measured[name, horizon].chosen
            foresight.append(float(ours / each[chosen].mean()))
            row = [name, horizon, float(ours), ratios[-1], low, high, best, hindsight[-1]]
            rows.append([*row, chosen, foresight[-1]])
        header = ["series", "horizon", f"{model} MAE", f"/ {reference}", "low", "high"]
        table([*header, "best peer", "/ best", "chosen peer", "/ chosen"], rows)
        held = mean(ratios) <= BAR and max(hindsight) <= WORST
        met = met and held
        print(
            f"{model}: geometric mean {mean(ratios):.3f} of {reference} (bar {BAR:.2f}), "
            f"{mean(hindsight):.3f} of the best peer of each series, at most {max(hindsight):.2f} "
            f"on one (bar {WORST}): {verdict(held)}\n{mean(foresight):.3f} of the peer that "
            f"validation chooses, at most {max(foresight):.2f}\n",
            flush=True,
        )
    shown = ", ".join(f"{name} {value:.3f}" for name, value in peer_means.items())
    print(f"peers, of the best of each series: {shown}")
    return met


def cases(names: list[str], data: Path, folder: Path) -> Iterator[tuple[Path, int, Data]]:
    """Yield series and horizons with their windows."""
    for name in names:
        path = generate(name, folder) if name in GENERATED else data / f"{name}.csv"
        for horizon in HORIZONS:
            windows = arranged(path, horizon)
            if windows is not None:
                yield path, horizon, windows


def main() -> None:
    parser = arguments(__doc__, seeds=5)
    every = [*REAL, *GENERATED]
    parser.add_argument("--series", nargs="+", default=every, choices=every)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    data_argument(parser)
    args = parser.parse_args()
    folder = data_file(args.data, "series")
    with tempfile.TemporaryDirectory() as out:
        measured = {
            (path.stem, horizon): measure(path, horizon, data, args.models, args.seeds, out)
            for path, horizon, data in cases(args.series, folder, Path(out))
        }
    sys.exit(0 if report(measured, args.models) else 1)


if __name__ == "__main__":
    main()
