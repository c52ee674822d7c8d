"""Numbers at each of the steps that follow a window of a series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import Baseline, Evaluation, Headline, Predict, Scorer, SplitScores
from mlzoo.data.moments import mean_and_std
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import Outputs, Target
from mlzoo.statistics import intervals
from mlzoo.statistics.forecast_scale import training_scale
from mlzoo.statistics.forecasts import (
    LEVEL,
    Band,
    ForecastPredictions,
    autocorrelation,
    autocorrelation_time,
    median_of,
    outer,
)
from mlzoo.statistics.metrics import number, values
from mlzoo.statistics.metrics import scorers as scorers_of
from mlzoo.statistics.scorers import Array, Distributions, ratio
from mlzoo.statistics.verdicts import against_baselines, best_baseline
from mlzoo.tasks._heads import HeadedTask
from mlzoo.tasks._predictions import Forecasts, read_forecasts

BLOCK_TIMES = 1.5
"""Length of a block of time, in autocorrelation times of the errors."""


@dataclass(frozen=True)
class ForecastOutcome:
    """Forecasts of a model.

    Attributes:
        indices: (n,) positions of the windows in `Samples`.
        targets: (n, horizon, targets) true values, NaN where there is none.
        outputs: forecasts of the same shape.
        ends: (2, n, horizon, targets) ends of prediction bands; None without a validation split.
        blocks: (n,) labels of windows that intervals leave out together; None if windows are
            left out one by one.
        scale: (targets,) divisor of MASE.
        extra: names of metrics beside the task's own.
        spread: quantiles that are predicted; None of points.
    """

    indices: np.ndarray
    targets: np.ndarray
    outputs: np.ndarray
    ends: np.ndarray | None
    blocks: np.ndarray | None = None
    scale: np.ndarray | None = None
    extra: tuple[str, ...] = ()
    spread: Distributions | None = None

    def errors(self) -> np.ndarray:
        """Return the mean absolute error of each window over the steps and targets, (n,)."""
        return np.nanmean(np.abs(self.targets - self.outputs), axis=(1, 2))

    def scorers(self) -> dict[str, Scorer]:
        """Return the metrics as functions of weights over windows."""
        missing = np.full(self.targets.shape[2], np.nan)
        scale = missing if self.scale is None else self.scale
        return forecast_scorers(
            self.targets, self.outputs, scale, extra=self.extra, spread=self.spread
        )

    def columns(self, samples: Samples) -> list[tuple[str, Any]]:
        """Return every forecast: one row per window, step ahead and target.

        Columns: `index`, `name`, `group` (the block of time that it is left out with), `step`
        (ahead, from 1), `series` (the target), `target`, `prediction`, and where there is a band
        `low` and `high`.
        """
        count, horizon, targets = self.targets.shape
        window, step, target = np.indices((count, horizon, targets)).reshape(3, -1)
        blocks = None if self.blocks is None else self.blocks[window]
        columns: list[tuple[str, Any]] = [
            *samples.columns_of(self.indices[window], blocks),
            ("step", step + 1),
            ("series", [samples.target_names[i] for i in target]),
            ("target", self.targets.ravel()),
            ("prediction", self.outputs.ravel()),
        ]
        if self.ends is None:
            return columns
        ends = zip(("low", "high"), self.ends, strict=True)
        return [*columns, *((name, edge.ravel()) for name, edge in ends)]


class Task(HeadedTask):
    """Forecasting; intervals leave out windows with autocorrelated errors together."""

    target = Target("numbers", "horizon")
    losses = ("mse",)
    headline = Headline("mase", "min")
    metrics = ("mase", "rmse", "mae", "coverage")
    followed = ("mae",)
    blocks = "blocks of time"
    samples = "windows"

    def output_spec(self, train: Part) -> Outputs:
        """Return one output per target and step ahead, with statistics of the targets."""
        samples = train.samples
        shape = samples.targets.shape
        return Outputs(
            self.name,
            len(samples.target_names),
            *mean_and_std(train.targets.reshape(-1, shape[-1])),
            horizon=int(shape[1]),
            channels=samples.target_channels,
            context=samples.context_channels,
        )

    def read_predictions(self, path: Any) -> Forecasts:
        """Read `predictions.csv`; see `Task`."""
        return read_forecasts(path)

    def evaluate(self, given: Evaluation) -> tuple[SplitScores, ForecastOutcome]:
        """Score forecasts on a split of the data; see `evaluating.evaluate`.

        Intervals are over blocks of time (`intervals.series_intervals`). Fewer than
        `intervals.FEWEST` of them allow no verdict.

        Args:
            given: the model and the windows; `band` and `scale` are those of `trained`, where there
                is one.

        Returns:
            Beside the common keys `relative_mae` {baseline: `value`, `interval`, `units` (blocks
            of time)}, the model's MAE over the baseline's (below 1 is better). Among the metrics
            `per_horizon`, a row a step ahead; `autocorrelation` of the first target's residuals
            one step ahead (`lags`, each `stride` steps further back, and the `bound` of white
            noise; None without a time axis); `band`, offsets of forecasts between which
            `level` of the true values lie.
        """
        predict, data, trained = given.predict, given.data, given.trained
        rows, part, seed = given.rows, given.part, given.seed
        outputs = _forecasts(predict, rows, part)
        y_pred, spread = median_of(outputs), None
        baselines, extra = given.baselines, tuple(given.extra)
        if data.outputs.quantiles and outputs.ndim == 4:
            spread = Distributions.of_quantiles(outputs, data.outputs.quantiles)
            extra = (*extra, "crps")
        y_true = rows.targets.astype("float64")
        band = find_band(predict, data) if trained is None else Band.of(trained["band"])
        naive = {name: (each.predict(rows), each.note_on(rows)) for name, each in baselines.items()}
        scale = training_scale(data) if trained is None else np.array(trained["scale"], "float64")
        errors = {name: y_true - each for name, (each, _) in naive.items()}
        paired = {
            name: block_labels(rows, y_true - y_pred, error) for name, error in errors.items()
        }
        nearest = min(errors, key=lambda name: float(np.nanmean(np.abs(errors[name]))), default="")
        blocks = paired[nearest] if nearest else block_labels(rows, y_true - y_pred)
        ends = None if band is None else band.ends(outputs, y_pred)
        scorers = forecast_scorers(y_true, y_pred, scale, ends, extra, spread)
        metrics = values(scorers, len(rows))
        theirs = {
            name: forecast_scorers(y_true, each, scale, extra=extra)
            for name, (each, _) in naive.items()
        }
        headline = self.headline.name
        if metrics[headline] is None:
            headline = "mae"  # constant training split: MASE would divide by zero
        chosen = _chosen(data.valid, baselines, scale, headline) if part == "test" else None
        names = data.samples.target_names
        several = len(names) > 1
        result: SplitScores = {
            "part": part,
            "samples": len(rows),
            "metrics": {
                **metrics,
                "per_horizon": _per_horizon(y_true, y_pred, scale, ends, naive, spread),
                **({"per_target": _per_target(y_true, y_pred, scale, names)} if several else {}),
                "autocorrelation": _residual_correlation(rows, (y_true - y_pred)[:, 0, 0]),
                "scale": [number(value) for value in scale],
                "band": None if band is None else band.record(),
            },
            "intervals": intervals.series_intervals(scorers, len(rows), blocks, seed),
            "interval_unit": self.unit if blocks is None else self.blocks,
            "units": intervals.count_units(len(rows), blocks),
            "baselines": {
                name: {**values(theirs[name], len(rows)), "note": note}
                for name, (_, note) in naive.items()
            },
            "relative_mae": _relative(scorers["mae"], theirs, len(rows), paired, seed),
            "headline": headline,
            **against_baselines(scorers, theirs, headline, len(rows), blocks, seed, chosen),
        }
        return result, ForecastOutcome(
            rows.indices, y_true, y_pred, ends, blocks, scale, extra, spread
        )


def forecast_scorers(
    y_true: Array,
    y_pred: Array,
    scale: Array,
    ends: Array | None = None,
    extra: Sequence[str] = (),
    spread: Distributions | None = None,
) -> dict[str, Scorer]:
    """Return the task's metrics and others as functions of weights over windows.

    Args:
        y_true: (n, horizon, targets) true values, NaN where missing.
        y_pred: (n, horizon, targets) predicted values.
        scale: (targets,) denominators of MASE, NaN where unknown.
        ends: (2, n, horizon, targets) ends of prediction intervals, or None.
        extra: names of other metrics.
        spread: quantiles that are predicted; None of points.
    """
    names = dict.fromkeys((*Task.metrics, *extra))
    return scorers_of(names, ForecastPredictions(y_true, y_pred, scale, ends, spread))


def _chosen(rows: Part, baselines: Mapping[str, Baseline], scale: Array, metric: str) -> str | None:
    """Return the baseline that is best on the validation split; None without a choice."""
    if not len(rows) or len(baselines) < 2:
        return None
    y_true = rows.targets.astype("float64")
    scorers = {
        name: forecast_scorers(y_true, each.predict(rows), scale)
        for name, each in baselines.items()
    }
    return best_baseline(scorers, metric, len(rows))


def find_band(predict: Predict, data: Data) -> Band | None:
    """Return the prediction band: quantiles of validation residuals at each step ahead, or of
    what is left beyond the outermost quantiles that a model predicts.

    Each tail has the finite-sample correction of split conformal prediction
    (Lei et al., "Distribution-Free Predictive Inference for Regression", 2018).
    """
    if not len(data.valid):
        return None
    outputs = _forecasts(predict, data.valid, "valid")
    y_true = data.valid.targets.astype("float64")
    count = len(y_true)
    tail = (1 - LEVEL) / 2
    upper = min(1.0, np.ceil((count + 1) * (1 - tail)) / count)
    lowest, highest = outer(outputs)
    low = np.nanquantile(y_true - lowest, 1 - upper, axis=0)
    high = np.nanquantile(y_true - highest, upper, axis=0)
    return Band(low, high, f"{count} windows of the validation split", outputs.ndim == 4)


def stretches_of(rows: Part) -> Array | None:
    """Return (n,) the first step of the unbroken stretch around each window.

    None without a time axis.
    """
    windows, targets = rows.samples.windows, rows.samples.targets
    if windows is None or not isinstance(targets, Sequences):
        return None
    return targets.starts[rows.indices] - windows.history[rows.indices]


def _residual_correlation(rows: Part, residuals: Array) -> dict[str, object] | None:
    stretches, windows = stretches_of(rows), rows.samples.windows
    if stretches is None or windows is None:
        return None
    return autocorrelation(residuals, stretches, windows.history[rows.indices])


def block_labels(rows: Part, *errors: Array) -> Array | None:
    """Return labels (n,) of windows; neighbors in time with autocorrelated errors share one.

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
    if length > shortest:  # equal lengths, so that a short remainder does not count as a block
        ends = ends - ends.min()
        steps = int(ends.max()) + 1
        length = math.ceil(steps / max(1, steps // length))
    return np.char.mod("%d", ends // length)


def _mean_known(errors: Array) -> Array:
    """Return means (n,) of the known values of (n, horizon, targets); NaN without any."""
    known = np.isfinite(errors)
    return ratio(np.where(known, errors, 0).sum(axis=(1, 2)), known.sum(axis=(1, 2)))


def _forecasts(predict: Predict, rows: Part, part: str) -> Array:
    batches = [
        np.asarray(predict(rows.inputs(slice(start, start + 1024))), dtype="float64")
        for start in range(0, len(rows), 1024)
    ]
    y_pred = np.concatenate(batches)
    if not np.isfinite(y_pred).all():
        raise DivergedError(
            f"the model's forecasts of the {part} split are NaN or infinite; train again with a "
            "smaller --learning-rate or --clip-norm 1"
        )
    return y_pred


def _per_horizon(
    y_true: Array,
    y_pred: Array,
    scale: Array,
    ends: Array | None,
    naive: Mapping[str, tuple[Array, str]],
    spread: Distributions | None,
) -> list[dict[str, float | None]]:
    """Return a row a step: `step`, the metrics of the model, and `mae_NAME` of each baseline."""
    rows = []
    for step in range(y_true.shape[1]):
        at = np.s_[:, step : step + 1]
        step_ends = None if ends is None else ends[(slice(None), *at)]
        step_spread: Distributions | None = None
        extra: tuple[str, ...] = ()
        if spread is not None and spread.quantiles is not None:
            step_spread, extra = (
                replace(spread, quantiles=spread.quantiles[:, :, [step]]),
                ("crps",),
            )
        scorers = forecast_scorers(y_true[at], y_pred[at], scale, step_ends, extra, step_spread)
        row: dict[str, float | None] = {"step": step + 1, **values(scorers, len(y_true))}
        for name, (each, _) in naive.items():
            row[f"mae_{name}"] = values(forecast_scorers(y_true[at], each[at], scale), len(y_true))[
                "mae"
            ]
        rows.append(row)
    return rows


def _per_target(y_true: Array, y_pred: Array, scale: Array, names: tuple[str, ...]) -> list[Any]:
    return [
        {
            "target": name,
            **values(forecast_scorers(y_true[..., [i]], y_pred[..., [i]], scale[[i]]), len(y_true)),
        }
        for i, name in enumerate(names)
    ]


class RelativeError(TypedDict):
    """MAE over that of a baseline, the ends of its interval, and what that is taken over."""

    value: float | None
    interval: Sequence[float] | None
    units: int


def _relative(
    ours: Scorer,
    theirs: Mapping[str, Mapping[str, Scorer]],
    samples: int,
    blocks: Mapping[str, Array | None],
    seed: int,
) -> dict[str, RelativeError]:
    """Return the model's MAE relative to each baseline's, on the same windows.

    Args:
        ours: MAE of the model.
        theirs: scorers by baseline.
        samples: number of windows.
        blocks: labels (samples,) of blocks long enough for both errors, by baseline.
        seed: of the intervals' resampling.
    """

    def over(other: Scorer) -> Scorer:
        return lambda weights: ratio(ours(weights), other(weights))

    relative: dict[str, RelativeError] = {}
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
        value = values(ratios, samples)[name]
        units = intervals.count_units(samples, blocks[name])
        relative[name] = {"value": value, "interval": ends[name], "units": units}
    return relative
