"""Add Gaussian noise of `sigma` standard deviations of each channel.

Um et al., "Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
Convolutional Neural Networks" (2017).
"""

from __future__ import annotations

import numpy as np

from mlzoo.transforms._sequences import Change, Labels, Pair

KINDS = ("sequences",)
KEEPS_FUTURE = True


def build(sigma: float = 0.05) -> Change:
    """Return the change of a sequence."""

    def change(x: np.ndarray, labels: Labels, spread: np.ndarray, rng: np.random.Generator) -> Pair:
        return x + (sigma * spread[1] * rng.standard_normal(x.shape)).astype(x.dtype), labels

    return change
