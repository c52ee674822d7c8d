"""Metrics of forecasts, the band around them, and how their errors go together in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.statistics.metrics import NEAR
from mlzoo.statistics.scorers import Array, Scorer, ratio

LEVEL = NEAR["coverage"]
"""Share of the true values that a band is to hold."""
LAGS = 24
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


def coverage(truth: Array, said: Array, band: Band) -> Scorer:
    """Return the share of true values (n, horizon, targets) within a band around forecasts."""
    known = np.isfinite(truth)
    inside = known & (truth >= said + band.low) & (truth <= said + band.high)
    held, count = (each.sum(axis=(1, 2)).astype("float64") for each in (inside, known))
    return lambda weights: ratio(weights @ held, weights @ count)


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
