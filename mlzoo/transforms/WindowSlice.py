"""Take a stretch of a `share` of the steps, anywhere, and stretch it to the whole length.

Le Guennec et al., "Data Augmentation for Time Series Classification using Convolutional Neural
Networks" (2016).
"""

from __future__ import annotations

import numpy as np

from mlzoo.transforms._sequences import Change, Labels, Pair, at

KINDS = ("sequences",)


def build(share: float = 0.9) -> Change:
    """Return the change of a sequence."""

    def change(x: np.ndarray, labels: Labels, spread: np.ndarray, rng: np.random.Generator) -> Pair:
        length = max(2.0, share * len(x))
        start = rng.uniform(0, max(len(x) - length, 0))
        return at(x, labels, start + np.linspace(0, min(length, len(x)) - 1, len(x)))

    return change
