"""What a score must beat: the majority class or the mean, and a linear model.

Both are fitted on the training part only. The linear model is logistic or ridge regression from
scikit-learn on standardised inputs with missing values imputed, bounded in cost: images are
averaged to 16x16 gray at most and training samples are subsampled; `note` says where that was
done, because a baseline on less data is a weaker one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.baselines._features import Features, chunks, featurise
from mlzoo.data.samples import Data, Part, Samples
from mlzoo.statistics.metrics import score

ROWS = 5000
"""Training samples that the linear model is fitted on, at most."""
LAZY_ROWS = 2000
"""The same where every sample is read from a file."""
CELLS = 5_000_000
"""Table cells that the linear model is fitted on, at most."""
ITERATIONS = 100
INVERSE_PENALTY = {"image": 0.1}
"""scikit-learn's `C`; pixels need more L2 penalty than its default of 1."""


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline: from inputs (n, *shape) to class probabilities or predictions."""

    predict: Callable[[np.ndarray], np.ndarray]
    note: str = ""


def baselines(data: Data, seed: int = 0, part: str = "test") -> dict[str, dict[str, Any]]:
    """Scores of the baselines on a part: {name: {metric: value, "note": text}}.

    The names are `majority` (classification) or `mean` (regression), and `linear`.
    """
    rows, fitted = data.parts()[part], fit(data, seed)
    outputs = outputs_of({name: base.predict for name, base in fitted.items()}, rows)
    return {
        name: {**score(data.samples.task, rows.targets, outputs[name]), "note": base.note}
        for name, base in fitted.items()
    }


def outputs_of(
    predictors: dict[str, Callable[[np.ndarray], np.ndarray]], rows: Part
) -> dict[str, np.ndarray]:
    """Outputs (n, k) of several predictors for all samples of a part, which is read once."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in predictors}
    for positions in chunks(rows):
        inputs = rows.inputs(positions)
        for name, predict in predictors.items():
            found[name].append(np.asarray(predict(inputs)))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def fit(data: Data, seed: int = 0) -> dict[str, Baseline]:
    """The baselines of a task, fitted on the training part.

    There is no `linear` one where the training samples are all of one class. One thread does the
    work: the matrices are small, and threads that wait for each other cost more than they bring.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):
        return _fit(data, seed)


def _fit(data: Data, seed: int) -> dict[str, Baseline]:
    if data.samples.task == "classification":
        found = {"majority": _constant(_shares(data))}
    else:
        found = {"mean": _constant(data.train.targets.reshape(len(data.train), -1).mean(axis=0))}
    linear = _linear(data, seed)
    return found if linear is None else {**found, "linear": linear}


def _shares(data: Data) -> np.ndarray:
    """The share of each class, whose largest is the majority class's."""
    counts = np.bincount(data.train.targets, minlength=len(data.samples.class_names))
    return counts / counts.sum()


def _constant(row: np.ndarray) -> Baseline:
    return Baseline(lambda inputs: np.tile(row, (len(inputs), 1)))


def _linear(data: Data, seed: int) -> Baseline | None:
    rows = _subsample(data, seed)
    features, shrunk = featurise(data, rows)
    matrix = np.concatenate([features(rows.inputs(s)) for s in chunks(rows)])
    if data.samples.task == "classification":
        predict, stopped = _logistic(matrix, rows.targets, data.samples)
    else:
        predict, stopped = _ridge(matrix, rows.targets), ""
    fewer = f"fitted on {len(rows):,} of {len(data.train):,} training samples"
    notes = [shrunk, fewer if len(rows) < len(data.train) else "", stopped]
    note = "; ".join(filter(None, notes))
    return None if predict is None else Baseline(lambda x: predict(features(x)), note)


def _subsample(data: Data, seed: int) -> Part:
    inputs = data.samples.inputs
    most = ROWS if isinstance(inputs, np.ndarray) else LAZY_ROWS
    if data.samples.columns:
        most = max(100, min(most, CELLS // len(data.samples.columns)))
    if len(data.train) <= most:
        return data.train
    drawn = np.random.default_rng([seed, 0xBA5E]).choice(len(data.train), most, replace=False)
    return Part(data.samples, data.train.indices[np.sort(drawn)])


def _logistic(
    matrix: np.ndarray, targets: np.ndarray, samples: Samples
) -> tuple[Features | None, str]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(targets)) < 2:
        return None, ""
    penalty = INVERSE_PENALTY.get(samples.kind, 1.0)
    model = _standardised(LogisticRegression(C=penalty, max_iter=ITERATIONS, tol=1e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(matrix, targets)
    steps = int(model[-1].n_iter_.max())
    stopped = f"stopped after {steps} iterations" if steps >= ITERATIONS else ""

    def predict(features: np.ndarray) -> np.ndarray:
        probabilities = np.zeros((len(features), len(samples.class_names)))
        probabilities[:, model.classes_] = model.predict_proba(features)
        return probabilities

    return predict, stopped


def _ridge(matrix: np.ndarray, targets: np.ndarray) -> Features:
    from sklearn.linear_model import Ridge

    model = _standardised(Ridge(solver="cholesky"))
    model.fit(matrix, targets.reshape(len(targets), -1))
    return lambda features: model.predict(features).reshape(len(features), -1)


def _standardised(model: Any) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(imputer, StandardScaler(), model)
