"""The interface of derivatives: the one module of this folder that others import.

On JAX they are taken in forward mode, which suits few inputs and high orders; on TensorFlow by
nested tapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import keras

from mlzoo.core.errors import UsageError

Word = tuple[int, ...]
"""Coordinates by which is differentiated, in ascending order; () is the value itself."""
Function = Callable[[Any], Any]
"""From points (n, coordinates) to values (n, outputs), each row from its own point alone."""
Terms = Callable[[Function, Sequence[Any]], Any]
"""From a function and several sets of points to the terms (k,) of a loss."""


class WeightedTerms(Protocol):
    """A weighted sum of the terms of a loss, compiled, as a function of a model's weights."""

    def gradients(self, points: Sequence[Any], weights: Any) -> tuple[Any, list[Any]]:
        """Return the terms (k,) and the gradients of their sum with the weights (k,)."""
        ...

    def steps(self, drawn: Sequence[Any], weights: Any) -> Any:
        """Change the model's weights by steps of the optimizer; return the mean terms (k,).

        Args:
            drawn: for each set of points an array (steps, n, coordinates).
            weights: of the terms (k,).
        """
        ...


def _backend() -> Any:
    """Return the module of the backend in use."""
    if keras.backend.backend() == "jax":
        from mlzoo.layers.derivatives import _jax

        return _jax
    if keras.backend.backend() == "tensorflow":
        from mlzoo.layers.derivatives import _tensorflow

        return _tensorflow
    raise UsageError(
        f"derivatives are taken on TensorFlow and JAX; KERAS_BACKEND is {keras.backend.backend()}"
    )


def allow_double(allowed: bool) -> None:
    """Let the backend have arrays of 64 bits, which JAX cuts to 32 otherwise."""
    _backend().allow_double(allowed)


def functions(of: Any = None) -> Any:
    """Return a module of the functions of expressions, which keep 64 bits.

    On JAX those of `keras.ops`, such as `sin`, compute with 32.

    Args:
        of: what they are applied to; symbolic tensors, of which a graph is made, take `keras.ops`.
    """
    return keras.ops if isinstance(of, keras.KerasTensor) else _backend().functions()


def gradient(function: Function, inputs: Any) -> Any:
    """Return the gradient (n, ...) of the sum of a function's values, within a traced function.

    Args:
        function: from inputs (n, ...) to values; it draws nothing and assigns nothing.
        inputs: where it is taken.
    """
    return _backend().gradient(function, inputs)


def derivatives(function: Function, points: Any, words: Iterable[Word]) -> Mapping[Word, Any]:
    """Return derivatives (n, outputs) by word, among them those below each word.

    Args:
        function: it is differentiated; rows are independent.
        points: (n, coordinates).
        words: the derivatives that are needed.
    """
    directional = _backend().directional
    by_word: dict[Word, Any] = {}
    for word in sorted(set(words), key=len, reverse=True):
        if word not in by_word:
            nested = function
            for coordinate in word:
                nested = _with_derivative(directional, nested, coordinate)
            _collect(nested(points), word, by_word)
    return by_word


def _with_derivative(directional: Any, function: Function, coordinate: int) -> Function:
    """Return a function to the pair of the function's result and its derivative."""
    return lambda points: directional(function, points, coordinate)


def _collect(nested: Any, word: Word, by_word: dict[Word, Any]) -> None:
    """Take the derivatives out of nested pairs: (without, with) the last coordinate of the word."""
    if not word:
        by_word[()] = nested
        return
    below: dict[Word, Any] = {}
    _collect(nested[0], word[:-1], by_word)
    _collect(nested[1], word[:-1], below)
    by_word.update({(*shorter, word[-1]): value for shorter, value in below.items()})


def compiled(model: keras.Model, function: Callable[[Function, Any], Any]) -> Function:
    """Return a function of points that is compiled, with the model's weights of each call.

    Args:
        model: a model without random layers.
        function: of the model and points (n, coordinates).
    """
    made: Function = _backend().compile_function(model, function)
    return made


def weighted_terms(model: keras.Model, terms: Terms, optimizer: keras.Optimizer) -> WeightedTerms:
    """Return the terms of a loss as a function of a model's weights.

    Args:
        model: a Functional model without random layers.
        terms: of the loss.
        optimizer: of the steps; it is built here.
    """
    compiled: WeightedTerms = _backend().compile_terms(model, terms, optimizer)
    return compiled
