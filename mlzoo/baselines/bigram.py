"""Bigram frequencies of characters, with add-one smoothing."""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._characters import counted
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("classes per token",)
LEARNS = True
FAST = True


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the shares of what follows each character."""
    if not len(data.train):
        return None
    _, pairs = counted(data)
    return Baseline(
        lambda window: pairs[np.nan_to_num(window[:, 0], nan=0).astype(int)],
        "how often each follows the last one, each pair counted once more",
    )
