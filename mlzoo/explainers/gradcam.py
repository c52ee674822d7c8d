"""Grad-CAM: the last feature maps weighted by their mean gradients for a class.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization"
(2017). The map is upsampled around the centers of its cells. For a U-Net it is the Seg-Grad-CAM of
Vinogradova, Dibrov and Myers (2020).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe

NEEDS_LAYER = True


class Config(Settings):
    """Settings of gradcam."""

    relu: bool = True
    """Keep only positive evidence, as in the paper; a map without any stays negative."""


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

    values, gradients = model.features(x, target)
    places = tuple(range(1, values.ndim - 1))
    weights = gradients.mean(axis=places, dtype="float64")
    maps = np.einsum("n...c,nc->n...", values, weights.astype("float32"))
    return model.upsample(positive(maps) if config.relu else maps)
