"""Predictions averaged over the symmetries of an image: test-time augmentation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Outputs = Callable[[np.ndarray], np.ndarray]


def averaged(outputs: Outputs, inputs: np.ndarray, dense: bool) -> np.ndarray:
    """Average the predictions for rotated and mirrored images (test-time augmentation).

    Squares have eight symmetries, other images four.

    Args:
        outputs: from images (n, height, width, channels) to the network's predictions.
        inputs: (n, height, width, channels) images.
        dense: True for predictions of every pixel, (n, height, width, k), which are rotated back;
            False for (n, k).
    """
    height, width = inputs.shape[1:3]
    turns = range(4) if height == width else (0, 2)
    total: np.ndarray | float = 0.0
    for turn in turns:
        for mirror in (False, True):
            transformed = np.rot90(inputs, turn, axes=(1, 2))
            transformed = transformed[:, :, ::-1] if mirror else transformed
            y_pred = outputs(np.ascontiguousarray(transformed)).astype(np.float32)
            if dense:
                y_pred = y_pred[:, :, ::-1] if mirror else y_pred
                y_pred = np.rot90(y_pred, -turn, axes=(1, 2))
            total = total + y_pred
    return np.asarray(total / (2 * len(turns)))
