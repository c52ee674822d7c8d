"""Ablation-CAM: feature maps weighted by the log-odds lost when each is removed.

Desai and Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-
free Localization" (2020). Unlike in the paper, a weight is a loss of log-odds, not a share of the
score, which could be negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe

NEEDS_LAYER = True


class Config(Settings):
    """Settings of ablationcam; it has none."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return maps (n, height, width) of images, (n, steps) of sequences.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.
    """
    import numpy as np

    from mlzoo.introspection.resampling import positive

    values = model.features(x, target)[0]
    maps = []
    for i in range(len(x)):
        one = slice(i, i + 1)
        flat = values[i].reshape(-1, values.shape[-1])
        alive = np.flatnonzero(flat.any(axis=0))
        kept = np.ones((len(alive) + 1, values.shape[-1]), "float32")
        kept[np.arange(len(alive)) + 1, alive] = 0
        odds = model.ablated(x[one], target[one], kept)[0]
        maps.append(values[i][..., alive] @ (odds[0] - odds[1:]).astype("float32"))
    return model.upsample(positive(np.stack(maps)))
