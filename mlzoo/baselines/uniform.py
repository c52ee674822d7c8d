"""Random actions, each as likely as the others."""

from __future__ import annotations

import numpy as np

from mlzoo.data.contracts import Baseline
from mlzoo.data.environments.environment import uniform_policy
from mlzoo.data.samples import Data

TARGETS = ("actions per episode",)
LEARNS = False
FAST = True


def fit(data: Data, seed: int) -> Baseline | None:
    """Return the policy."""
    environment = data.samples.environment
    if environment is None:
        return None
    return Baseline(uniform_policy(environment, np.random.default_rng([seed, 0xC3])))
