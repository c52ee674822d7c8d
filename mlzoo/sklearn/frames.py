"""Rows of scikit-learn's callers as the columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

from mlzoo.data.tables.cells import MISSING


def frame_and_target(
    estimator: BaseEstimator, X: Any, y: Any, numeric: bool = False
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return checked columns and targets (rows,) to fit an estimator on."""
    if _has_text(X):
        frame = frame_of(estimator, X, reset=True)
        y = column_or_1d(y, warn=True)
        if len(frame) != len(y):
            raise ValueError(f"X has {len(frame)} rows, but y has {len(y)} targets")
    else:
        X, y = validate_data(
            estimator, X, y, ensure_all_finite="allow-nan", ensure_min_samples=2, y_numeric=numeric
        )
        frame = _columns(estimator, X)
    return frame, y


def frame_of(estimator: BaseEstimator, X: Any, reset: bool) -> pd.DataFrame:
    """Return checked columns; with `reset` their names and number are remembered."""
    if _has_text(X):
        validate_data(estimator, X, skip_check_array=True, reset=reset)
        return pd.DataFrame(X).rename(columns=str).reset_index(drop=True)
    X = validate_data(estimator, X, ensure_all_finite="allow-nan", reset=reset)
    return _columns(estimator, X)


def weighted(
    frame: pd.DataFrame, y: np.ndarray, weights: Any
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray | None]:
    """Return columns, targets and checked weights (rows,) of the rows that weigh more than 0.

    Args:
        frame: columns.
        y: (rows,) targets.
        weights: (rows,), one for all, or None.

    Raises:
        ValueError: they are no finite numbers from 0 on, of another number, or all 0.
    """
    if weights is None:
        return frame, y, None
    weights = _check_sample_weight(weights, y, dtype="float64", ensure_non_negative=True)
    used = weights > 0
    if not used.any():
        raise ValueError("sample_weight is 0 for all rows; none is left to train on")
    return frame[used].reset_index(drop=True), y[used], weights[used]


def _columns(estimator: BaseEstimator, X: np.ndarray) -> pd.DataFrame:
    """Return numbers (rows, columns) as columns with the names that the estimator knows."""
    names = getattr(estimator, "feature_names_in_", None)
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])] if names is None else names)


def _has_text(X: Any) -> bool:
    """Return whether X is a DataFrame with a column that does not hold numbers."""
    if not isinstance(X, pd.DataFrame):
        return False
    return not all(pd.api.types.is_numeric_dtype(kind) for kind in X.dtypes)


def unused(name: str, frame: pd.DataFrame) -> str:
    """Return a name that no column has."""
    while name in frame.columns:
        name += "_"
    return name


def class_names(labels: np.ndarray) -> list[str]:
    """Return the names that labels have in a run: words as they are, numbers behind `class`."""
    words = all(isinstance(label, str) and label.isidentifier() for label in labels)
    missing = any(str(label).lower() in MISSING for label in labels)
    return [str(label) if words and not missing else f"class {label}" for label in labels]
