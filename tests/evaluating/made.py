"""Data made by hand: arrays split into three parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlzoo.data.samples import Data, Part, Samples
from mlzoo.data.specs import Inputs, Outputs


def make_data(inputs: Any, targets: np.ndarray, seed: int = 0, **samples: Any) -> Data:
    """60/20/20 at random; classification where the targets are integers."""
    integers = np.issubdtype(np.asarray(targets).dtype, np.integer)
    samples = {"task": "classification" if integers else "regression", **samples}
    if integers:
        samples.setdefault("class_names", tuple(f"c{i}" for i in range(targets.max() + 1)))
    found = Samples(inputs, targets, **samples)
    order = np.random.default_rng(seed).permutation(len(targets))
    cuts = int(0.6 * len(order)), int(0.8 * len(order))
    parts = [Part(found, np.sort(piece)) for piece in np.split(order, cuts)]
    return Data(
        found,
        *parts,
        inputs=Inputs(inputs.shape[1:], found.kind),
        outputs=Outputs(found.task, len(found.class_names) or 1),
        fingerprint="f" * 64,
    )
