"""Thresholds of masks that miss at most a given share of a class.

Conformal risk control (Angelopoulos, Bates, Fisch, Lei and Schuster, 2024): with the largest
threshold at which the mean share of missed pixels of n held-out images, one more that misses all
among them, is at most a given share, so is the expected share of a new image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from mlzoo.statistics.scorers import Array

LEVELS = 401
"""Thresholds, evenly spaced from 0 to 1."""


class MissRateRecord(TypedDict):
    """`MissRates` as JSON."""

    images: int
    positive: int
    rates: list[float]


@dataclass(frozen=True)
class MissRates:
    """Shares of a class's pixels that thresholds of its probability miss.

    Attributes:
        images: held-out images that they are the mean of; without the class nothing is missed.
        positive: position of the class, of two.
        rates: (LEVELS,) at each threshold.
    """

    images: int
    positive: int
    rates: Array

    def threshold(self, most: float) -> float:
        """Return the largest threshold whose miss rate is controlled; 0 where there is none.

        Args:
            most: expected share of missed pixels in a new image.
        """
        controlled = (self.images * self.rates + 1) / (self.images + 1) <= most + 1e-9
        return float(np.flatnonzero(controlled).max() / (LEVELS - 1)) if controlled.any() else 0.0

    def record(self) -> MissRateRecord:
        """Return JSON-able values."""
        return {"images": self.images, "positive": self.positive, "rates": self.rates.tolist()}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> MissRates:
        """Restore what `record` returned.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        rates = np.array(record["rates"], "float64")
        if rates.shape != (LEVELS,):
            raise ValueError(f"rates have shape {rates.shape}")
        return cls(int(record["images"]), int(record["positive"]), rates)


def needed_images(most: float) -> int:
    """Return how many held-out images a miss rate needs."""
    return math.ceil(1 / most - 1e-9) - 1


def image_miss_rates(probabilities: Array) -> Array:
    """Return the share (LEVELS,) of a class's pixels whose probability is below each threshold.

    Args:
        probabilities: (m,) of the class, at the pixels that are of it; 0 everywhere for none.
    """
    if not len(probabilities):
        return np.zeros(LEVELS)
    thresholds = np.linspace(0, 1, LEVELS)
    below = np.searchsorted(np.sort(probabilities), thresholds, side="left")
    return np.asarray(below / len(probabilities))
