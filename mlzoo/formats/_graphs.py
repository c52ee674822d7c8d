"""A model as one TensorFlow graph, and in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras


def traced(model: keras.Model, shape: tuple[int | None, ...], dtype: str | None = None) -> Any:
    """Return the concrete function of a model for inputs of a shape, by default of its dtype."""
    import tensorflow as tf

    spec = tf.TensorSpec(shape, dtype or model.inputs[0].dtype, name="input")

    @tf.function(input_signature=[spec])
    def serve(x: Any) -> Any:
        return model(x, training=False)

    return serve.get_concrete_function()


def frozen(model: keras.Model, shape: tuple[int | None, ...], dtype: str | None = None) -> Any:
    """Return the concrete function of a model with its weights made constants."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    # Loops stay loops: converters know TensorFlow 2's, not those that they are lowered to.
    function = traced(model, shape, dtype)
    return convert_variables_to_constants_v2(function, lower_control_flow=False)


def single(model: keras.Model) -> keras.Model:
    """Return the same layers as a model of one tensor; a loaded model expects a list of them.

    A model of several inputs is left as it is.
    """
    if len(model.inputs) > 1:
        return model
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def signature(model: keras.Model) -> list[Any]:
    """Return the input signature of a model that was never called, for Keras' exporters."""
    if len(model.inputs) > 1:
        of = {t.name: keras.InputSpec(t.dtype, t.shape, name=t.name) for t in model.inputs}
        return [of]
    return [keras.InputSpec(model.inputs[0].dtype, model.input_shape, name="input")]


def in_float32(model: keras.Model) -> keras.Model:
    """Return the model, or a copy with its weights that computes in float32 if it does not."""
    # A loaded model's own policy says nothing of its layers, neither does that of a model within.
    layers = [layer for layer in model._flatten_layers() if not isinstance(layer, keras.Model)]
    if all(layer.compute_dtype == "float32" for layer in layers if layer.weights):
        return model
    exact = type(model).from_config(_exact(model.get_config()))
    exact.set_weights(model.get_weights())
    return exact


def _exact(config: Any) -> Any:
    """Return a configuration with every mixed precision replaced by float32."""
    if isinstance(config, dict):
        return {name: _exact(value) for name, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(map(_exact, config))
    return "float32" if config in ("mixed_float16", "mixed_bfloat16") else config


@contextmanager
def depthwise_as_such(model: keras.Model) -> Iterator[None]:
    """Trace convolutions of one channel a group, as ConvNeXt has, as depthwise ones meanwhile.

    TensorFlow compiles those of groups into calls that converters do not look into.

    Args:
        model: the model; it is as before in the end.
    """
    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.Conv2D)
        and 1 < layer.groups == layer.filters == layer.kernel.shape[-1] * layer.kernel.shape[-2]
    ]
    for layer in layers:
        layer.convolution_op = partial(_depthwise, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.convolution_op


def _depthwise(layer: keras.layers.Conv2D, inputs: Any, kernel: Any) -> Any:
    """Return the convolution of each channel; the kernel is (height, width, 1, channels)."""
    return keras.ops.depthwise_conv(
        inputs,
        keras.ops.transpose(kernel, (0, 1, 3, 2)),
        strides=layer.strides,
        padding=layer.padding,
        data_format=layer.data_format,
        dilation_rate=layer.dilation_rate,
    )
