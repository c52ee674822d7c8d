"""Drawing samples so that classes come equally often."""

from __future__ import annotations

import numpy as np


def balanced(classes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """As many positions as there are, drawn so that every class comes equally often."""
    distinct, counts = np.unique(classes, return_counts=True)
    chance = 1.0 / (len(distinct) * counts[np.searchsorted(distinct, classes)])
    return random.choice(len(classes), size=len(classes), p=chance / chance.sum())


def shuffled(classes: np.ndarray, sampler: str, seed: int, epoch: int) -> np.ndarray:
    """Positions of an epoch's samples: all of them shuffled, or as many drawn `balanced`."""
    random = np.random.default_rng([seed, epoch])
    return random.permutation(len(classes)) if sampler == "shuffle" else balanced(classes, random)
