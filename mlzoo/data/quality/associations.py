"""Strength of the association between each column of a table and the target."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from mlzoo.data.samples import Samples

_FEWEST = 3
"""Rows with a value below which no strength is given."""


class Association(TypedDict):
    """A column, the measure, its value, and the rows that it was measured on."""

    column: str
    measure: str
    value: float
    rows: int


def associations(samples: Samples) -> list[Association]:
    """Return how strongly each column goes with the target, the strongest first.

    Pearson's correlation (-1 to 1) of two numbers, the correlation ratio (0 to 1) of a number and
    categories, Cramer's V (0 to 1) of two categories. Missing values are left out. Empty without
    columns, or with another target than one class or one number a sample.

    Sources:
        R. A. Fisher, Statistical Methods for Research Workers, 1925 (correlation ratio).
        H. Cramer, Mathematical Methods of Statistics, 1946, p. 282.
    """
    target = samples.target
    if not samples.columns or samples.labels.ndim > 1:
        return []
    if not (target.sample_class or target.sample_numbers):
        return []
    matrix, labels = np.asarray(samples.inputs[:], np.float64), samples.labels
    rows: list[Association] = []
    for index, column in enumerate(samples.columns):
        values, categorical = matrix[:, index], bool(column.categories)
        known = values >= 0 if categorical else ~np.isnan(values)
        if column.hashed or known.sum() < _FEWEST:
            continue
        values, goals = values[known], labels[known]
        if categorical and target.sample_class:
            measure, value = "Cramer's V", cramers_v(values.astype(int), goals.astype(int))
        elif categorical:
            measure = "correlation ratio"
            value = correlation_ratio(goals.astype(np.float64), values.astype(int))
        elif target.sample_class:
            measure = "correlation ratio"
            value = correlation_ratio(values, goals.astype(int))
        else:
            measure, value = "Pearson's r", pearson(values, goals.astype(np.float64))
        rows.append(
            {"column": column.name, "measure": measure, "value": value, "rows": int(known.sum())}
        )
    return sorted(rows, key=lambda row: -abs(row["value"]))


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of two columns (n,) of numbers; 0 where one is constant."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum() / scale) if scale > 0 else 0.0


def correlation_ratio(values: np.ndarray, groups: np.ndarray) -> float:
    """Return the root of the share of the variance that lies between groups, 0 to 1.

    Args:
        values: (n,) numbers.
        groups: (n,) whole numbers from 0 on.
    """
    counts = np.bincount(groups)
    centered = values - values.mean()
    sums = np.bincount(groups, centered)
    between = float((sums[counts > 0] ** 2 / counts[counts > 0]).sum())
    total = float((centered**2).sum())
    return min(float(np.sqrt(between / total)), 1.0) if total > 0 else 0.0


def cramers_v(a: np.ndarray, b: np.ndarray) -> float:
    """Return Cramer's V of two columns (n,) of whole numbers from 0 on; 0 where one is constant."""
    table = np.zeros((int(a.max()) + 1, int(b.max()) + 1))
    np.add.at(table, (a, b), 1)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    least = min(table.shape) - 1
    if least < 1:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return min(float(np.sqrt(statistic / table.sum() / least)), 1.0)
