"""Derivatives on JAX."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from mlzoo.layers.derivatives._repeats import without_repeats


def allow_double(allowed: bool) -> None:
    """Let JAX have arrays of 64 bits."""
    import jax

    jax.config.update("jax_enable_x64", allowed)


def functions() -> Any:
    """Return the module of functions of arrays."""
    import jax

    return jax.numpy


def directional(function: Any, points: Any, coordinate: int) -> tuple[Any, Any]:
    """Return a function's result at points (n, coordinates), and its derivative by one of them."""
    import jax

    axis = jax.numpy.arange(points.shape[1]) == coordinate
    direction = jax.numpy.broadcast_to(axis.astype(points.dtype), points.shape)
    value, slope = jax.jvp(function, (points,), (direction,))
    return value, slope


def gradient(function: Any, inputs: Any) -> Any:
    """Return the gradient of the sum of a function's values; see `interface.gradient`."""
    import jax

    return jax.grad(lambda x: function(x).sum())(inputs)


def compile_function(model: keras.Model, function: Any) -> Any:
    """Return a compiled function of points; see `interface.compiled`."""
    import jax

    @jax.jit
    def at(trainable: Any, fixed: Any, points: Any) -> Any:
        return function(lambda x: model.stateless_call(trainable, fixed, x)[0], points)

    return lambda points: at(*_values_of(model), points)


def _values_of(model: keras.Model) -> tuple[list[Any], list[Any]]:
    """Return the values of a model's trainable and other variables."""
    return (
        [variable.value for variable in model.trainable_variables],
        [variable.value for variable in model.non_trainable_variables],
    )


class JaxTerms:
    """Terms of a loss; see `interface.WeightedTerms`."""

    def __init__(self, model: keras.Model, terms: Any, optimizer: keras.Optimizer) -> None:
        import jax

        self.model, self.optimizer = model, optimizer
        optimizer.build(model.trainable_variables)

        @without_repeats
        def residuals_of(trainable: Any, fixed: Any, points: Any) -> Any:
            return terms(lambda x: model.stateless_call(trainable, fixed, x)[0], points)

        def weighted(trainable: Any, fixed: Any, points: Any, weights: Any) -> tuple[Any, Any]:
            residuals = residuals_of(trainable, fixed, points)
            return (residuals * weights).sum(), residuals

        slopes = jax.value_and_grad(weighted, has_aux=True)

        def steps(trainable: Any, fixed: Any, state: Any, drawn: Any, weights: Any) -> Any:
            def step(carry: Any, points: Any) -> Any:
                trainable, state = carry
                (_, residuals), gradients = slopes(trainable, fixed, points, weights)
                trainable, state = optimizer.stateless_apply(state, gradients, trainable)
                return (trainable, state), residuals

            return jax.lax.scan(step, (trainable, state), drawn)

        self._gradients, self._steps = jax.jit(slopes), jax.jit(steps)

    def gradients(self, points: Sequence[Any], weights: Any) -> tuple[Any, list[Any]]:
        """Return the terms and the gradients of their weighted sum."""
        (_, terms), gradients = self._gradients(*_values_of(self.model), list(points), weights)
        return terms, list(gradients)

    def steps(self, drawn: Sequence[Any], weights: Any) -> Any:
        """Change the weights by a step for each set of points; return the mean terms."""
        state = [variable.value for variable in self.optimizer.variables]
        ends, terms = self._steps(*_values_of(self.model), state, list(drawn), weights)
        for variables, values in zip(
            (self.model.trainable_variables, self.optimizer.variables), ends, strict=True
        ):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        return terms.mean(axis=0)


compile_terms = JaxTerms
