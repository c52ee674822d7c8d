"""Metrics of forecasts, prediction intervals, and autocorrelation of the errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from mlzoo.statistics.scorers import Array, Distributions, Scorer, ratio

LEVEL = 0.9
"""Nominal coverage of the prediction interval."""
LEVELS = 401
"""Levels of the quantiles of residuals that are kept."""
LAGS = 24
MOST_CORRELATED = 0.995
"""Upper limit of the lag-1 autocorrelation; beyond it, it cannot be distinguished from 1."""


@dataclass(frozen=True)
class Band:
    """Offsets from a forecast to the ends of its prediction interval, (horizon, targets) each.

    With `beyond` they are offsets from the outermost quantiles that a model predicts.
    """

    low: np.ndarray
    high: np.ndarray
    source: str
    beyond: bool = False

    def ends(self, outputs: Array, median: Array) -> Array:
        """Return the ends (2, n, horizon, targets) of intervals.

        Offsets that narrow intervals may be more than half of a narrow one: beyond predicted
        quantiles no end passes the median.

        Args:
            outputs: of a model: forecasts, or quantiles (n, levels, horizon, targets).
            median: (n, horizon, targets) the forecasts.
        """
        if not self.beyond:
            return np.stack([median + self.low, median + self.high])
        low, high = outer(outputs)
        return np.stack([np.minimum(low + self.low, median), np.maximum(high + self.high, median)])

    def record(self) -> dict[str, object]:
        """Return the band as JSON-able values."""
        about = {"level": LEVEL, "residuals": self.source}
        ends = {"low": self.low.tolist(), "high": self.high.tolist()}
        return {**about, **ends, "beyond": self.beyond}

    @classmethod
    def of(cls, record: Mapping[str, Any] | None) -> Band | None:
        """Restore a band from its `record`."""
        if record is None:
            return None
        low, high = (np.array(record[end], dtype="float64") for end in ("low", "high"))
        return cls(low, high, record["residuals"], bool(record.get("beyond", False)))


def median_of(outputs: Array) -> Array:
    """Return forecasts (n, horizon, targets) of a model's outputs, which may be quantiles."""
    return outputs[:, 0] if outputs.ndim == 4 else outputs


def outer(outputs: Array) -> tuple[Array, Array]:
    """Return the lowest and the highest of quantiles (n, levels, horizon, targets); of forecasts
    these themselves.
    """
    return (outputs.min(axis=1), outputs.max(axis=1)) if outputs.ndim == 4 else (outputs, outputs)


class ResidualRecord(TypedDict):
    """`ResidualQuantiles` as JSON; `values` and `upper` are (levels, horizon, targets)."""

    windows: int
    values: list[list[list[float]]]
    upper: list[list[list[float]]] | None


@dataclass(frozen=True)
class ResidualQuantiles:
    """Quantiles of residuals of held-out forecasts, for prediction intervals of any coverage.

    Attributes:
        windows: how many forecasts they are of.
        values: (levels, horizon, targets), at levels evenly spaced from 0 to 1.
        upper: those of what is left above the highest quantile that a model predicts, where
            `values` are of what is left above the lowest one; None of models of points.
    """

    windows: int
    values: Array
    upper: Array | None = None

    @classmethod
    def of_residuals(cls, y_true: Array, outputs: Array) -> ResidualQuantiles:
        """Return the quantiles of the residuals of a model.

        Args:
            y_true: (n, horizon, targets) true values, NaN where unknown.
            outputs: forecasts of the same shape, or quantiles (n, levels, horizon, targets).
        """
        levels = np.linspace(0, 1, LEVELS)
        low, high = outer(outputs)
        values = np.nanquantile(y_true - low, levels, axis=0)
        if outputs.ndim < 4:
            return cls(len(y_true), values)
        return cls(len(y_true), values, np.nanquantile(y_true - high, levels, axis=0))

    def band(self, coverage: float) -> Band:
        """Return the offsets of intervals that hold a share of the true values at each step.

        Each tail has the correction for a finite sample of split conformal prediction (Lei et al.,
        Distribution-Free Predictive Inference for Regression, 2018); beyond predicted quantiles it
        is conformalized quantile regression (Romano, Patterson and Candes, 2019).
        """
        tail = (1 - coverage) / 2
        upper = min(1.0, np.ceil((self.windows + 1) * (1 - tail)) / self.windows)
        place = np.array([1 - upper, upper]) * (len(self.values) - 1)
        below = np.minimum(place.astype(int), len(self.values) - 2)
        share = (place - below)[:, None, None]
        upper_values = self.values if self.upper is None else self.upper
        low, high = (
            (1 - share[i]) * values[below[i]] + share[i] * values[below[i] + 1]
            for i, values in enumerate((self.values, upper_values))
        )
        return Band(low, high, f"{self.windows} held-out windows", self.upper is not None)

    def record(self) -> ResidualRecord:
        """Return the quantiles as JSON-able values."""
        upper = None if self.upper is None else self.upper.tolist()
        return {"windows": self.windows, "values": self.values.tolist(), "upper": upper}


