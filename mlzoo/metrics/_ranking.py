"""Areas under curves of ranked scores, ties taken together."""

from __future__ import annotations

import numpy as np

from mlzoo.statistics.scorers import Array, Scorer, ratio


def runs(scores: Array) -> tuple[Array, Array]:
    """Return the sorting order of scores, and the start of each run of equal scores in it."""
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    return order, np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])


def precision_area(scores: Array, positive: Array) -> Scorer:
    """Return the mean precision over thresholds, weighted by the gain in recall.

    Args:
        scores: (n,) the higher, the likelier.
        positive: (n,) which samples are what is looked for.
    """
    order, starts = runs(-scores)
    relevant = positive[order].astype("float64")

    def area(weights: Array) -> Array:
        weights = weights[:, order]
        true_positives = np.add.reduceat(weights * relevant, starts, axis=1)
        chosen = np.cumsum(np.add.reduceat(weights, starts, axis=1), axis=1)
        precision = np.cumsum(true_positives, axis=1) / np.maximum(chosen, 1e-300)
        return ratio((true_positives * precision).sum(axis=1), true_positives.sum(axis=1))

    return area


def roc_area(scores: Array, positive: Array) -> Scorer:
    """Return the share of pairs of samples that are ranked correctly, ties counting half.

    Args:
        scores: (n,) the higher, the likelier.
        positive: (n,) which samples are what is looked for.
    """
    order, starts = runs(scores)
    above = positive[order].astype("float64")

    def area(weights: Array) -> Array:
        weights = weights[:, order]
        up = np.add.reduceat(weights * above, starts, axis=1)
        down = np.add.reduceat(weights * (1 - above), starts, axis=1)
        below = np.cumsum(down, axis=1) - down / 2
        return ratio((up * below).sum(axis=1), up.sum(axis=1) * down.sum(axis=1))

    return area
