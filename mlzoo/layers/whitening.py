"""Principal components of numbers, each of variance 1 (PCA whitening), as an input layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from mlzoo.layers.numbers import LeadingNumbers

if TYPE_CHECKING:
    from mlzoo.data.samples import Part

_LEAST = 1e-6
"""Share of the largest variance up to which a component counts as constant, and becomes 0."""


@keras.saving.register_keras_serializable(package="mlzoo")
class Whitening(LeadingNumbers):
    """Replace numbers x (batch, count) by (x - center) W, whose covariance is the identity.

    The columns of W are eigenvectors of the covariance of x divided by the roots of their
    eigenvalues, the largest first. Center and W are saved with the model; until `fit_whitening`
    they leave the numbers as they are.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make center and matrix, which are not trained."""
        size = self.count
        self.center = self.add_weight((size,), "zeros", trainable=False, name="center")
        self.matrix = self.add_weight((size, size), "identity", trainable=False, name="matrix")

    def change(self, numbers: Any) -> Any:
        """Return the components (batch, count)."""
        return ops.matmul(numbers - self.center, self.matrix)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape unchanged."""
        return input_shape


def fit_whitening(model: keras.Model, layer: Whitening, train: Part) -> None:
    """Set a layer's center and matrix from what it gets of the training split.

    Args:
        model: a Functional model that the layer is part of.
        layer: of the model.
        train: the training split.
    """
    below = keras.Model(model.input, layer.input)
    parts = [
        ops.convert_to_numpy(below(train.inputs(rows), training=False))[:, : layer.count]
        for rows in train.chunks()
    ]
    x = np.concatenate(parts).astype("float64")
    center = x.mean(axis=0)
    values, vectors = np.linalg.eigh((x - center).T @ (x - center) / len(x))
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > _LEAST * max(float(values[0]), 0.0)
    factors = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    layer.center.assign(center)
    layer.matrix.assign(vectors * factors)
