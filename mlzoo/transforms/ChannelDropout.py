"""Hold each channel at its mean with probability `share`; one channel at least stays."""

from __future__ import annotations

import numpy as np

from mlzoo.transforms._sequences import Change, Labels, Pair

KINDS = ("sequences",)


def build(share: float = 0.2) -> Change:
    """Return the change of a sequence."""

    def change(x: np.ndarray, labels: Labels, spread: np.ndarray, rng: np.random.Generator) -> Pair:
        channels = x.shape[1]
        gone = (rng.random(channels) < share) & (np.arange(channels) != rng.integers(channels))
        return np.where(gone & ~np.isnan(x), spread[0].astype(x.dtype), x), labels

    return change
