"""Scores of forecasts: errors by step ahead, beside naive forecasts, with intervals and a band."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.baselines.naive import naive_forecasts, training_scale
from mlzoo.core.errors import DivergedError
from mlzoo.data.samples import Data, Part
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.statistics import intervals
from mlzoo.statistics.metrics import HEADLINES, NEAR, number
from mlzoo.statistics.scorers import Array, Scorer, ratio
from mlzoo.statistics.verdicts import against_baselines

Predict = Callable[[np.ndarray], np.ndarray]
LEVEL = NEAR["coverage"]
"""Share of the true values that a band is to hold."""
LAGS = 24
BLOCK_TIMES = 1.5
"""Autocorrelation times of the errors that a block of time holds."""
MOST_CORRELATED = 0.995
"""The highest first autocorrelation that is told from 1."""


@dataclass(frozen=True)
class Band:
    """What to add to a forecast for its band: (horizon, targets) each."""

    low: np.ndarray
    high: np.ndarray
    source: str

    def record(self) -> dict[str, Any]:
        """As plain values."""
        about = {"level": LEVEL, "residuals": self.source}
        return {**about, "low": self.low.tolist(), "high": self.high.tolist()}

    @classmethod
    def of(cls, record: Mapping[str, Any] | None) -> Band | None:
        """The band of a `record`."""
        if record is None:
            return None
        low, high = (np.array(record[end], dtype="float64") for end in ("low", "high"))
        return cls(low, high, record["residuals"])


@dataclass(frozen=True)
class ForecastOutcome:
    """What a model forecast.

    Attributes:
        indices: (n,) positions of the windows in `Samples`.
        targets: (n, horizon, targets) true values, NaN where there is none.
        outputs: the same, forecast.
        band: what holds most of the true values; None without a validation part.
        blocks: (n,) of each window the stretch of time that it is left out with, for
            intervals; None where windows are left out one by one.
    """

    indices: np.ndarray
    targets: np.ndarray
    outputs: np.ndarray
    band: Band | None
    blocks: np.ndarray | None = None

    def errors(self) -> np.ndarray:
        """Mean absolute error of each window over the steps and targets, (n,)."""
        return np.nanmean(np.abs(self.targets - self.outputs), axis=(1, 2))


def evaluate_forecasts(
    predict: Predict,
    data: Data,
    part: str,
    seed: int,
    with_baselines: bool,
    trained: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], ForecastOutcome]:
    """What `evaluate.evaluate` says of forecasts.

    `trained` are the metrics of the training where `data` hold no other part: its `band` and
    `scale` are taken.

    There are no intervals from fewer than `intervals.FEWEST` blocks of time: how long errors go
    together cannot be told from so short a series.

    Beside its keys: `relative_mae` {naive baseline: `value`, `interval`, `units` (blocks of time)},
    the model's MAE over the baseline's (under 1 is better); `per_horizon`, a row a step ahead;
    `autocorrelation` of the first target's residuals one step ahead (`lags`, each `stride` steps
    further back, and the `bound` of white noise; None without a time axis); `band`, what to add to
    a forecast so that `level` of the true values lie inside.
    """
    rows = data.parts()[part]
    said = _forecasts(predict, rows, part)
    truth = rows.targets.astype("float64")
    band = find_band(predict, data) if trained is None else Band.of(trained["band"])
    naive = dict(naive_forecasts(data, rows)) if with_baselines else {}
    scale = training_scale(data) if trained is None else np.array(trained["scale"], "float64")
    errors = {name: truth - each for name, (each, _) in naive.items()}
    paired = {name: block_labels(rows, truth - said, error) for name, error in errors.items()}
    nearest = min(errors, key=lambda name: float(np.nanmean(np.abs(errors[name]))), default="")
    blocks = paired[nearest] if nearest else block_labels(rows, truth - said)
    scorers = forecast_scorers(truth, said, scale)
    metrics = _scalars(scorers, len(rows))
    if band is not None:
        scorers["coverage"] = _coverage(truth, said, band)
        metrics["coverage"] = number(scorers["coverage"](np.ones((1, len(rows))))[0])
    theirs = {name: forecast_scorers(truth, each, scale) for name, (each, _) in naive.items()}
    headline = HEADLINES["forecasting"].name
    if metrics[headline] is None:
        headline = "mae"  # the training split does not change, so there is nothing to divide by
    result = {
        "part": part,
        "samples": len(rows),
        "metrics": {
            **metrics,
            "per_horizon": _per_horizon(truth, said, scale, band, naive),
            "per_target": _per_target(truth, said, scale, data.samples.target_names),
            "autocorrelation": _residual_correlation(rows, (truth - said)[:, 0, 0]),
            "scale": [number(value) for value in scale],
            "band": None if band is None else band.record(),
        },
        "intervals": intervals.intervals(scorers, len(rows), blocks, seed, fewest=intervals.FEWEST),
        "interval_unit": "samples" if blocks is None else "blocks of time",
        "units": intervals.count_units(len(rows), blocks),
        "baselines": {
            name: {**_scalars(theirs[name], len(rows)), "note": note}
            for name, (_, note) in naive.items()
        },
        "relative_mae": _relative(scorers["mae"], theirs, len(rows), paired, seed),
        "headline": headline,
        **against_baselines(scorers, theirs, headline, len(rows), blocks, seed),
    }
    if len(data.samples.target_names) == 1:
        del result["metrics"]["per_target"]
    return result, ForecastOutcome(rows.indices, truth, said, band, blocks)


def forecast_scorers(truth: Array, said: Array, scale: Array) -> dict[str, Scorer]:
    """MASE, RMSE and MAE as functions of weights over windows; missing truths don't count.

    Args:
        truth: (n, horizon, targets).
        said: the same.
        scale: (targets,) what MASE divides by; targets without one are left out of it.
    """
    error = truth - said
    known = np.isfinite(error)
    count = known.sum(axis=(1, 2)).astype("float64")
    absolute = np.where(known, np.abs(error), 0)
    squared = np.where(known, error**2, 0).sum(axis=(1, 2))
    scaled = known & np.isfinite(scale)
    relative = np.where(scaled, absolute / np.where(np.isfinite(scale), scale, 1), 0)

    def mean(sums: Array, counts: Array) -> Scorer:
        return lambda weights: ratio(weights @ sums, weights @ counts)

    mean_squared = mean(squared, count)
    return {
        "mase": mean(relative.sum(axis=(1, 2)), scaled.sum(axis=(1, 2)).astype("float64")),
        "rmse": lambda weights: np.sqrt(mean_squared(weights)),
        "mae": mean(absolute.sum(axis=(1, 2)), count),
    }


def find_band(predict: Predict, data: Data) -> Band | None:
    """The band from the residuals of the validation part: their quantiles at each step ahead.

    Quantiles are taken with the correction for few residuals of split conformal prediction
    (Lei et al., "Distribution-Free Predictive Inference for Regression", 2018), each tail alone.
    """
    if not len(data.valid):
        return None
    residuals = data.valid.targets.astype("float64") - _forecasts(predict, data.valid, "valid")
    count = len(residuals)
    tail = (1 - LEVEL) / 2
    upper = min(1.0, np.ceil((count + 1) * (1 - tail)) / count)
    low, high = np.nanquantile(residuals, [1 - upper, upper], axis=0)
    return Band(low, high, f"{count} windows of the validation part")


def autocorrelation(residuals: Array, stretch: Array, at: Array) -> dict[str, Any]:
    """Correlation of residuals (n,) with those some steps before.

    Args:
        residuals: NaN where one is not known.
        stretch: (n,) a label a residual; what lies in two stretches is not compared.
        at: (n,) the step of its stretch that each belongs to.

    Returns:
        `stride`, the steps from one to the next; `lags`, the correlations at 1,
        2, ... times as many steps; and `bound`: white noise lies within it at 95 % of the lags.
    """
    order = np.lexsort((at, stretch))
    residuals, stretch, at = residuals[order], stretch[order], at[order]
    follows = stretch[1:] == stretch[:-1]
    stride = int(np.gcd.reduce(np.diff(at)[follows])) or 1
    known = np.isfinite(residuals)
    centred = residuals - residuals[known].mean() if known.any() else residuals
    # One after another on a line, LAGS empty places between stretches.
    place = np.r_[0, np.cumsum(np.where(follows, np.diff(at) // stride, LAGS + 1))]
    line = np.zeros(int(place[-1]) + 1)
    line[place[known]] = centred[known]
    power = float((line**2).sum())
    furthest = max((int(np.ptp(at[stretch == s])) // stride for s in np.unique(stretch)), default=0)
    lags = [
        float((line[k:] * line[:-k]).sum() / power)
        for k in range(1, min(LAGS, furthest) + 1 if power else 1)
    ]
    return {"stride": stride, "lags": lags, "bound": 1.96 / max(int(known.sum()), 1) ** 0.5}


def stretches_of(rows: Part) -> Array | None:
    """(n,) the first step of the stretch without a break that each window lies in.

    None without a time axis.
    """
    windows, targets = rows.samples.windows, rows.samples.targets
    if windows is None or not isinstance(targets, Sequences):
        return None
    return targets.starts[rows.indices] - windows.history[rows.indices]


def _residual_correlation(rows: Part, residuals: Array) -> dict[str, Any] | None:
    stretches, windows = stretches_of(rows), rows.samples.windows
    if stretches is None or windows is None:
        return None
    return autocorrelation(residuals, stretches, windows.history[rows.indices])


def block_labels(rows: Part, *errors: Array) -> Array | None:
    """Return a label a window (n,): neighbors in time, whose errors go together, share one.

    Args:
        rows: windows of a series.
        errors: (n, horizon, targets) of each forecast that is scored, NaN where unknown. Blocks
            are `BLOCK_TIMES` times as long as the longest of their autocorrelation times, and at
            least two horizons, as targets overlap.

    Returns:
        None without a time axis.
    """
    windows, stretches = rows.samples.windows, stretches_of(rows)
    if windows is None or stretches is None:
        return None
    at = windows.history[rows.indices]
    times = [
        autocorrelation_time(each, stretches, at)
        for error in errors
        for each in (_mean_known(error), _mean_known(np.abs(error)))
    ]
    shortest = 2 * int(rows.samples.targets.shape[1])
    length = max([shortest, *(math.ceil(BLOCK_TIMES * time) for time in times)])
    ends = windows.spans[rows.indices, 1]
    if length > shortest:  # few long blocks must be equally long, or the rest counts as one
        ends = ends - ends.min()
        steps = int(ends.max()) + 1
        length = math.ceil(steps / max(1, steps // length))
    return np.char.mod("%d", ends // length)


def autocorrelation_time(errors: Array, stretch: Array, at: Array) -> float:
    """Return after how many steps errors (n,) tell as much as independent ones.

    The longer of two estimates: (1 + r) / (1 - r), with the first autocorrelation r corrected for
    its bias in short series (Kendall, Note on bias in the estimation of autocorrelation, 1954),
    and the sum of autocorrelations while those of two neighboring lags together are positive
    (Geyer, Practical Markov chain Monte Carlo, 1992).

    Args:
        errors: NaN where one is not known.
        stretch: (n,) a label an error; what lies in two stretches is not compared.
        at: (n,) the step of its stretch that each belongs to.
    """
    found = autocorrelation(errors, stretch, at)
    lags = np.array(found["lags"])
    if not len(lags):
        return 1.0
    first = max(float(lags[0]), 0.0)
    first = min(first + (1 + 3 * first) / len(errors), MOST_CORRELATED)
    pairs = np.r_[1.0, lags][: (len(lags) + 1) // 2 * 2].reshape(-1, 2).sum(axis=1)
    pairs = np.minimum.accumulate(pairs)[np.cumprod(pairs > 0).astype(bool)]
    return float(found["stride"] * max((1 + first) / (1 - first), 2 * pairs.sum() - 1))


def _mean_known(errors: Array) -> Array:
    """Means of (n, horizon, targets) over what is known, (n,); NaN where nothing is."""
    known = np.isfinite(errors)
    return ratio(np.where(known, errors, 0).sum(axis=(1, 2)), known.sum(axis=(1, 2)))


def _forecasts(predict: Predict, rows: Part, part: str) -> Array:
    found = [
        np.asarray(predict(rows.inputs(slice(start, start + 1024))), dtype="float64")
        for start in range(0, len(rows), 1024)
    ]
    said = np.concatenate(found)
    if not np.isfinite(said).all():
        raise DivergedError(
            f"the model's forecasts of the {part} part are NaN or infinite; train again with a "
            "smaller --learning-rate or --clip-norm 1"
        )
    return said


def _scalars(scorers: Mapping[str, Scorer], samples: int) -> dict[str, Any]:
    ones = np.ones((1, samples))
    return {name: number(scorer(ones)[0]) for name, scorer in scorers.items()}


def _coverage(truth: Array, said: Array, band: Band) -> Scorer:
    known = np.isfinite(truth)
    inside = known & (truth >= said + band.low) & (truth <= said + band.high)
    held, count = (each.sum(axis=(1, 2)).astype("float64") for each in (inside, known))
    return lambda weights: ratio(weights @ held, weights @ count)


def _per_horizon(
    truth: Array,
    said: Array,
    scale: Array,
    band: Band | None,
    naive: Mapping[str, tuple[Array, str]],
) -> list[dict[str, Any]]:
    rows = []
    for step in range(truth.shape[1]):
        at = np.s_[:, step : step + 1]
        row = {
            "step": step + 1,
            **_scalars(forecast_scorers(truth[at], said[at], scale), len(truth)),
        }
        if band is not None:
            own = Band(band.low[step : step + 1], band.high[step : step + 1], band.source)
            row["coverage"] = number(
                _coverage(truth[at], said[at], own)(np.ones((1, len(truth))))[0]
            )
        for name, (each, _) in naive.items():
            row[f"mae_{name}"] = _scalars(forecast_scorers(truth[at], each[at], scale), len(truth))[
                "mae"
            ]
        rows.append(row)
    return rows


def _per_target(truth: Array, said: Array, scale: Array, names: tuple[str, ...]) -> list[Any]:
    return [
        {
            "target": name,
            **_scalars(forecast_scorers(truth[..., [i]], said[..., [i]], scale[[i]]), len(truth)),
        }
        for i, name in enumerate(names)
    ]


def _relative(
    ours: Scorer,
    theirs: Mapping[str, Mapping[str, Scorer]],
    samples: int,
    blocks: Mapping[str, Array | None],
    seed: int,
) -> dict[str, Any]:
    """The model's MAE over each baseline's, on the same windows.

    `blocks` are those that hold the errors of both, by baseline.
    """

    def over(other: Scorer) -> Scorer:
        return lambda weights: ratio(ours(weights), other(weights))

    found = {}
    for name, scorers in theirs.items():
        ratios = {name: over(scorers["mae"])}
        ends = intervals.intervals(
            ratios,
            samples,
            blocks[name],
            seed,
            bounds={name: (0.0, np.inf)},
            fewest=intervals.FEWEST,
        )
        value = _scalars(ratios, samples)[name]
        units = intervals.count_units(samples, blocks[name])
        found[name] = {"value": value, "interval": ends[name], "units": units}
    return found
