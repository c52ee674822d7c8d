"""Numbers at each of the steps that follow a window of a series."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.core.errors import DivergedError
from mlzoo.data.contracts import Baseline, Headline, Predict, Scorer
from mlzoo.data.moments import mean_and_std
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.sequences.sequences import Sequences
from mlzoo.data.specs import Outputs, Target
from mlzoo.statistics import intervals
from mlzoo.statistics.forecast_scale import training_scale
from mlzoo.statistics.forecasts import (
    LEVEL,
    Band,
    autocorrelation,
    autocorrelation_time,
    coverage,
    forecast_scorers,
)
from mlzoo.statistics.metrics import MODES, number, values
from mlzoo.statistics.scorers import Array, ratio
from mlzoo.statistics.verdicts import against_baselines, best_baseline
from mlzoo.tasks._heads import HeadedTask
from mlzoo.tasks._predictions import Forecasts, read_forecasts

BLOCK_TIMES = 1.5
"""Autocorrelation times of the errors that a block of time holds."""


@dataclass(frozen=True)
class ForecastOutcome:
    """What a model forecast.

    Attributes:
        indices: (n,) positions of the windows in `Samples`.
        targets: (n, horizon, targets) true values, NaN where there is none.
        outputs: the same, forecast.
        band: what holds most of the true values; None without a validation split.
        blocks: (n,) of each window the stretch of time that it is left out with, for
            intervals; None where windows are left out one by one.
        scale: (targets,) what MASE divides by.
    """

    indices: np.ndarray
    targets: np.ndarray
    outputs: np.ndarray
    band: Band | None
    blocks: np.ndarray | None = None
    scale: np.ndarray | None = None

    def errors(self) -> np.ndarray:
        """Return the mean absolute error of each window over the steps and targets, (n,)."""
        return np.nanmean(np.abs(self.targets - self.outputs), axis=(1, 2))

    def scorers(self) -> dict[str, Scorer]:
        """Return MASE, RMSE and MAE as functions of weights over windows."""
        missing = np.full(self.targets.shape[2], np.nan)
        scale = missing if self.scale is None else self.scale
        return forecast_scorers(self.targets, self.outputs, scale)

    def columns(self, samples: Samples) -> list[tuple[str, list[Any]]]:
        """Return every forecast: a row a window, step ahead and target.

        Columns: `index`, `name`, `group` (the block of time that it is left out with), `step`
        (ahead, from 1), `series` (the target), `target`, `prediction`, and where there is a band
        `low` and `high`.
        """
        count, horizon, targets = self.targets.shape
        window, step, target = np.indices((count, horizon, targets)).reshape(3, -1)
        blocks = None if self.blocks is None else self.blocks[window]
        columns: list[tuple[str, list[Any]]] = [
            *samples.columns_of(self.indices[window], blocks),
            ("step", (step + 1).tolist()),
            ("series", [samples.target_names[i] for i in target]),
            ("target", self.targets.ravel().tolist()),
            ("prediction", self.outputs.ravel().tolist()),
        ]
        if self.band is None:
            return columns
        ends = {"low": self.band.low, "high": self.band.high}
        return [
            *columns,
            *((name, (self.outputs + edge).ravel().tolist()) for name, edge in ends.items()),
        ]


class Task(HeadedTask):
    """Forecasting; windows whose errors go together in time are left out together."""

    target = Target("numbers", "horizon")
    losses = ("mse",)
    headline = Headline("mase", "min")
    metrics = tuple(MODES)
    blocks = "blocks of time"
    samples = "windows"

    def output_spec(self, train: Part) -> Outputs:
        """Return one output a target and step ahead; statistics are of the values that follow."""
        samples = train.samples
        shape = samples.targets.shape
        return Outputs(
            self.name,
            len(samples.target_names),
            *mean_and_std(train.targets.reshape(-1, shape[-1])),
            horizon=int(shape[1]),
            channels=samples.target_channels,
        )

    def read_predictions(self, path: Any) -> Forecasts:
        """Read `predictions.csv`; see `Task`."""
        return read_forecasts(path)

    def evaluate(
        self,
        predict: Predict,
        data: Data,
        part: str,
        seed: int,
        baselines: Mapping[str, Baseline],
        positive: int | None = None,
        trained: Mapping[str, Any] | None = None,
    ) -> tuple[dict[str, Any], ForecastOutcome]:
        """Score forecasts on a part of the data; see `evaluating.evaluate`.

        There are no intervals from fewer than `intervals.FEWEST` blocks of time: how long errors
        go together cannot be told from so short a series.

        Args:
            predict: the model.
            data: the windows.
            part: which of them are scored.
            seed: decides the parts that intervals leave out.
            baselines: fitted ones.
            positive: has no effect.
            trained: the metrics of the training where `data` hold no other part: its `band` and
                `scale` are taken.

        Returns:
            Beside the common keys `relative_mae` {baseline: `value`, `interval`, `units` (blocks
            of time)}, the model's MAE over the baseline's (below 1 is better). Among the metrics
            `per_horizon`, a row a step ahead; `autocorrelation` of the first target's residuals
            one step ahead (`lags`, each `stride` steps further back, and the `bound` of white
            noise; None without a time axis); `band`, what to add to a forecast so that `level` of
            the true values lie inside.
        """
        rows = data.parts()[part]
        said = _forecasts(predict, rows, part)
        truth = rows.targets.astype("float64")
        band = find_band(predict, data) if trained is None else Band.of(trained["band"])
        naive = {name: (each.predict(rows), each.note_on(rows)) for name, each in baselines.items()}
        scale = training_scale(data) if trained is None else np.array(trained["scale"], "float64")
        errors = {name: truth - each for name, (each, _) in naive.items()}
        paired = {name: block_labels(rows, truth - said, error) for name, error in errors.items()}
        nearest = min(errors, key=lambda name: float(np.nanmean(np.abs(errors[name]))), default="")
        blocks = paired[nearest] if nearest else block_labels(rows, truth - said)
        scorers = forecast_scorers(truth, said, scale)
        metrics = values(scorers, len(rows))
        if band is not None:
            scorers["coverage"] = coverage(truth, said, band)
            metrics["coverage"] = number(scorers["coverage"](np.ones((1, len(rows))))[0])
        theirs = {name: forecast_scorers(truth, each, scale) for name, (each, _) in naive.items()}
        headline = self.headline.name
        if metrics[headline] is None:
            headline = "mae"  # the training split does not change, so there is nothing to divide by
        chosen = _chosen(data.valid, baselines, scale, headline) if part == "test" else None
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
            "intervals": intervals.intervals(
                scorers, len(rows), blocks, seed, fewest=intervals.FEWEST
            ),
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
        if len(data.samples.target_names) == 1:
            del result["metrics"]["per_target"]
        return result, ForecastOutcome(rows.indices, truth, said, band, blocks, scale)


def _chosen(rows: Part, baselines: Mapping[str, Baseline], scale: Array, metric: str) -> str | None:
    """Return the baseline that is best on the validation split; None without a choice."""
    if not len(rows) or len(baselines) < 2:
        return None
    truth = rows.targets.astype("float64")
    scorers = {
        name: forecast_scorers(truth, each.predict(rows), scale) for name, each in baselines.items()
    }
    return best_baseline(scorers, metric, len(rows))


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
            **values(forecast_scorers(truth[at], said[at], scale), len(truth)),
        }
        if band is not None:
            own = Band(band.low[step : step + 1], band.high[step : step + 1], band.source)
            row["coverage"] = number(
                coverage(truth[at], said[at], own)(np.ones((1, len(truth))))[0]
            )
        for name, (each, _) in naive.items():
            row[f"mae_{name}"] = values(forecast_scorers(truth[at], each[at], scale), len(truth))[
                "mae"
            ]
        rows.append(row)
    return rows


def _per_target(truth: Array, said: Array, scale: Array, names: tuple[str, ...]) -> list[Any]:
    return [
        {
            "target": name,
            **values(forecast_scorers(truth[..., [i]], said[..., [i]], scale[[i]]), len(truth)),
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
        value = values(ratios, samples)[name]
        units = intervals.count_units(samples, blocks[name])
        found[name] = {"value": value, "interval": ends[name], "units": units}
    return found
