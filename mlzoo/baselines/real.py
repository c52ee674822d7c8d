"""Real samples of the validation split: what a perfect generative model would get."""

from __future__ import annotations

import numpy as np

from mlzoo.baselines._reconstructions import scaled_rows
from mlzoo.data.contracts import Baseline
from mlzoo.data.samples import Data

TARGETS = ("inputs per draw",)
LEARNS = False
FAST = True


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the sampler, which draws no sample twice; None without a validation split."""
    if not len(data.valid):
        return None
    rows = scaled_rows(data)
    order = np.random.default_rng(seed).permutation(len(data.valid))
    return Baseline(lambda positions: rows(data.valid.inputs(order[: len(positions)])))
