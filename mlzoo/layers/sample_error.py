"""The error of reconstructed samples as a layer, and models that end in it."""

from __future__ import annotations

from math import prod
from typing import Any

import keras
from keras import ops

ERROR = "sample_error"
"""Name of the layer that gives a sample's error."""


@keras.saving.register_keras_serializable(package="mlzoo")
class SampleError(keras.layers.Layer):
    """Mean squared error (batch, 1) of two tensors (batch, ...), in float32."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)

    def call(self, inputs: Any) -> Any:
        """Return the error of reconstructed and scaled samples."""
        restored, scaled = inputs
        squares = ops.square(restored - scaled)
        return ops.mean(ops.reshape(squares, (-1, prod(squares.shape[1:]))), axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """Return one number a sample."""
        return (input_shape[0][0], 1)


def error_of(model: keras.Model) -> keras.Model:
    """Return the model from raw samples to their errors (batch, 1).

    Args:
        model: from raw samples to scaled ones, with a layer `scaling`.
    """
    layer = SampleError(name=ERROR)
    error = layer([model.outputs[0], model.get_layer("scaling").output])
    return keras.Model(model.inputs, error, name="sample_error_of_" + model.name)


def largest_of(model: keras.Model) -> keras.Model:
    """Return the model from raw images to the largest value (batch, 1) of their anomaly maps."""
    largest = keras.layers.GlobalMaxPooling2D(dtype="float32", name=ERROR)(model.outputs[0])
    return keras.Model(model.inputs, largest, name="largest_of_" + model.name)


def joined(encoder: keras.Model, decoder: keras.Model) -> keras.Model:
    """Return the model that decodes the mean codes of raw samples, with a layer `code`.

    Args:
        encoder: from raw samples to codes (batch, n), by a layer `code`; or to means and log
            variances of codes (batch, 2 * n).
        decoder: from codes (batch, n) to scaled samples.
    """
    count = decoder.inputs[0].shape[-1]
    code = encoder.outputs[0]
    if code.shape[-1] != count:
        moments = keras.layers.Reshape((2, count), name="moments_of_code")(code)
        mean = keras.layers.Cropping1D((0, 1), name="mean_of_code")(moments)
        code = keras.layers.Reshape((count,), name="code")(mean)
    return keras.Model(encoder.inputs, decoder(code), name="autoencoder")
