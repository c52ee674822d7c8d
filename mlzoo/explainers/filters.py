"""Filters: the first layer's weights as images, the most important for the target first.

Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks"
(2012), figure 3. Shown are the kernels of a convolution, or each unit's weights in the image's
shape for a dense layer on an image. Importance is activation times the target's gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.findings import Finding
    from mlzoo.introspection.probe import Probe

KINDS = ("image",)
MODEL = True
OF_TARGET = True


class Config(Settings):
    """Settings of filters."""

    units: int = Field(32, ge=1, le=1024)
    """Number of filters or units to show."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return the first layer's weights as images, one per filter or unit.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.

    Raises:
        UsageError: the first layer with weights is neither a convolution nor dense.
    """
    import numpy as np

    from mlzoo.core.errors import UsageError
    from mlzoo.introspection.findings import Finding

    layer = model.first_layer()
    weights = np.asarray(layer.kernel) if hasattr(layer, "kernel") else np.zeros(0)
    if weights.ndim == 4:
        images = np.moveaxis(weights, -1, 0)
    elif weights.ndim == 2 and weights.shape[0] == np.prod(model.shape):
        images = weights.T.reshape(-1, *model.shape)
    else:
        raise UsageError(f"layer {layer.name} has no weights that are images")
    values, gradients = model.features(x, target, layer)
    worth = (values * gradients).reshape(-1, values.shape[-1])
    worth = worth.sum(axis=0, dtype="float64") / len(x)
    order = np.argsort(-worth, kind="stable")[: config.units]
    return [
        Finding(
            "images",
            f"weights of layer {layer.name}, what speaks most for the target first",
            {"values": images[order]},
            [f"{unit}: {worth[unit]:.2g}" for unit in order],
            "numbers are activation times gradient, a mean over the samples",
        )
    ]
