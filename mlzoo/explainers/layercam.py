"""LayerCAM: feature maps weighted at each location by its own positive gradient.

Jiang et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization" (2021). It
also works at early layers, whose maps are finer (`--layer`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe

NEEDS_LAYER = True


class Config(Settings):
    """Settings of layercam; it has none."""


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
    maps = np.einsum("n...c,n...c->n...", np.maximum(gradients, 0), values)
    return model.upsample(np.maximum(maps, 0))
