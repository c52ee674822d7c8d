"""A model as one TensorFlow graph, and in float32."""

from __future__ import annotations

from typing import Any

import keras


def traced(model: keras.Model, shape: tuple[int | None, ...]) -> Any:
    """Return the concrete function of a model for inputs of a shape."""
    import tensorflow as tf

    spec = tf.TensorSpec(shape, model.inputs[0].dtype, name="input")

    @tf.function(input_signature=[spec])
    def serve(x: Any) -> Any:
        return model(x, training=False)

    return serve.get_concrete_function()


def frozen(model: keras.Model, shape: tuple[int | None, ...]) -> Any:
    """Return the concrete function of a model with its weights made constants."""
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    # Loops stay loops: converters know TensorFlow 2's, not those that they are lowered to.
    return convert_variables_to_constants_v2(traced(model, shape), lower_control_flow=False)


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
    if all(layer.compute_dtype == "float32" for layer in model.layers if layer.weights):
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
