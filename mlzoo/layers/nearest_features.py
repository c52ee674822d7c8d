"""Distance to the nearest of stored features, and which of many features are worth storing."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

_PROJECTED = 128
"""Numbers that features are projected to at random while a coreset is chosen."""


@keras.saving.register_keras_serializable(package="mlzoo")
class NearestFeature(keras.layers.Layer):
    """Squared distance of each feature of a map to the nearest stored one, per number.

    From (batch, height, width, features) to (batch, height, width, 1). The stored features are
    weights that are set by `store` and not trained.

    Args:
        count: how many features are stored.
    """

    def __init__(self, count: int, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.count = count

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make room for the features."""
        shape = (self.count, input_shape[-1])
        self.bank = self.add_weight(shape, "zeros", trainable=False, name="bank")

    def store(self, features: np.ndarray) -> None:
        """Store features (n, d), n from 1 to `count`; the last ones are repeated."""
        places = np.minimum(np.arange(self.count), len(features) - 1)
        self.bank.assign(features[places])

    def call(self, x: Any) -> Any:
        """Return the distances; one sample at a time, so that memory stays small."""
        bank = ops.convert_to_tensor(self.bank)
        # Around their mean features are small, and so are the errors of rounding.
        center = ops.mean(bank, axis=0)
        bank = bank - center
        squares = ops.sum(ops.square(bank), axis=-1)

        def nearest(sample: Any) -> Any:
            sample = sample - center
            products = ops.matmul(sample, ops.transpose(bank))
            _, place = ops.top_k(2 * products - squares, 1)  # ONNX has no argmin of Keras's
            # Of small distances |x|^2 + |b|^2 - 2 x b would leave few digits.
            difference = sample - ops.take(bank, place[..., 0], axis=0)
            return ops.mean(ops.square(difference), axis=-1, keepdims=True)

        return ops.map(nearest, ops.cast(x, bank.dtype))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return one number at each place of the map."""
        return (*input_shape[:-1], 1)

    def get_config(self) -> dict[str, object]:
        """Return the arguments that rebuild the layer."""
        return {**super().get_config(), "count": self.count}


def coreset(features: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return positions (count,) of features from which no other is far: greedy k-center.

    Each next one is that farthest from all before it. Distances are those of random projections.

    Args:
        features: (n, d).
        count: how many to choose; all, where there are no more.
        rng: draws the first one and the projection.

    Source:
        Sener and Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set
        Approach" (2018).
    """
    if count >= len(features):
        return np.arange(len(features))
    points = features
    if features.shape[1] > _PROJECTED:
        projection = rng.normal(size=(features.shape[1], _PROJECTED)) / np.sqrt(_PROJECTED)
        points = features @ projection.astype("float32")
    chosen = [int(rng.integers(len(points)))]
    least = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < count:
        chosen.append(int(least.argmax()))
        least = np.minimum(least, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return np.array(chosen)
