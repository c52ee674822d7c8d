"""Scores of masks whose pixels count as right within a distance of the true ones.

The mean over the classes but the most common one, the background, all of whose pixels lie close to
one another: of two classes the score of the rarer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlzoo.statistics.scorers import Array, Scorer, mean_defined, summed


def foreground_mean(counts: Any, of_class: Callable[[Array], Array]) -> Scorer | None:
    """Return the mean of a score of each class, as a function of weights over images.

    Args:
        counts: (n, k, 4) of `boundaries.tolerant_counts`; anything else where nothing was counted.
        of_class: from sums (b, k, 4) to scores (b, k).

    Returns:
        None where nothing was counted.
    """
    if not isinstance(counts, np.ndarray):
        return None
    background = counts[..., 3].sum(axis=0).argmax()
    return summed(np.delete(counts, background, axis=1), lambda sums: mean_defined(of_class(sums)))
