"""Padding of narrow networks with zeros, so that several widths share one program.

A dense unit with zero weights, in and out, outputs zero if its activation maps 0 to 0, gets no
gradient, and is moved by no optimizer here, so that padding only changes the order of sums.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from mlzoo.core.configs import RunConfig
from mlzoo.core.spaces import Space
from mlzoo.tuning.space_from_config import layers_of

_KEPT = ("linear", "relu", "leaky_relu", "elu", "selu", "tanh", "silu", "gelu")
"""Activations that map 0 to 0."""
_PLAIN = ("InputLayer", "Flatten", "Dense", "Activation", "LeakyReLU", "Identity", "Unstandardise")
_VECTORS = (*_PLAIN, "Dropout", "PReLU", "Add", "Concatenate", "TrainableExponent")
_FACTOR = 4
"""Widths within this factor share a program; beyond it, too much time would go into zeros."""


def widened(config: RunConfig, space: Space) -> RunConfig:
    """Return the candidate that a candidate is padded to: itself, or a wider one of the space.

    Widths are those of the space's widest candidates divided by a power of 4.
    """
    for name, layers in layers_of(config.model).items():
        sizes = config.set.get(layers.setting)
        if name != layers.size or name not in space.names or not sizes:
            continue
        dimension = space[name]
        width = int(max(dimension.choices, default=dimension.high))
        if list(sizes) != layers.sizes(len(sizes), sizes[0]) or width < sizes[0]:
            return config
        while width // _FACTOR >= sizes[0]:
            width //= _FACTOR
        wide = {**config.set, layers.setting: layers.sizes(len(sizes), width)}
        return config.model_copy(update={"set": wide})
    return config


def is_dense(model: keras.Model) -> bool:
    """Return whether a network is a chain of dense layers without randomness."""
    return all(type(one).__name__ in _PLAIN and len(_sources(one)) < 2 for one in model.layers)


def is_vector(model: keras.Model) -> bool:
    """Return whether a network is faster when vectorized: dense layers and those around them.

    None of these layers mixes the samples of a batch.
    """
    return all(type(layer).__name__ in _VECTORS for layer in model.layers)


def draws(model: keras.Model) -> bool:
    """Return whether a network draws random numbers in training."""
    return any("Dropout" in type(layer).__name__ for layer in model.layers)


def can_pad(model: keras.Model) -> bool:
    """Return whether padding its hidden units with zeros does not change a network."""
    if not is_dense(model):
        return False
    places = [at for at, one in enumerate(model.layers) if type(one).__name__ == "Dense"]
    hidden = model.layers[: places[-1]]
    return all(one.get_config().get("activation", "linear") in _KEPT for one in hidden)


def _sources(layer: keras.layers.Layer) -> list[keras.KerasTensor]:
    return layer.input if isinstance(layer.input, list) else [layer.input]


def pad(arrays: Sequence[np.ndarray], like: Sequence[Any]) -> list[np.ndarray]:
    """Pad arrays with trailing zeros to the shapes of others."""
    padded_arrays = []
    for array, wider in zip(arrays, like, strict=True):
        padded = np.zeros(wider.shape, array.dtype)
        padded[tuple(slice(size) for size in array.shape)] = array
        padded_arrays.append(padded)
    return padded_arrays
