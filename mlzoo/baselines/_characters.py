"""Counts of characters and of pairs of them."""

from __future__ import annotations

import numpy as np

from mlzoo.data.samples import Data
from mlzoo.data.specs import IGNORED


def counted(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of characters (k,), and of what follows each (k, k), in training."""
    classes = len(data.samples.class_names)
    pairs = np.ones((classes, classes))
    for i in range(len(data.train)):
        before, after = data.train.image(i)[:, 0], data.train.target(i)
        known = ~np.isnan(before) & (after != IGNORED)
        np.add.at(pairs, (before[known].astype(int), after[known]), 1)
    single = pairs.sum(axis=0)
    return single / single.sum(), pairs / pairs.sum(axis=1, keepdims=True)
