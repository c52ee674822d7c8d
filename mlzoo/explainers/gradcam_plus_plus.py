"""Grad-CAM++: Grad-CAM whose weights count every instance of what speaks for a class.

Chattopadhyay et al., "Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks"
(2018). The paper's factor exp(score) scales a whole map, so it is left out: it only overflows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlzoo.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.explaining.engine.probe import Probe

NEEDS_LAYER = True


class Config(Settings):
    """Settings of gradcam_plus_plus; it has none."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Maps (n, height, width) of images, (n, steps) of sequences."""
    import numpy as np

    values, gradients = model.features(x, target)
    places = tuple(range(1, values.ndim - 1))
    totals = values.sum(axis=places, keepdims=True)
    # a = g^2 / (2 g^2 + sum(A) g^3), with g^2 cancelled.
    below = 2 + totals * gradients
    below[below == 0] = 1
    weights = (np.maximum(gradients, 0) / below).sum(axis=places)
    maps = np.einsum("n...c,nc->n...", values, weights)
    return model.upsample(np.maximum(maps, 0))
