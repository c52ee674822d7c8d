"""Temperature of a classifier: the number that its logits are divided by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlzoo.statistics.scorers import Array

COLDEST = 0.05
"""Lowest temperature that is fitted; the highest is its inverse."""


def temperature_of(logits: Array, y_true: Array, units: int | None = None) -> float:
    """Return the temperature that minimizes the mean log loss of softmax(logits / temperature).

    Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks (2017). As if one more
    unit had been seen, of no class in particular: where all predictions are right, the loss alone
    would make them certain (Platt, Probabilistic Outputs for Support Vector Machines, 1999). The
    loss is convex in the inverse, so its one minimum is found, between `COLDEST` and its inverse.

    Args:
        logits: (m, k).
        y_true: (m,) positions of the true classes.
        units: independent ones among the predictions, such as images; by default m.
    """
    from scipy.optimize import minimize_scalar

    share = 1 / ((len(y_true) if units is None else units) + 1)
    every = logits.mean(axis=1)
    target = (1 - share) * logits[np.arange(len(y_true)), y_true] + share * every

    def loss(log_temperature: float) -> float:
        temperature = np.exp(log_temperature)
        return float((_log_sums(logits / temperature) - target / temperature).mean())

    edge = float(np.log(COLDEST))
    options = {"xatol": 1e-5}
    fitted = minimize_scalar(loss, bounds=(edge, -edge), method="bounded", options=options)
    return float(np.exp(fitted.x))


def _log_sums(logits: Array) -> Array:
    """Return log(sum(exp(logits))) of each row, (m,)."""
    most = logits.max(axis=1)
    return np.asarray(most + np.log(np.exp(logits - most[:, None]).sum(axis=1)))


def log_losses(logits: Array, y_true: Array, temperature: float = 1.0) -> Array:
    """Return the log loss (m,) of each prediction, softmax(logits / temperature)."""
    scaled = logits / temperature
    return np.asarray(_log_sums(scaled) - scaled[np.arange(len(y_true)), y_true])


def tempered(logits: Array, temperature: float | Array = 1.0) -> Array:
    """Return softmax(logits / temperature), (m, k); a temperature for all or (m,) of each."""
    scaled = logits / np.reshape(temperature, (-1, 1))
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def cross_fitted(logits: Array, y_true: Array, unit: Array, fold: Array) -> Array:
    """Return for each prediction the temperature that the other folds have, (m,).

    Args:
        logits: (m, k).
        y_true: (m,) positions of the true classes.
        unit: (m,) the independent unit of each; all of a unit are in one fold.
        fold: (m,) the fold of each.
    """
    fitted = np.ones(len(fold))
    for each in np.unique(fold):
        rest = fold != each
        count = len(np.unique(unit[rest]))
        fitted[~rest] = temperature_of(logits[rest], y_true[rest], count)
    return fitted


def temperature_sentence(record: Mapping[str, Any]) -> str:
    """Say what a temperature does to held-out predictions, and whether it is kept."""
    before, after = (record["log_loss"][when] for when in ("before", "after"))
    where = "validation" if record["fitted_on"] == "valid" else "out-of-fold"
    if record["kept"]:
        done = f"logits are divided by the temperature {record['temperature']:.3g}"
    else:
        done = f"no temperature ({record['temperature']:.3g} is not clearly better than 1)"
    return (
        f"{done}: log loss {before:.4g} without it, {after:.4g} with it, cross-validated over "
        f"{record['units']} {where} {record['unit']}"
    )
