"""Expressions of x and y: what is read, and that nothing else is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlzoo.checking.functions.functions import make
from mlzoo.checking.functions.named import FUNCTIONS
from mlzoo.core.errors import UsageError
from mlzoo.core.expressions import evaluate, parse


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x+2*y", 8.0),
        ("-x^2", -4.0),
        ("2^-x", 0.25),
        ("2^3^2", 512.0),
        ("x**y", 8.0),
        ("1/3/y", 1 / 9),
        ("7-2-y", 2.0),
        ("sin(pi/2)*e", math.e),
        ("abs(x-y)+sqrt(x*8)", 5.0),
        ("1e-1*x + .5", 0.7),
        ("(x)*(y)", 6.0),
        ("--x", 2.0),
    ],
)
def test_values_at_2_3(text, value) -> None:
    assert make(text).value(np.array([[2.0, 3.0]]))[0] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "character 1: it ends too early"),
        ("x+", "ends too early"),
        ("(x", "not closed"),
        ("x)", "')' is not expected"),
        ("2x", "'x' is not expected"),
        ("x.real", "'.' is not expected"),
        ("x.__class__", "'.' is not expected"),
        ("__import__('os')", "unknown name '__import__'"),
        ("open(x)", "unknown name 'open'"),
        ("lambda x: x", "unknown name 'lambda'"),
        ("z", "unknown name 'z'"),
        ("sni(x)", "did you mean 'sin'"),
        ("sin x", "sin needs parentheses"),
        ("x;y", "';' is not expected"),
        ("x[0]", "'[' is not expected"),
        ("log(-1)", "log of -1 is no finite number"),
        ("1/0", "/ of 1, 0 is no finite number"),
        ("9^9^9^9", "no finite number"),
        ("1e300", "larger than 1e+100"),
        ("(" * 60 + "x" + ")" * 60, "nested more than 40 deep"),
        ("x^" * 60 + "x", "nested more than 40 deep"),
        ("x+" * 400 + "x", "801 characters, more than 500"),
    ],
)
def test_anything_else_is_refused(text, cause) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert cause in str(caught.value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_and_hessians_are_those_of_differences(name) -> None:
    function = make(name)
    points = np.random.default_rng(0).uniform(*function.view, size=(20, 2))
    for axis, h in ((0, 1e-6), (1, 1e-6)):
        step = h * np.eye(2)[axis]
        slope = (function.value(points + step) - function.value(points - step)) / (2 * h)
        np.testing.assert_allclose(function.gradient(points)[:, axis], slope, atol=2e-5, rtol=1e-6)
        bend = (function.gradient(points + step) - function.gradient(points - step)) / (2 * h)
        found = np.stack([function.hessian(point)[axis] for point in points])
        np.testing.assert_allclose(found, bend, atol=2e-5, rtol=1e-6)


def test_minima_are_where_they_are_said_to_be() -> None:
    points = np.random.default_rng(1).uniform(-8, 8, size=(4000, 2))
    for name in ("bowl", "easom", "matyas", "rosenbrock"):
        function = make(name)
        assert len(function.minima) == 1
        assert (function.value(points) >= function.value(function.minima)[0]).all()
        np.testing.assert_allclose(function.gradient(function.minima), 0, atol=1e-12)
    assert make("easom").value(np.full((1, 2), np.pi))[0] == pytest.approx(-1)
    np.testing.assert_allclose(make("bumps").minima, [[-1.428870, 0.0]], atol=1e-5)
    np.testing.assert_allclose(make("ripple").distance(np.array([[3.0, 4.0]])), 5 - 1.5 * np.pi)


def test_minima_of_an_expression_are_searched() -> None:
    np.testing.assert_allclose(make("(x-1)^2 + (y+2)^4").minima[:, 0], [1], atol=1e-4)
    two = make("(x^2-1)^2 + y^2").minima
    np.testing.assert_allclose(sorted(two[:, 0]), [-1, 1], atol=1e-6)
    assert not len(make("x^3").minima) and not len(make("x + y").minima)


def test_the_tip_of_a_cone_has_a_subgradient() -> None:
    np.testing.assert_array_equal(make("ripple").gradient(np.zeros((1, 2))), [[0, 0]])


def test_values_with_variables_of_the_caller() -> None:
    node = parse("a^2*u_xx + sqrt(a - 1)/x", ("a", "x", "u_xx"))
    assert node.variables == {"a", "x", "u_xx"}
    x = np.array([1.0, 2.0])
    values = {"a": 5.0, "x": x, "u_xx": 3 * x}
    np.testing.assert_allclose(evaluate(node, values, np), 75 * x + 2 / x)
    assert evaluate(parse("asin(a)", ("a",)), {"a": 1.0}, np) == pytest.approx(math.pi / 2)
    assert math.isnan(evaluate(parse("(a - 1)^.5", ("a",)), {"a": 0.0}, np))
