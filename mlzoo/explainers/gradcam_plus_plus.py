"""Grad-CAM++: Grad-CAM with pixel-wise weights that count every instance of a class.

Chattopadhyay et al., "Grad-CAM++: Improved Visual Explanations for Deep Convolutional Networks"
(2018). The paper's factor exp(score) only scales a whole map and overflows, so it is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe

NEEDS_LAYER = True


class Config(Settings):
    """Settings of gradcam_plus_plus; it has none."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return maps (n, height, width) of images, (n, steps) of sequences.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.
    """
    import numpy as np

    values, gradients = model.features(x, target)
    pairs = zip(values, gradients, strict=True)
    return model.upsample(np.maximum(np.stack([_map(*pair) for pair in pairs]), 0))


def _map(values: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Return one sample's map (...) from its features and gradients (..., channels)."""
    import numpy as np

    places = tuple(range(values.ndim - 1))
    # a = g^2 / (2 g^2 + sum(A) g^3), with g^2 cancelled.
    below = gradients * values.sum(axis=places)
    below += 2
    below[below == 0] = 1
    weights = (np.maximum(gradients, 0) / below).sum(axis=places)
    return values @ weights
