"""Backend functions that Keras lacks: gradients of a function, Hessian products.

The one module of landscapes that speaks to the backends themselves: TensorFlow and JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from mlzoo.core.errors import UsageError

Arrays = Sequence[Any]
Scalar = Callable[[Arrays], Any]
"""A pure function of arrays whose value is one number."""


def _name() -> str:
    name = str(keras.backend.backend())
    if name not in ("tensorflow", "jax"):
        raise UsageError(f"gradients are taken on TensorFlow and JAX; KERAS_BACKEND is {name}")
    return name


@contextmanager
def double() -> Iterator[None]:
    """Keep arrays at 64 bits, which JAX cuts to 32 otherwise; Keras makes variables of 64."""
    floats = keras.config.floatx()
    policy = keras.config.dtype_policy()
    on_jax = _name() == "jax"
    if on_jax:
        import jax

        before = jax.config.jax_enable_x64
        jax.config.update("jax_enable_x64", True)
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(floats)
        keras.config.set_dtype_policy(policy)
        if on_jax:
            jax.config.update("jax_enable_x64", before)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same function of arrays, compiled for the shapes it is called with."""
    if _name() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function)


def with_gradients(function: Scalar) -> Callable[[Arrays], tuple[Any, list[Any]]]:
    """Return a function's value and gradients, zeros if it does not depend on an array."""
    if _name() == "jax":
        import jax

        return jax.value_and_grad(lambda arrays: function(list(arrays)))
    import tensorflow as tf

    def both(arrays: Arrays) -> tuple[Any, list[Any]]:
        arrays = [tf.convert_to_tensor(array) for array in arrays]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(arrays)
            value = function(arrays)
        gradients = tape.gradient(value, arrays, unconnected_gradients="zero")
        return value, [tf.convert_to_tensor(each) for each in gradients]

    return both


def hessian_product(function: Scalar) -> Callable[[Arrays, Arrays], list[Any]]:
    """Return a function that multiplies the Hessian at some arrays by a vector of such arrays."""
    on_jax = _name() == "jax"
    return (_jax_product if on_jax else _tensorflow_product)(with_gradients(function))


def _jax_product(gradients: Any) -> Callable[[Arrays, Arrays], list[Any]]:
    import jax

    def product(arrays: Arrays, vector: Arrays) -> list[Any]:
        _, products = jax.jvp(lambda a: gradients(a)[1], (list(arrays),), (list(vector),))
        return list(products)

    return product


def _tensorflow_product(gradients: Any) -> Callable[[Arrays, Arrays], list[Any]]:
    import tensorflow as tf

    def product(arrays: Arrays, vector: Arrays) -> list[Any]:
        arrays = [tf.convert_to_tensor(array) for array in arrays]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(arrays)
            _, slopes = gradients(arrays)
            inner = tf.add_n([tf.reduce_sum(g * v) for g, v in zip(slopes, vector, strict=True)])
        again = tape.gradient(inner, arrays, unconnected_gradients="zero")
        return [tf.convert_to_tensor(each) for each in again]

    return product
