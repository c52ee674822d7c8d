"""What `--augment` chooses: how a training image and its mask are changed at random."""

from __future__ import annotations

import numpy as np

from mlzoo.augment.elastic import deform, tone
from mlzoo.augment.flips import flip


def augment(
    policy: str,
    image: np.ndarray,
    mask: np.ndarray,
    maximum: float | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Change an image and its mask as a policy says, both alike.

    Args:
        policy: `none`, `flips`, or `elastic`: flips, deformations, brightness and contrast.
        image: (height, width, channels).
        mask: (height, width) uint8; its values only change places.
        maximum: the largest value that a pixel can have; the smallest is 0. None: any value.
        rng: where all that is random comes from.
    """
    if policy == "none":
        return image, mask
    image, mask = flip(image, mask, rng)
    if policy == "elastic":
        image, mask = deform(image, mask, rng)
        image = tone(image, maximum, rng)
    return image, mask
