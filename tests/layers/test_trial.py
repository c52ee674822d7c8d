"""Functions that hold conditions by construction."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import mlzoo
from mlzoo.core.expressions import evaluate
from mlzoo.data.problems.points import draw
from mlzoo.data.problems.reading import parse_problem, read_problem
from mlzoo.data.problems.trial import soft_part, trial_functions
from mlzoo.layers.trial import FittedNumbers, TrialLayer, as_lists, from_lists

NAMED = Path(mlzoo.__file__).parent / "data" / "problems" / "named"


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("exponential-decay", 1),
        ("damped-oscillator", 2),
        ("boundary-values", 2),
        ("heat", 1),
        ("wave", 4),
        ("burgers", 3),
        ("helmholtz", 4),
        ("allen-cahn", 1),
        ("poisson-l-shape", 5),
    ],
)
def test_conditions_on_values_and_starts_are_held(name: str, held: int) -> None:
    problem = read_problem(NAMED / f"{name}.yaml")
    [trial] = trial_functions(problem)
    assert len(trial.held) == held
    assert len(soft_part(problem, [trial]).conditions) == len(problem.conditions) - held
    _, *faces = draw(problem, np.random.default_rng(0), 1, 20)
    for place in trial.held:
        values, c = problem.values(faces[place]), problem.conditions[place]
        if problem.used(c.equation) != {"u": (0, ())}:
            continue
        factor = np.broadcast_to(evaluate(trial.factor, values, np), len(faces[place]))
        np.testing.assert_allclose(factor, 0, atol=1e-12)
        u = evaluate(trial.extension, values, np)
        residual = evaluate(c.equation.residual, {**values, "u": u}, np)
        np.testing.assert_allclose(residual, 0, atol=1e-12)


def test_values_of_all_faces_are_joined() -> None:
    problem = parse_problem(
        """\
unknowns: [u]
coordinates: {x: [0, 2], y: [-1, 1]}
parameters: {a: 3}
equations: ["u_xx + u_yy = 0"]
conditions: [{where: boundary, equation: "u = a*x*y + x^2 - y^2"}]
""",
        "p",
    )
    [trial] = trial_functions(problem)
    assert len(trial.held) == 4


def test_conditions_that_differ_at_a_corner_are_not_all_held() -> None:
    problem = parse_problem(
        """\
unknowns: [u]
coordinates: {x: [0, 1], y: [0, 1]}
equations: ["u_xx + u_yy = 0"]
conditions:
  - {where: "x = 0", equation: "u = 0"}
  - {where: "x = 1", equation: "u = 0"}
  - {where: "y = 0", equation: "u = 0"}
  - {where: "y = 1", equation: "u = 1"}
""",
        "p",
    )
    [trial] = trial_functions(problem)
    assert trial.held == (0, 1)


@pytest.mark.backends
def test_the_layer_computes_what_the_expressions_say_and_is_saved(tmp_path: Path) -> None:
    problem = read_problem(NAMED / "wave.yaml")
    [trial] = trial_functions(problem)
    points = keras.Input((2,))
    outputs = keras.layers.Dense(1)(points)
    layer = TrialLayer(
        problem.inputs, problem.parameters, [as_lists(trial.extension)], [as_lists(trial.factor)]
    )
    model = keras.Model(points, layer(points, outputs))
    x = np.array([[0.3, 0.0], [0.0, 0.7], [1.0, 0.2]], "float32")
    y = keras.ops.convert_to_numpy(model(x))[:, 0]
    start = np.sin(0.3 * np.pi) + np.sin(1.2 * np.pi) / 2
    np.testing.assert_allclose(y, [start, 0, 0], atol=1e-6)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    inside = np.array([[0.4, 0.6]], "float32")
    np.testing.assert_array_equal(np.array(again(inside)), np.array(model(inside)))


def test_a_file_can_name_no_other_functions() -> None:
    lists = ["function", "sin", 0.0, [["variable", "x", 0.0, []]]]
    assert as_lists(from_lists(lists)) == lists
    lists = json.loads(json.dumps(lists).replace("sin", "save"))
    with pytest.raises(ValueError, match="no part of an expression"):
        from_lists(lists)


@pytest.mark.backends
def test_numbers_start_in_the_middle_of_their_interval_and_stay_inside() -> None:
    layer = FittedNumbers(["a", "b"], [[0.01, 1], [-2, 4]])
    layer.build((None, 2))
    assert layer.values() == pytest.approx({"a": 0.1, "b": 1.0}, rel=1e-5)
    raw = [layer.raw_of("a", 0.5), layer.raw_of("b", -1.5)]
    layer.raw.assign(np.array(raw))
    assert layer.values() == pytest.approx({"a": 0.5, "b": -1.5}, rel=1e-5)
