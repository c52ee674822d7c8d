"""Decisions of a classifier that cost least, where mistakes differ in cost.

The class with the least expected cost under the predicted probabilities is decided for; of two
classes that is a threshold on the probability of one (Elkan, The Foundations of Cost-Sensitive
Learning, 2001), which is chosen on held-out samples, so that it is right where probabilities are
not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlzoo.statistics.scorers import Array


@dataclass(frozen=True)
class Decision:
    """A rule from probabilities to classes.

    Attributes:
        costs: (k, k) cost of deciding for a class (column) where another (row) is true.
        positive: of two classes the one that the threshold is for.
        threshold: probability of that class from which on it is decided for; None with more
            classes, where the expected cost decides.
    """

    costs: Array
    positive: int = 1
    threshold: float | None = None

    def decide(self, probabilities: Array) -> Array:
        """Return the positions (n,) of the classes that are decided for.

        Args:
            probabilities: (n, k) of each class.
        """
        if self.threshold is None:
            return np.asarray((probabilities @ self.costs).argmin(axis=1))
        chosen = probabilities[:, self.positive] >= self.threshold
        return np.where(chosen, self.positive, 1 - self.positive)

    def cost(self, y_true: Array, decided: Array) -> Array:
        """Return the cost (n,) of each decision."""
        return np.asarray(self.costs[y_true, decided])


def ratio_costs(ratio: float, positive: int) -> Array:
    """Return the costs (2, 2) of two classes.

    Args:
        ratio: cost of a miss, over that of a false alarm, which is 1.
        positive: the class that is missed.
    """
    costs = np.zeros((2, 2))
    costs[positive, 1 - positive], costs[1 - positive, positive] = ratio, 1.0
    return costs


def even_threshold(costs: Array, positive: int) -> float:
    """Return the probability at which both decisions cost the same, where probabilities are right.

    Args:
        costs: (2, 2); a mistake costs more than a right decision.
        positive: the class that the probability is of.
    """
    other = 1 - positive
    miss = costs[positive, other] - costs[positive, positive]
    false_alarm = costs[other, positive] - costs[other, other]
    return float(false_alarm / (miss + false_alarm))


def costs_by_threshold(
    costs: Array, positive: int, probabilities: Array, y_true: Array
) -> tuple[Array, Array]:
    """Return thresholds (t,), ascending, and the mean cost (t,) of deciding by each.

    The thresholds lie midway between probabilities that occur, with 0 and one above 1 at the ends.

    Args:
        costs: (2, 2).
        positive: the class that the probabilities are of.
        probabilities: (n,) of the class `positive`.
        y_true: (n,) true classes.
    """
    order = np.argsort(probabilities, kind="stable")
    p, y = probabilities[order], y_true[order]
    gain = costs[y, 1 - positive] - costs[y, positive]  # of not deciding for the class
    total = costs[y, positive].sum() + np.concatenate([[0.0], np.cumsum(gain)])
    apart = np.concatenate([[True], np.diff(p) > 0, [True]])
    middle = np.concatenate([[0.0], (p[1:] + p[:-1]) / 2, [np.nextafter(1.0, 2.0)]])
    return middle[apart], total[apart] / len(p)


def chosen_threshold(costs: Array, positive: int, probabilities: Array, y_true: Array) -> float:
    """Return the threshold that costs least on held-out samples.

    Of several the one nearest to `even_threshold`; arguments are those of `costs_by_threshold`.
    """
    thresholds, mean = costs_by_threshold(costs, positive, probabilities, y_true)
    expected = even_threshold(costs, positive)
    least = np.flatnonzero(mean <= mean.min() + 1e-12)
    # All values between two probabilities that occur decide the same: the nearest is taken.
    p = np.unique(probabilities)
    ends = np.concatenate([[0.0], p, [np.nextafter(1.0, 2.0)]])
    low, high = np.nextafter(ends[:-1], 2.0), ends[1:]
    low[0] = 0.0
    nearest = np.clip(expected, low[least], high[least])
    return float(nearest[np.abs(nearest - expected).argmin()])
