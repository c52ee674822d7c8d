"""Derivatives on TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras


def allow_double(allowed: bool) -> None:
    """Change nothing: TensorFlow always has arrays of 64 bits."""


def functions() -> Any:
    """Return the module of functions of tensors."""
    return keras.ops


def directional(function: Any, points: Any, coordinate: int) -> tuple[Any, Any]:
    """Return a function's result at points (n, coordinates), and its derivative by one of them.

    By a nested tape for each output: TensorFlow's forward accumulators can't be nested.
    """
    import tensorflow as tf

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(points)
        value = function(points)
        columns = _columns(value)

    def slopes(part: Any) -> Any:
        if isinstance(part, tuple):
            return tuple(slopes(each) for each in part)
        rows = [tape.gradient(each, points, unconnected_gradients="zero") for each in part]
        return tf.stack([row[:, coordinate] for row in rows], axis=-1)

    return value, slopes(columns)


def _columns(value: Any) -> Any:
    """Return each tensor (n, outputs) of nested pairs as a list of columns (n,)."""
    import tensorflow as tf

    if isinstance(value, tuple):
        return tuple(_columns(each) for each in value)
    return tf.unstack(value, axis=-1)


def gradient(function: Any, inputs: Any) -> Any:
    """Return the gradient of the sum of a function's values; see `interface.gradient`."""
    import tensorflow as tf

    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(function(inputs))
    return tape.gradient(total, inputs)


def compile_function(model: keras.Model, function: Any) -> Any:
    """Return a compiled function of points; see `interface.compiled`."""
    import tensorflow as tf

    @tf.function(autograph=False, reduce_retracing=True)
    def at(points: Any) -> Any:
        return function(lambda x: model(x, training=False), points)

    return lambda points: at(tf.constant(points, keras.config.floatx()))


class TensorflowTerms:
    """Terms of a loss; see `interface.WeightedTerms`."""

    def __init__(self, model: keras.Model, terms: Any, optimizer: keras.Optimizer) -> None:
        import tensorflow as tf

        optimizer.build(model.trainable_variables)
        variables = [variable.value for variable in model.trainable_variables]

        def gradients(points: Any, weights: Any) -> tuple[Any, list[Any]]:
            with tf.GradientTape() as tape:
                residuals = terms(lambda x: model(x, training=False), points)
                total = tf.reduce_sum(residuals * weights)
            return residuals, tape.gradient(total, variables, unconnected_gradients="zero")

        def step(points: Any, weights: Any) -> Any:
            residuals, slopes = gradients(points, weights)
            optimizer.apply(slopes, model.trainable_variables)
            return residuals

        self._gradients = tf.function(gradients, autograph=False)
        self._step = tf.function(step, autograph=False)

    def gradients(self, points: Sequence[Any], weights: Any) -> tuple[Any, list[Any]]:
        """Return the terms and the gradients of their weighted sum."""
        return self._gradients(*self._tensors(points, weights))

    def steps(self, drawn: Sequence[Any], weights: Any) -> Any:
        """Change the weights by a step for each set of points; return the mean terms."""
        each = [self._step(*self._tensors(points, weights)) for points in zip(*drawn, strict=True)]
        return sum(each) / len(each)

    def _tensors(self, points: Sequence[Any], weights: Any) -> tuple[list[Any], Any]:
        """Return tensors: `tf.function` would trace anew for each array."""
        import tensorflow as tf

        kind = keras.config.floatx()
        return [tf.constant(each, kind) for each in points], tf.constant(weights, kind)


compile_terms = TensorflowTerms
