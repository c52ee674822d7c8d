"""Predictions averaged over the symmetries of an image: test-time augmentation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Outputs = Callable[[np.ndarray], np.ndarray]


def averaged(outputs: Outputs, inputs: np.ndarray, dense: bool) -> np.ndarray:
    """The mean of what a network says of images turned and mirrored, turned back where it must.

    Squares have eight symmetries, other images four.

    Args:
        outputs: what the network says of (n, height, width, channels).
        inputs: the same.
        dense: whether it says something at every pixel, (n, height, width, k), rather than (n, k).
    """
    height, width = inputs.shape[1:3]
    turns = range(4) if height == width else (0, 2)
    total: np.ndarray | float = 0.0
    for turn in turns:
        for mirror in (False, True):
            seen = np.rot90(inputs, turn, axes=(1, 2))
            seen = seen[:, :, ::-1] if mirror else seen
            said = outputs(np.ascontiguousarray(seen)).astype(np.float32)
            if dense:
                said = said[:, :, ::-1] if mirror else said
                said = np.rot90(said, -turn, axes=(1, 2))
            total = total + said
    return np.asarray(total / (2 * len(turns)))
