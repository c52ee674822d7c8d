"""Ranks of scores with ties."""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import Array


def runs(scores: Array) -> tuple[Array, Array]:
    """Return the sorting order of scores, and the start of each run of equal scores in it."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    return order, np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
