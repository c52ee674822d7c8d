"""Stretch each channel about its mean by a factor from a normal distribution around 1.

About the mean and not about 0, so that a channel's offset does not change what it does. Um et al.,
"Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using Convolutional
Neural Networks" (2017).
"""

from __future__ import annotations

import numpy as np

from mlzoo.transforms._sequences import Change, Labels, Pair, stretched

KINDS = ("sequences",)


def build(sigma: float = 0.1) -> Change:
    """Return the change of a sequence."""

    def change(x: np.ndarray, labels: Labels, spread: np.ndarray, rng: np.random.Generator) -> Pair:
        return stretched(x, spread, rng.normal(1, sigma, (1, x.shape[1]))), labels

    return change
