"""Drawing samples so that classes come equally often."""

from __future__ import annotations

import numpy as np


def balanced(classes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """As many positions as there are, drawn so that every class comes equally often."""
    found, counts = np.unique(classes, return_counts=True)
    chance = 1.0 / (len(found) * counts[np.searchsorted(found, classes)])
    return random.choice(len(classes), size=len(classes), p=chance / chance.sum())
