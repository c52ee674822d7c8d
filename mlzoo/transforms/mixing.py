"""Batches whose samples are mixed in pairs, and whose labels become shares of two classes.

MixUp: Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2018). CutMix: Yun et al.,
"CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features" (2019).
Here each pair of a batch draws its own share; a sample's partner is another of the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Mixed = tuple[np.ndarray, np.ndarray, np.ndarray]


def mixup(
    inputs: np.ndarray, partner: np.ndarray, rng: np.random.Generator, alpha: float = 0.2
) -> tuple[np.ndarray, np.ndarray]:
    """A weighted mean of two samples and of their labels, the weight from Beta(alpha, alpha).

    Returns:
        The mixed inputs, of the same type, and the share (n,) of each sample itself.
    """
    share = _shares(len(inputs), rng, alpha)
    weight = share.reshape(-1, *[1] * (inputs.ndim - 1)).astype(np.float32)
    mixed = weight * inputs + (1 - weight) * inputs[partner]
    whole = inputs.dtype.kind in "iu"
    return (np.rint(mixed) if whole else mixed).astype(inputs.dtype), share


def cutmix(
    inputs: np.ndarray, partner: np.ndarray, rng: np.random.Generator, alpha: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """A rectangle of another image pasted in; labels count by area, masks are pasted too.

    Its area is 1 - the weight from Beta(alpha, alpha), less what lies beyond the image's edge.

    Returns:
        Where each image (n, height, width) is its own and not its partner's, as booleans, and
        the share (n,) of its pixels.
    """
    count, height, width = inputs.shape[:3]
    kept = np.ones((count, height, width), dtype=bool)
    for each, share in enumerate(_shares(count, rng, alpha)):
        tall, wide = (side * np.sqrt(1 - share) / 2 for side in (height, width))
        y, x = rng.uniform(0, height), rng.uniform(0, width)
        top, bottom = (int(np.clip(round(v), 0, height)) for v in (y - tall, y + tall))
        left, right = (int(np.clip(round(v), 0, width)) for v in (x - wide, x + wide))
        kept[each, top:bottom, left:right] = False
    return kept, kept.mean(axis=(1, 2))


def _shares(count: int, rng: np.random.Generator, alpha: float) -> np.ndarray:
    """Each sample's own share, at least a half: pairs are the same either way round."""
    drawn = rng.beta(alpha, alpha, count)
    return np.maximum(drawn, 1 - drawn)


TRANSFORMS: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    "CutMix": cutmix,
    "MixUp": mixup,
}
