"""Random changes of a table's rows: noise on its numbers; a category stays what it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def gaussian_noise(
    x: np.ndarray,
    spread: np.ndarray,
    numeric: np.ndarray,
    rng: np.random.Generator,
    sigma: float = 0.05,
) -> np.ndarray:
    """Add Gaussian noise of `sigma` standard deviations of each column; missing stays missing.

    Args:
        x: (columns,) float32.
        spread: (2, columns) mean and standard deviation over the training part.
        numeric: (columns,) whether a column holds numbers, not positions of categories.
        rng: where the noise comes from.
        sigma: in standard deviations.
    """
    noise = sigma * spread[1] * rng.standard_normal(x.shape)
    return np.where(numeric, x + noise, x).astype(x.dtype)


TRANSFORMS: dict[str, Callable[..., np.ndarray]] = {"GaussianNoise": gaussian_noise}
