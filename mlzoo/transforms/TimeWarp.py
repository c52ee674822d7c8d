"""Let time run faster and slower along a smooth curve; both ends stay where they are.

Um et al., "Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
Convolutional Neural Networks" (2017).
"""

from __future__ import annotations

import numpy as np

from mlzoo.transforms._sequences import Change, Labels, Pair, at, curve

KINDS = ("sequences",)


def build(sigma: float = 0.2, knots: int = 4) -> Change:
    """Return the change of a sequence."""

    def change(x: np.ndarray, labels: Labels, spread: np.ndarray, rng: np.random.Generator) -> Pair:
        run = np.cumsum(np.maximum(curve((len(x),), sigma, knots, rng), 0.1))
        where = (run - run[0]) / max(float(run[-1] - run[0]), 1e-12) * (len(x) - 1)
        return at(x, labels, where)

    return change
