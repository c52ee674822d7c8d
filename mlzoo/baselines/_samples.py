"""Baselines that fit a scikit-learn model on one row of features per sample.

Images are averaged to 16x16 gray at most, sequences become summaries of their channels, and
training samples are subsampled. A note tells so, because a baseline with less data is weaker.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlzoo.baselines._features import Features, featurize
from mlzoo.data.contracts import Baseline
from mlzoo.data.large_tables.rows import TableRows
from mlzoo.data.samples import Data, Part

LAZY_ROWS = 2000
"""Maximum number of training samples if each is read from a file."""
CELLS = 5_000_000
"""Maximum number of table cells that a model is fitted on."""


@dataclass(frozen=True)
class Estimator:
    """A scikit-learn model and the note on it once fitted.

    Attributes:
        model: with `fit` and `predict` or `predict_proba`; it takes features without missing
            values unless `missing`.
        note: returns the note on the fitted model, or "".
        missing: whether the model handles NaN itself.
    """

    model: Any
    note: Callable[[Any], str] = lambda model: ""
    missing: bool = False


def fit_samples(
    data: Data,
    seed: int,
    rows: int,
    make: Callable[[], Estimator],
    of_inputs: tuple[Features, str] | None = None,
) -> Baseline | None:
    """Fit a model on features of the training samples.

    Args:
        data: its training split is fitted on.
        seed: of the draw of samples.
        rows: maximum number of samples.
        make: returns the model.
        of_inputs: features of raw inputs, and a note on them; by default those of `featurize`.

    Returns:
        None without training samples, or if they are all of one class.
    """
    if not len(data.train):
        return None
    part = subsample(data, seed, rows)
    classes, labels = data.samples.target.is_class, data.samples.target.is_label_set
    if classes and len(np.unique(part.targets)) < 2:
        return None
    features, shrunk = of_inputs or featurize(part)
    matrix = np.concatenate([features(part.inputs(s)) for s in part.chunks()])
    chosen = make()
    model = chosen.model if chosen.missing else _imputed(chosen.model)
    targets = part.targets if classes else part.targets.reshape(len(part), -1)
    matrix[:, np.isnan(matrix).all(axis=0)] = 0  # histograms need a value in each column
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the note tells of missing convergence
        model.fit(matrix, targets if classes or targets.shape[1] > 1 else targets[:, 0])
    fewer = f"fitted on {len(part):,} of {len(data.train):,} training samples"
    notes = [shrunk, fewer if len(part) < len(data.train) else "", chosen.note(model)]

    def predict(inputs: np.ndarray) -> np.ndarray:
        x = features(inputs)
        if labels and hasattr(model, "predict_proba"):
            return np.asarray(model.predict_proba(x))
        if not classes:
            return np.asarray(model.predict(x)).reshape(len(x), -1)
        probabilities = np.zeros((len(x), len(data.samples.class_names)))
        probabilities[:, model.classes_] = model.predict_proba(x)
        return probabilities

    return Baseline(predict, "; ".join(filter(None, notes)))


def subsample(data: Data, seed: int, rows: int) -> Part:
    """Return the training split, or a part of it that is drawn with the seed.

    Args:
        data: samples in three splits.
        seed: of the draw.
        rows: maximum number of samples.
    """
    quick = isinstance(data.samples.inputs, np.ndarray | TableRows)
    most = rows if quick else min(rows, LAZY_ROWS)
    if data.samples.columns:
        most = max(100, min(most, CELLS // len(data.samples.columns)))
    if len(data.train) <= most:
        return data.train
    drawn = np.random.default_rng([seed, 0xBA5E]).choice(len(data.train), most, replace=False)
    return Part(data.samples, data.train.indices[np.sort(drawn)])


def _imputed(model: Any) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(imputer, StandardScaler(), model)
