"""Networks of several widths as one program: the narrower ones padded with zeros.

A dense unit whose weights, in and out, are zero says zero wherever its activation maps 0 to 0, gets
no gradient, and no optimizer here moves it, so that padding changes nothing but the order of sums.
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
"""Widths within such a factor share a program: a wider one would compute too many zeros."""


def widened(config: RunConfig, space: Space) -> RunConfig:
    """The candidate whose program a candidate is padded for: itself, or a wider one of the space.

    Widths are those of the space's widest candidates divided by a power of 4.
    """
    for name, own in layers_of(config.model).items():
        sizes = config.set.get(own.setting)
        if name != own.size or name not in space.names or not sizes:
            continue
        dimension = space[name]
        width = int(max(dimension.choices, default=dimension.high))
        if list(sizes) != own.sizes(len(sizes), sizes[0]) or width < sizes[0]:
            return config
        while width // _FACTOR >= sizes[0]:
            width //= _FACTOR
        wide = {**config.set, own.setting: own.sizes(len(sizes), width)}
        return config.model_copy(update={"set": wide})
    return config


def is_dense(model: keras.Model) -> bool:
    """Whether a network draws nothing at random and is one chain of dense layers."""
    return all(type(one).__name__ in _PLAIN and len(_sources(one)) < 2 for one in model.layers)


def is_vector(model: keras.Model) -> bool:
    """Whether a network gains from being vectorised: dense layers, and what goes with them.

    None of them looks at other samples of its batch.
    """
    return all(type(layer).__name__ in _VECTORS for layer in model.layers)


def draws(model: keras.Model) -> bool:
    """Whether a network draws numbers while it is trained."""
    return any("Dropout" in type(layer).__name__ for layer in model.layers)


def can_pad(model: keras.Model) -> bool:
    """Whether zeros beside its hidden units leave a network as it is."""
    if not is_dense(model):
        return False
    places = [at for at, one in enumerate(model.layers) if type(one).__name__ == "Dense"]
    hidden = model.layers[: places[-1]]
    return all(one.get_config().get("activation", "linear") in _KEPT for one in hidden)


def _sources(layer: keras.layers.Layer) -> list[keras.KerasTensor]:
    return layer.input if isinstance(layer.input, list) else [layer.input]


def pad(arrays: Sequence[np.ndarray], like: Sequence[Any]) -> list[np.ndarray]:
    """Arrays with zeros behind, in the shapes of others."""
    found = []
    for array, wider in zip(arrays, like, strict=True):
        padded = np.zeros(wider.shape, array.dtype)
        padded[tuple(slice(size) for size in array.shape)] = array
        found.append(padded)
    return found
