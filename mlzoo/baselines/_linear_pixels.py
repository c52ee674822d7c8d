"""Linear models of each pixel on its surroundings."""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._pixel_features import fit_pixels, slice_features
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

PIXELS = 20_000
"""Pixels that the linear model of fields is fitted on, about."""


def fit(data: Data, seed: int) -> Baseline:
    """Return logistic regression for masks, ridge regression for fields."""
    return _masks(data, seed) if data.samples.target.is_class else _fields(data, seed)


def _masks(data: Data, seed: int) -> Baseline:
    train, samples = data.train, data.samples
    linear = fit_pixels(
        map(train.image, range(len(train))),
        map(train.target, range(len(train))),
        len(samples.class_names),
        samples.maximum or 1.0,
        seed,
        depth=samples.reader.depth or 1,
    )
    return Baseline(linear.predict, linear.note)


def _fields(data: Data, seed: int) -> Baseline:
    train, depth = data.train, data.samples.reader.depth or 1
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng([seed, 0xF1E1D])
    features, values = [], []
    for position in range(len(train)):
        image, truth = train.image(position), train.target(position)
        flat = truth.reshape(-1, truth.shape[-1])
        known = np.flatnonzero(~np.isnan(flat).any(axis=1))
        some = rng.choice(known, min(len(known), PIXELS // len(train) + 1), replace=False)
        features.append(slice_features(image, 1.0, depth)[some])
        values.append(flat[some])
    model = make_pipeline(StandardScaler(), Ridge(solver="cholesky"))
    model.fit(np.concatenate(features), np.concatenate(values))

    def predict(image: np.ndarray) -> np.ndarray:
        features = slice_features(image, 1.0, depth)
        return model.predict(features).reshape(*image.shape[:2], -1)

    return Baseline(predict, f"fitted on {len(np.concatenate(values))} pixels")
