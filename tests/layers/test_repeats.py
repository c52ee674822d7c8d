"""Operations that occur twice in a function that JAX traces."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from mlzoo.layers.derivatives._repeats import without_repeats

POINTS = np.random.default_rng(0).uniform(-1, 1, (7, 2)).astype("float32")
WEIGHTS = [np.random.default_rng(n).normal(size=s) for n, s in enumerate([(2, 5), (5, 5), (5, 1)])]


def curvature(weights, points):
    """Return the mean squared second derivative of a network of three layers by its first input."""
    direction = jnp.zeros_like(points).at[:, 0].set(1)

    def network(x):
        for weight in weights[:-1]:
            x = jnp.tanh(x @ weight)
        return x @ weights[-1]

    def slope(x):
        return jax.jvp(network, (x,), (direction,))[1]

    return (jax.jvp(slope, (points,), (direction,))[1] ** 2).mean()


def products(function) -> int:
    """Return how many matrix products the gradient of a function takes."""
    text = str(jax.make_jaxpr(jax.grad(function))(WEIGHTS, POINTS))
    return text.count("dot_general[")


def test_gradients_are_the_same_and_take_fewer_products() -> None:
    value, gradient = jax.value_and_grad(curvature)(WEIGHTS, POINTS)
    merged = without_repeats(curvature)
    same, gradient_too = jax.value_and_grad(merged)(WEIGHTS, POINTS)
    np.testing.assert_allclose(same, value, rtol=1e-6)
    for each, expected in zip(gradient_too, gradient, strict=True):
        np.testing.assert_allclose(each, expected, rtol=1e-4, atol=1e-6)
    assert products(merged) < 0.8 * products(curvature)


def test_what_differs_in_a_number_or_a_setting_is_kept_apart() -> None:
    def function(x):
        return (
            x + 1,
            x + 2,
            x.sum(0),
            x.sum(1),
            x * x,
            jnp.split(x, 2)[1],
            1 / (x * 0),
            1 / (x * -0.0),
        )

    with np.errstate(divide="ignore"):
        expected = function(jnp.asarray(np.arange(4.0).reshape(2, 2) + 1))
    results = without_repeats(function)(jnp.asarray(np.arange(4.0).reshape(2, 2) + 1))
    for each, value in zip(results, expected, strict=True):
        np.testing.assert_array_equal(each, value)


def test_loops_with_constants_of_their_own_are_kept_apart() -> None:
    def looped(table, x):
        return jax.lax.fori_loop(0, 2, lambda i, total: total + table[i], x)

    def function(x):
        return looped(jnp.asarray([1.0, 2.0]), x), looped(jnp.asarray([10.0, 20.0]), x)

    assert [float(each) for each in without_repeats(function)(jnp.asarray(0.5))] == [3.5, 30.5]


def test_trees_and_repeated_calls_of_a_compiled_function() -> None:
    double = jax.jit(lambda pair: {"sum": pair[0] + pair[1]})

    def function(pair):
        return double(pair), [double(pair)["sum"] * 2]

    first, (second,) = without_repeats(function)((jnp.asarray(1.0), jnp.asarray(2.0)))
    assert float(first["sum"]) == 3 and float(second) == 6
    text = str(jax.make_jaxpr(without_repeats(function))((1.0, 2.0)))
    assert text.count(" add ") == 1
