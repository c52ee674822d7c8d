"""Layers between volumes and the images that hold their slices one below the other."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="mlzoo")
class Unstack(keras.layers.Layer):
    """Turn images of slices, one below the other, into volumes.

    Args:
        depth: slices of a volume, at least 1; it divides the images' height.
    """

    def __init__(self, depth: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = depth

    def call(self, x: Any) -> Any:
        """Turn (batch, depth * height, width, c) into (batch, depth, height, width, c)."""
        _, rows, width, channels = ops.shape(x)
        return ops.reshape(x, (-1, self.depth, rows // self.depth, width, channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the volumes."""
        batch, rows, width, channels = input_shape
        return batch, self.depth, rows and rows // self.depth, width, channels

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "depth": self.depth}


@keras.saving.register_keras_serializable(package="mlzoo")
class Stack(keras.layers.Layer):
    """Turn volumes into images of their slices, one below the other: the inverse of `Unstack`."""

    def call(self, x: Any) -> Any:
        """Turn (batch, depth, height, width, c) into (batch, depth * height, width, c)."""
        _, depth, height, width, channels = ops.shape(x)
        return ops.reshape(x, (-1, depth * height, width, channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the images."""
        batch, depth, height, width, channels = input_shape
        return batch, height and depth and depth * height, width, channels


def depth_of(model: keras.Model) -> int:
    """Return the slices of the volumes that a model takes; 0 where it takes no volumes."""
    layers = model._flatten_layers(include_self=False)
    return next((each.depth for each in layers if isinstance(each, Unstack)), 0)
