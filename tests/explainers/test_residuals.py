"""Residuals of equations over the domain."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mlzoo.core.errors import UsageError
from mlzoo.data.problems.reading import parse_problem
from mlzoo.explainers import residuals
from mlzoo.explaining.explain import choose_methods, misfit
from mlzoo.explaining.pages.folders import _figures
from mlzoo.explaining.settings import configure
from mlzoo.introspection.probe import Probe

FIELD = """\
unknowns: [u]
coordinates: {x: [0, 1], y: [0, 2]}
domain: {minus: [{disc: [0.5, 1, 0.25]}]}
equations: ["u_xx + u_yy + u_x = x"]
conditions:
  - {where: boundary, equation: "u = 0"}
exact: {u: "0"}
"""
PAIR = """\
unknowns: [u, v]
coordinates: {t: [0, 1]}
equations: ["u_t = v", "v_t = 1"]
conditions:
  - {where: "t = 0", equation: "u = 1"}
  - {where: "t = 0", equation: "v = 0"}
exact: {u: "0", v: "0"}
"""


def opened(text: str, weights: list[list[float]]) -> tuple[Probe, np.ndarray]:
    """A linear network of the inputs, opened with its problem."""
    problem = parse_problem(text, "made")
    start = keras.Input((len(problem.inputs),))
    layer = keras.layers.Dense(len(problem.unknowns))
    model = keras.Model(start, layer(start))
    layer.set_weights([np.array(weights), np.zeros(len(problem.unknowns))])
    x = np.zeros((2, len(problem.inputs)), "float32")
    probe = Probe(model, x)
    probe.problem = problem
    return probe, x


def test_the_plane_has_the_residual_where_the_domain_is_and_the_table_all_points(tmp_path) -> None:
    probe, x = opened(FIELD, [[3.0], [2.0]])  # u = 3 x + 2 y: the residual is 3 - x
    (finding,) = residuals.explain(residuals.Config(points=21, rows=64), probe, x, x)
    values = finding.arrays["values"]
    assert finding.labels == ["x", "y"]
    assert finding.arrays["extent"].tolist() == [0, 1, 0, 2]
    assert np.isnan(values[10, 10])
    assert np.allclose(values[0], np.log10(3 - np.linspace(0, 1, 21)), atol=1e-5)
    names, rows = finding.table
    assert names == ["x", "y", "u_xx + u_yy + u_x = x"]
    assert np.allclose(rows[:, 2], 3 - rows[:, 0], atol=1e-5)
    assert finding.note.startswith("root mean square 2.5")
    ((title, picture),) = _figures(tmp_path, {"residuals": [finding]})
    assert "u_xx + u_yy + u_x = x" in title
    assert picture.is_file()
    lines = (tmp_path / "model" / "residuals.csv").read_text().splitlines()
    assert (lines[0], len(lines)) == ("x,y,u_xx + u_yy + u_x = x", 65)


def test_of_one_coordinate_each_equation_is_a_curve() -> None:
    probe, x = opened(PAIR, [[0.0, 3.0]])  # u = 0, v = 3 t: residuals -3 t and 2
    (finding,) = residuals.explain(residuals.Config(points=5), probe, x, x)
    assert finding.labels == ["u_t = v", "v_t = 1"]
    grid, (first, second) = finding.arrays["grid"][0], finding.arrays["values"]
    assert np.allclose(10 ** first[1:], 3 * grid[1:], rtol=1e-4)
    assert np.allclose(second, np.log10(2), atol=1e-5)
    assert "v_t = 1: root mean square 2, largest 2" in finding.note


def test_it_is_the_method_of_equations_alone() -> None:
    probe, x = opened(PAIR, [[0.0, 3.0]])
    assert choose_methods(configure({"run": "-"}), probe, "table").names == ["residuals"]
    probe.problem = None
    assert misfit("residuals", probe, "table") == (
        "it is for runs that solve equations, such as those of pinn"
    )
    with pytest.raises(UsageError, match="the model solves none"):
        residuals.explain(residuals.Config(), probe, x, x)
