"""MiniRocket: fixed convolution kernels of sequences, and ridge regression on their features."""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._convolution_kernels import fit_kernels
from mlzoo.baselines._ridge_features import fit_ridge
from mlzoo.baselines._samples import subsample
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("classes per sample", "numbers per sample")
LEARNS = True
FAST = False
ROWS = 2000
"""Training samples that it is fitted on, at most."""
FEATURES = 84 * 119
"""Features, as its authors have; fewer where sequences are long."""
RESPONSES = 5_000_000_000
"""Responses that are compared with a bias, at most, over all training samples and features."""


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the classifier or regression; None for other samples than sequences.

    Dempster, Schmidt and Webb, "MiniRocket: A Very Fast (Almost) Deterministic Transform for Time
    Series Classification", 2021. The penalty minimizes the leave-one-out error; probabilities are
    those of the temperature that leave-one-out predictions have.
    """
    samples, target = data.samples, data.samples.target
    shape = samples.inputs.shape[1:]
    if samples.kind != "sequence" or len(shape) != 2 or not len(data.train):
        return None
    part = subsample(data, seed, ROWS)
    classes = len(samples.class_names) if target.is_class else 0
    if classes and len(np.unique(part.targets)) < 2:
        return None
    sequences = np.asarray(part.inputs())
    count = int(min(FEATURES, RESPONSES // (len(part) * sequences.shape[1])))
    rng = np.random.default_rng([seed, 0xC0])
    kernels = fit_kernels(sequences, count, rng)
    ridge = fit_ridge(kernels.features(sequences), part.targets, classes)
    fewer = f"fitted on {len(part):,} of {len(data.train):,} training samples"
    note = fewer if len(part) < len(data.train) else ""
    return Baseline(lambda inputs: ridge.predict(kernels.features(inputs)), note)
