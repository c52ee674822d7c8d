"""A rectangle of another image pasted in; labels count by area, masks are pasted too.

Its area is 1 - the weight from Beta(alpha, alpha), less what lies beyond the image's edge: Yun et
al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features" (2019).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlzoo.transforms._mixing import shares

KINDS = ("images",)
MIXES = True
PASTES = True


def build(alpha: float = 1.0) -> Callable[..., np.ndarray]:
    """Return what draws where each image (n, height, width) is its own and not its partner's."""

    def own(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        count, height, width = shape[:3]
        kept = np.ones((count, height, width), dtype=bool)
        for each, share in enumerate(shares(count, rng, alpha)):
            tall, wide = (side * np.sqrt(1 - share) / 2 for side in (height, width))
            y, x = rng.uniform(0, height), rng.uniform(0, width)
            top, bottom = (int(np.clip(round(v), 0, height)) for v in (y - tall, y + tall))
            left, right = (int(np.clip(round(v), 0, width)) for v in (x - wide, x + wide))
            kept[each, top:bottom, left:right] = False
        return kept

    return own