def needed_windows(coverage: float) -> int:
    """Return how many held-out windows an interval of a coverage needs."""
    tail = (1 - coverage) / 2
    return int(np.ceil((1 - tail) / tail - 1e-9))


@dataclass(frozen=True)
class ForecastPredictions:
    """Forecasts of n windows.

    Attributes:
        y_true: (n, horizon, targets) true values, NaN where missing.
        y_pred: (n, horizon, targets) predicted values.
        scale: (targets,) denominators of MASE; targets whose scale is NaN are left out of it.
        ends: (2, n, horizon, targets) ends of prediction intervals, or None.
        distributions: what is predicted beside points; None of points.
    """

    y_true: Array
    y_pred: Array
    scale: Array
    ends: Array | None = None
    distributions: Distributions | None = None

    def mean(self, values: Array, counts: Array) -> Scorer:
        """Return the mean of values (n, horizon, targets) where `counts` is true."""
        sums = np.where(counts, values, 0).sum(axis=(1, 2), dtype="float64")
        known = counts.sum(axis=(1, 2)).astype("float64")
        return lambda weights: ratio(weights @ sums, weights @ known)

    def mean_error(self, error: Callable[[Array], Array]) -> Scorer:
        """Return the mean of a function of the differences, ignoring missing targets."""
        return self.mean_of(error(self.y_pred - self.y_true))

    def mean_of(self, values: Array) -> Scorer:
        """Return the mean of values (n, horizon, targets) where targets are known."""
        return self.mean(values, np.isfinite(self.y_true))


def autocorrelation(residuals: Array, stretch: Array, at: Array) -> dict[str, object]:
    """Return the autocorrelation of residuals (n,).

    Args:
        residuals: NaN where unknown.
        stretch: (n,) label of the contiguous series of each residual; pairs never span two.
        at: (n,) time step of each residual within its series.

    Returns:
        `stride`, the time steps between neighboring residuals; `lags`, the correlations at 1, 2,
        ... strides; and `bound`, which white noise stays within at 95 % of the lags.
    """
    order = np.lexsort((at, stretch))
    residuals, stretch, at = residuals[order], stretch[order], at[order]
    follows = stretch[1:] == stretch[:-1]
    stride = int(np.gcd.reduce(np.diff(at)[follows])) or 1
    known = np.isfinite(residuals)
    centered = residuals - residuals[known].mean() if known.any() else residuals
    # Concatenated series with LAGS empty steps between them, so that no pair spans two series.
    place = np.r_[0, np.cumsum(np.where(follows, np.diff(at) // stride, LAGS + 1))]
    line = np.zeros(int(place[-1]) + 1)
    line[place[known]] = centered[known]
    power = float((line**2).sum())
    furthest = max((int(np.ptp(at[stretch == s])) // stride for s in np.unique(stretch)), default=0)
    lags = [
        float((line[k:] * line[:-k]).sum() / power)
        for k in range(1, min(LAGS, furthest) + 1 if power else 1)
    ]
    return {"stride": stride, "lags": lags, "bound": 1.96 / max(int(known.sum()), 1) ** 0.5}


def autocorrelation_time(errors: Array, stretch: Array, at: Array) -> float:
    """Return the integrated autocorrelation time of errors (n,), in time steps.

    The longer of two estimates: (1 + r) / (1 - r), with the first autocorrelation r corrected for
    its bias in short series (Kendall, Note on bias in the estimation of autocorrelation, 1954),
    and the sum of autocorrelations while those of two neighboring lags together are positive
    (Geyer, Practical Markov chain Monte Carlo, 1992).

    Args:
        errors: NaN where unknown.
        stretch: (n,) label of the contiguous series of each error; pairs never span two.
        at: (n,) time step of each error within its series.
    """
    correlations = autocorrelation(errors, stretch, at)
    lags = np.array(correlations["lags"])
    if not len(lags):
        return 1.0
    first = max(float(lags[0]), 0.0)
    first = min(first + (1 + 3 * first) / len(errors), MOST_CORRELATED)
    pairs = np.r_[1.0, lags][: (len(lags) + 1) // 2 * 2].reshape(-1, 2).sum(axis=1)
    pairs = np.minimum.accumulate(pairs)[np.cumprod(pairs > 0).astype(bool)]
    return float(correlations["stride"] * max((1 + first) / (1 - first), 2 * pairs.sum() - 1))
