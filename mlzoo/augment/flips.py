"""Random flips and quarter turns of an image together with what stands at its pixels."""

from __future__ import annotations

import numpy as np


def flip(
    image: np.ndarray, target: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One of the eight symmetries of a square, drawn at random, for both alike.

    Pixels only change places, so every value of a mask stays what it is. Images that are not
    square are not turned by quarters, which would change their shape.

    Args:
        image: (height, width, channels).
        target: (height, width) or (height, width, fields).
        rng: where the choice comes from; one number is drawn.
    """
    choice = int(rng.integers(8))
    turns, mirror = choice >> 1, choice & 1
    if image.shape[0] != image.shape[1]:
        turns = 2 * (turns & 1)
    pair = []
    for array in (image, target):
        turned = np.rot90(array, turns)
        pair.append(turned[:, ::-1] if mirror else turned)
    return pair[0], pair[1]
