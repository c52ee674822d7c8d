"""Singular functions of corners, and further inputs that a problem's file names."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import mlzoo
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError
from mlzoo.core.expressions import evaluate
from mlzoo.data.problems.corners import corner_functions
from mlzoo.data.problems.grammar import Grammar
from mlzoo.data.problems.points import draw
from mlzoo.data.problems.problem import Condition
from mlzoo.data.problems.reading import parse_problem, read_problem
from mlzoo.data.specs import Inputs, Outputs
from mlzoo.layers.expression_columns import ExpressionColumns
from mlzoo.layers.portable import in_stock_layers
from mlzoo.layers.trial import as_lists
from mlzoo.models import pinn
from mlzoo.runs import datasets
from mlzoo.training.building import build_model

NAMED = Path(mlzoo.__file__).parent / "data" / "problems" / "named"
SLANTED = """\
unknowns: [u]
coordinates: {x: [0, 1], y: [0, 1]}
domain: {minus: [{polygon: [[0.5, 0.5], [1, 0.3], [1, 0.6]]}]}
equations: ["u_xx + u_yy = -1"]
conditions:
  - {where: boundary, equation: "u = 0"}
"""


def test_of_an_l_they_are_the_known_ones() -> None:
    problem = read_problem(NAMED / "poisson-l-shape.yaml")
    functions = corner_functions(problem)
    points = draw(problem, np.random.default_rng(0), 200, 5)[0]
    radius = np.hypot(*points.T)
    angle = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
    assert len(functions) == 2
    for term, function in enumerate(functions, 1):
        power = 2 * term / 3
        expected = radius**power * np.sin(power * angle)
        np.testing.assert_allclose(
            evaluate(function, problem.values(points), np), expected, atol=1e-9
        )


def test_they_are_zero_on_both_edges_and_harmonic_where_a_corner_is_slanted() -> None:
    problem = parse_problem(SLANTED, "slanted")
    functions = corner_functions(problem)
    along = np.linspace(0.05, 0.45, 9)[:, None]
    edges = [[0.5, 0.5] + along * 2 * np.array(way) for way in ([0.5, -0.2], [0.5, 0.1])]
    x, y = np.random.default_rng(0).uniform(0.05, 0.45, (2, 50))
    step = 1e-4
    for function in functions:

        def value(points: np.ndarray, function=function) -> np.ndarray:
            return np.asarray(evaluate(function, problem.values(points), np))

        for edge in edges:
            np.testing.assert_allclose(value(edge), 0, atol=1e-9)
        inner = np.stack([x, y], axis=-1)
        ways = step * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
        laplace = sum(value(inner + way) for way in ways) - 4 * value(inner)
        np.testing.assert_allclose(laplace / step**2, 0, atol=1e-4)


@pytest.mark.parametrize(
    ("equation", "where", "corners"),
    [
        ("u_xx + u_yy = -1", "u = 0", 2),
        ("u_xx + u_yy + u = x", "u = 0", 2),
        ("u_xxxx + u_yy = -1", "u = 0", 0),
        ("u_xx + u_yy = -1", "u_x = 0", 0),
    ],
)
def test_they_are_of_equations_of_order_2_and_given_values(
    equation: str, where: str, corners: int
) -> None:
    problem = parse_problem(SLANTED, "made")
    grammar = Grammar(("u",), ("x", "y"), ())
    conditions = [Condition(c.where, grammar.equation(where)) for c in problem.conditions]
    other = replace(problem, equations=(grammar.equation(equation),), conditions=tuple(conditions))
    assert len(corner_functions(other)) == corners


def test_corners_that_point_out_of_the_domain_have_none() -> None:
    cut = SLANTED.replace("[[0.5, 0.5], [1, 0.3], [1, 0.6]]", "[[0, 0], [0.2, 0], [0, 0.2]]")
    assert corner_functions(parse_problem(cut, "cut")) == ()
    square = "[[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6]]"
    hole = SLANTED.replace("[[0.5, 0.5], [1, 0.3], [1, 0.6]]", square)
    assert len(corner_functions(parse_problem(hole, "hole"))) == 8


def test_features_of_the_file_are_inputs_of_the_network(tmp_path: Path) -> None:
    file = tmp_path / "problem.yaml"
    file.write_text(SLANTED + 'parameters: {a: 3}\nfeatures: ["sin(a*x)*y", "2"]\n')
    config = RunConfig(model="pinn", data=str(file), set={"hidden": [4]}, precision="float32")
    data = datasets.load(config)
    model = build_model(config, data, 0)
    points = np.array([[0.1, 0.2], [0.3, 0.9]], "float32")
    inner = keras.Model(model.input, model.get_layer("features").output)
    columns = keras.ops.convert_to_numpy(inner(points))
    assert columns.shape == (2, 6)  # two coordinates, two features, two functions of the corner
    np.testing.assert_allclose(columns[:, 2], np.sin(3 * points[:, 0]) * points[:, 1], rtol=1e-5)
    np.testing.assert_allclose(columns[:, 3], 2)
    without = RunConfig(**{**config.model_dump(), "set": {"hidden": [4], "corners": False}})
    assert build_model(without, data, 0).get_layer("features").output.shape == (None, 4)
    path = tmp_path / "model.keras"
    model.save(path)
    again = keras.models.load_model(path)(points)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(again), model.predict(points, verbose=0))


@pytest.mark.backends
def test_singular_functions_are_expressed_in_layers_of_keras() -> None:
    problem = read_problem(NAMED / "poisson-l-shape.yaml")
    inputs = Inputs((2,), "table", problem=problem)
    outputs = Outputs("equations", 1, (0.0,), (1.0,))
    model = pinn.build(pinn.Config(hidden=[4], hard=True), inputs, outputs)
    points = draw(problem, np.random.default_rng(0), 9, 1)[0].astype("float32")
    expected, stock = (
        keras.ops.convert_to_numpy(each(points)) for each in (model, in_stock_layers(model))
    )
    np.testing.assert_allclose(stock, expected, atol=1e-5)
    assert np.abs(expected).max() > 0


def test_expressions_of_a_model_file_are_checked() -> None:
    problem = read_problem(NAMED / "poisson-l-shape.yaml")
    lists = as_lists(corner_functions(problem)[0])
    layer = ExpressionColumns(["x", "y"], {}, [lists])
    assert ExpressionColumns.from_config(layer.get_config()).expressions == [lists]
    with pytest.raises(ValueError, match="no part of an expression"):
        ExpressionColumns(["x"], {}, [["call", "__import__", 0.0, []]])


@pytest.mark.parametrize(
    ("features", "cause"),
    [
        ('["log(x - 0.5)"]', r"line 7: 'log\(x - 0.5\)' is not finite everywhere in the domain"),
        ('["u*x"]', "line 7: .*'u' is an unknown|line 7: .*u"),
        ("{a: 1}", "line 7: .*"),
    ],
)
def test_a_wrong_feature_is_named_with_its_line(features: str, cause: str) -> None:
    with pytest.raises(DataError, match=cause):
        parse_problem(SLANTED + f"features: {features}\n", "made")


SLOPED = """\
unknowns: [u]
coordinates: {x: [0, 2], t: [1, 3]}
equations: ["u_t = u_xx"]
conditions: [{where: "x = 0", equation: "VALUE = 1"}, {where: "x = 2", equation: "u = 0"},
  {where: "t = 1", equation: "u = 1"}]
