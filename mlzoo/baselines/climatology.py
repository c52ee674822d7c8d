"""Normal distribution of the training targets, everywhere, beside models that predict one."""

from __future__ import annotations

import numpy as np

from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("numbers per sample",)
LEARNS = False
FAST = True


def fit(data: Data, seed: int) -> Baseline | None:
    """Return mean and standard deviation (n, 2, k); None beside models of points or quantiles."""
    outputs = data.outputs
    if not outputs.distribution or outputs.quantiles or not len(data.train):
        return None
    moments = np.stack([outputs.mean, outputs.std])
    return Baseline(lambda inputs: np.tile(moments, (len(inputs), 1, 1)))
