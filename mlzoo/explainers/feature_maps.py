"""Feature maps: a layer's channels for a sample, the most active first.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014). `--layer` names
the layer.
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
NEEDS_LAYER = True
MODEL = True


class Config(Settings):
    """Settings of feature_maps."""

    channels: int = Field(32, ge=1, le=1024)
    """Number of channels to show."""
    samples: int = Field(3, ge=1, le=64)
    """Number of samples to show."""


def explain(config: Config, model: Probe, x: np.ndarray, target: np.ndarray) -> list[Finding]:
    """Return the most active channels of the first samples as images.

    Args:
        config: settings of the method.
        model: the opened model.
        x: inputs (n, *shape).
        target: weights on the outputs (n, ..., k) that select what is explained.
    """
    import numpy as np

    from mlzoo.introspection.findings import Finding

    few = slice(0, config.samples)
    values = model.features(x[few], target[few])[0]
    name = model.layer.name if model.layer is not None else ""
    findings = []
    for i, one in enumerate(values):
        order = np.argsort(-one.mean(axis=(0, 1)), kind="stable")[: config.channels]
        findings.append(
            Finding(
                "images",
                f"layer {name}, sample {i + 1}: the {len(order)} most active channels",
                {"values": np.moveaxis(one[..., order], -1, 0)[..., None]},
                [str(channel) for channel in order],
                "each from its own least (dark) to its own largest value",
            )
        )
    return findings
