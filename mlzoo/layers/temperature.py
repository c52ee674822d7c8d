"""Temperature of a classifier: its logits are divided by a number before the last activation."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

SMALLEST = 1e-7
"""Probabilities are at least this before their logarithm is taken."""
_HEADS = ("softmax", "sigmoid")


@keras.saving.register_keras_serializable(package="mlzoo")
class LogProbabilities(keras.layers.Layer):
    """Logits of probabilities: logarithms of several, (..., k), the log odds of one, (..., 1)."""

    def call(self, probabilities: Any) -> Any:
        """Return the logits."""
        p = ops.clip(probabilities, SMALLEST, 1 - SMALLEST)
        return ops.log(p) - ops.log(1 - p) if p.shape[-1] == 1 else ops.log(p)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape unchanged."""
        return input_shape


def before_last_activation(model: keras.Model) -> tuple[keras.KerasTensor, str]:
    """Return a classifier's logits, and `softmax` or `sigmoid`, which makes them probabilities.

    They are the input of the last layer where it is an activation; else, as of ordered classes,
    the logarithms of the probabilities.
    """
    output = model.outputs[0]
    last = next((layer for layer in model.layers if _gives(layer, output)), None)
    if isinstance(last, keras.layers.Activation) and last.activation.__name__ in _HEADS:
        return last.input, last.activation.__name__
    head = "sigmoid" if output.shape[-1] == 1 else "softmax"
    return LogProbabilities(dtype="float32", name="log_probabilities")(output), head


def with_temperature(model: keras.Model, temperature: float) -> keras.Model:
    """Return a classifier, on the same layers, whose logits are divided by a temperature.

    The class that is most probable stays the same.

    Args:
        model: its output is probabilities.
        temperature: above 0; 1 changes nothing, more makes it less confident.
    """
    logits, head = before_last_activation(model)
    scaled = keras.layers.Rescaling(1 / temperature, dtype="float32", name="temperature")(logits)
    output = keras.layers.Activation(head, dtype="float32", name="calibrated")(scaled)
    return keras.Model(model.inputs, output, name=model.name)


def _gives(layer: keras.layers.Layer, tensor: keras.KerasTensor) -> bool:
    """Return whether a tensor is the one output of a layer; not of one that is used twice."""
    try:
        return layer.output is tensor
    except (AttributeError, ValueError):
        return False
