"""Score-CAM: feature maps weighted by the model's score for the input masked with each map.

Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks"
(2020). Unlike in the paper, by default the hidden part of an input is blurred, not black, and a
map's weight is the gain in log-odds over the blurred input, so that the weights follow the
classifier's head. If the blurred input is already classified as the class and every map lowers its
log-odds, weights are relative to the map that lowers them most. `variant` has the weights of the
paper and of other packages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mlzoo.core.configs import Settings

if TYPE_CHECKING:
    import numpy as np

    from mlzoo.introspection.probe import Probe

NEEDS_LAYER = True


class Config(Settings):
    """Settings of scorecam."""

    variant: Literal["odds", "paper", "logit", "tf-keras-vis"] = "odds"
    """odds: log-odds gained over a blurred input; paper: softmax over channels of the probability
    gained over black; logit: softmax over channels of the logit; tf-keras-vis: that package's."""
    channels: float = Field(0.95, gt=0, le=1)
    """Evaluate the fewest channels that hold this share of an image's positive gradient times
    activation; 1: all channels."""
    max_n: int | None = Field(None, ge=1)
    """Evaluate this number of channels of each image instead, those of the largest spread."""


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
    black = config.variant != "odds"
    other = np.zeros_like(model.enter(x)) if black else model.baseline(x)
    maps = []
    for i in range(len(x)):
        one = slice(i, i + 1)
        chosen = _chosen(config, values[i], gradients[i])
        masks = _normalized(np.moveaxis(values[i][..., chosen], -1, 0))
        weights = _weights(config, model, x[one], target[one], masks, other[one])
        kept = np.moveaxis(values[i][..., chosen], -1, 0)
        maps.append(np.einsum("c...,c->...", kept, weights.astype("float32")))
    return model.upsample(positive(np.stack(maps)))


def _chosen(config: Config, values: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Return the channels of one image that are evaluated, without constant ones."""
    import numpy as np

    flat, slopes = values.reshape(-1, values.shape[-1]), gradients.reshape(-1, values.shape[-1])
    alive = np.flatnonzero(np.ptp(flat, axis=0) > 0)
    if config.max_n is not None:
        spread = flat[:, alive].std(axis=0, dtype="float64")
        return np.sort(alive[np.argsort(-spread, kind="stable")[: config.max_n]])
    energy = np.maximum(flat * slopes, 0)[:, alive].sum(axis=0, dtype="float64")
    if config.channels == 1 or not energy.any():
        return alive
    order = np.argsort(-energy, kind="stable")
    reached = np.cumsum(energy[order]) / energy.sum()
    return np.sort(alive[order[: int(np.searchsorted(reached, config.channels - 1e-9)) + 1]])


def _normalized(maps: np.ndarray) -> np.ndarray:
    """Return maps (c, ...), each scaled to 0..1."""
    axes = tuple(range(1, maps.ndim))
    low, high = maps.min(axis=axes, keepdims=True), maps.max(axis=axes, keepdims=True)
    return (maps - low) / (high - low)


def _weights(
    config: Config,
    model: Probe,
    x: np.ndarray,
    target: np.ndarray,
    masks: np.ndarray,
    other: np.ndarray,
) -> np.ndarray:
    """Return the weight of each channel, (channels,).

    Args:
        config: with the variant.
        model: the opened model.
        x: one input (1, *shape).
        target: its weights on the outputs.
        masks: (channels, ...), maps from 0 to 1.
        other: (1, *shape), what is seen where a mask is 0.
    """
    import numpy as np

    if not len(masks):
        return np.zeros(0)
    if masks.ndim == 2:
        masks = model.upsample(masks)
    elif model.frame != model.shape[:2]:
        masks = model.upsample(masks)
    gained, sure, plain = model.masked(x, target, masks, other)
    if config.variant == "odds":
        gained = gained - model.evidence(x, target, other)[0]
        # Where every map lowers the log-odds, no weight would be positive and the map empty.
        taken = gained.max() <= 0 and np.ptp(gained) > 0
        return gained - gained.min() if taken else gained
    if config.variant == "paper":
        return _softmax(sure - model.evidence(x, target, other)[1])
    return _softmax(plain) if config.variant == "logit" else sure


def _softmax(values: np.ndarray) -> np.ndarray:
    import numpy as np

    powers = np.exp(values - values.max())
    return powers / powers.sum()
