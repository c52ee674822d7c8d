"""Add Gaussian noise of `sigma` standard deviations of each column; missing stays missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

KINDS = ("tables",)


def build(sigma: float = 0.05) -> Callable[..., np.ndarray]:
    """Return the change of a row; a category stays what it is."""

    def change(
        x: np.ndarray, spread: np.ndarray, numeric: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        noise = sigma * spread[1] * rng.standard_normal(x.shape)
        return np.where(numeric, x + noise, x).astype(x.dtype)

    return change
