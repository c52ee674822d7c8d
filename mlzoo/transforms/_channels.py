"""Images of any number of channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def by_four(change: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> np.ndarray:
    """Apply to any number of channels what OpenCV does to four at most."""
    channels = 1 if image.ndim == 2 else image.shape[2]
    if channels <= 4:
        return change(np.ascontiguousarray(image))
    groups = np.split(image, range(4, channels, 4), axis=2)
    return np.concatenate([change(np.ascontiguousarray(group)) for group in groups], axis=2)
