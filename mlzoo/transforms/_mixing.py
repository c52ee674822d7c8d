"""Shares of samples that are mixed in pairs."""

from __future__ import annotations

import numpy as np


def shares(count: int, rng: np.random.Generator, alpha: float) -> np.ndarray:
    """Return each sample's own share, at least a half: pairs are the same either way round."""
    drawn = rng.beta(alpha, alpha, count)
    return np.maximum(drawn, 1 - drawn)
