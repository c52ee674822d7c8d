"""Stretch each channel about its mean by a smooth curve around 1, a spline through `knots`.

Um et al., "Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
Convolutional Neural Networks" (2017).
"""

from __future__ import annotations

import numpy as np

from mlzoo.transforms._sequences import Change, Labels, Pair, curve, stretched

KINDS = ("sequences",)


def build(sigma: float = 0.2, knots: int = 4) -> Change:
    """Return the change of a sequence."""

    def change(x: np.ndarray, labels: Labels, spread: np.ndarray, rng: np.random.Generator) -> Pair:
        return stretched(x, spread, curve(x.shape, sigma, knots, rng)), labels

    return change