"""


@pytest.mark.parametrize(
    ("value", "feature"), [("u_x", "sqrt(x)"), ("u + u_x", "t*x^0.9"), ("u_x", "sqrt(x*(3 - t))")]
)
def test_features_have_a_slope_where_a_condition_has_a_derivative(value: str, feature: str) -> None:
    text = SLOPED.replace("VALUE", value)
    with pytest.raises(
        DataError, match=f"line 6: .*infinite slope where .*'{re.escape(value)} = 1'"
    ):
        parse_problem(text + f'features: ["{feature}"]', "made")
    other = SLOPED.replace("VALUE", "u")  # which takes no derivative by x there
    assert parse_problem(other + f'features: ["{feature}"]', "made").features
    smooth = '["exp(-50*x)", "tanh(20*x)", "x^1.5", "sqrt(3 - t)", "1e4*t + cos(pi*x)", "2"]'
    assert len(parse_problem(text + f"features: {smooth}", "made").features) == 6


def test_features_of_a_periodic_problem_are_periodic() -> None:
    text = (NAMED / "allen-cahn.yaml").read_text()
    assert len(parse_problem(text + 'features: ["t", "cos(pi*x)"]', "made").features) == 2
    with pytest.raises(DataError, match="'exp\\(x\\)' is not periodic"):
        parse_problem(text + 'features: ["exp(x)"]', "made")
