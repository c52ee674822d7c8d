"""Gradient boosting and a forest at their defaults, on splits that a benchmark has written.

Runs in an environment of its own: `python tables.py SPLITS.npz ...` prints a JSON object a file,
{method: score}, the log loss of classes or the root mean squared error of numbers on the test rows.
"""

from __future__ import annotations

import json
import sys
import warnings

import numpy as np
from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

SMALLEST = 1e-7
"""Probabilities are at least this: a forest may give none to the true class."""


def methods(classes: bool, categories: list[int]) -> dict[str, object]:
    """Return the methods; CatBoost is told the categories, the others get what they take."""
    cat = {"verbose": 0, "random_seed": 0, "allow_writing_files": False, "cat_features": categories}
    boosting = {"random_state": 0, "categorical_features": categories or None}
    if classes:
        return {
            "catboost": CatBoostClassifier(**cat),
            "lightgbm": LGBMClassifier(verbose=-1, random_state=0),
            "boosting": HistGradientBoostingClassifier(**boosting),
            "forest": RandomForestClassifier(random_state=0),
        }
    return {
        "catboost": CatBoostRegressor(**cat),
        "lightgbm": LGBMRegressor(verbose=-1, random_state=0),
        "boosting": HistGradientBoostingRegressor(**boosting),
        "forest": RandomForestRegressor(random_state=0),
    }


def inputs(x: np.ndarray, categorical: np.ndarray, train: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each method reads: CatBoost text, the forest one-hot columns and medians."""
    words = x.astype(object)
    for column in np.flatnonzero(categorical):
        words[:, column] = [str(int(v)) if v == v else "missing" for v in x[:, column]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns without a value
        medians = np.nan_to_num(np.nanmedian(x[train], axis=0))
    filled = np.where(np.isnan(x), medians, x)
    columns = [
        x[:, [column]] == np.unique(x[train, column][x[train, column] >= 0])
        if categorical[column]
        else filled[:, [column]]
        for column in range(x.shape[1])
    ]
    numbers = np.where(categorical & (x < 0), np.nan, x)
    one_hot = np.concatenate(columns, axis=1).astype("float64")
    return {"catboost": words, "lightgbm": numbers, "boosting": numbers, "forest": one_hot}


def scores(path: str) -> dict[str, float]:
    """Fit every method on the training rows of a file, and score it on the test rows."""
    with np.load(path, allow_pickle=False) as file:
        x, y, categorical = file["x"], file["y"], file["categorical"]
        train, test, classes = file["train"], file["test"], bool(file["classes"])
    rows = inputs(x, categorical, train)
    found = {}
    for name, model in methods(classes, np.flatnonzero(categorical).tolist()).items():
        model.fit(rows[name][train], y[train])
        if classes:
            shares = np.zeros((len(test), int(y.max()) + 1))
            shares[:, model.classes_.astype(int)] = model.predict_proba(rows[name][test])
            truth = np.clip(shares[np.arange(len(test)), y[test]], SMALLEST, 1)
            found[name] = float(-np.log(truth).mean())
        else:
            found[name] = float(np.sqrt(((model.predict(rows[name][test]) - y[test]) ** 2).mean()))
    return found


if __name__ == "__main__":
    for path in sys.argv[1:]:
        print(json.dumps(scores(path)), flush=True)
