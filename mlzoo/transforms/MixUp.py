"""A weighted mean of two samples and of their labels, the weight from Beta(alpha, alpha).

Zhang et al., "mixup: Beyond Empirical Risk Minimization" (2018). Here each pair of a batch draws
its own weight.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mlzoo.transforms._mixing import shares

KINDS = ("images", "tables")
MIXES = True


def build(alpha: float = 0.2) -> Callable[..., np.ndarray]:
    """Return what draws the share (n,) of each sample itself."""
    return lambda shape, rng: shares(shape[0], rng, alpha)
