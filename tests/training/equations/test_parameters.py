"""Parameters of problems: fitted to measurements, and as inputs of the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mlzoo
from mlzoo.core.errors import DataError, UsageError
from mlzoo.data.problems.measurements import read_measurements
from mlzoo.data.problems.reading import read_problem
from mlzoo.runs import devices
from mlzoo.sources import problem as source

DECAY = """\
unknowns: [u]
coordinates: {t: [0, 2]}
parameters: {k: {fit: [0.2, 5]}}
equations: ["u_t = -k*u"]
conditions:
  - {where: "t = 0", equation: "u = 1"}
exact: {u: "exp(-1.5*t)"}
data: measured.csv
"""
SETTINGS = {"hidden": [16, 16], "points": 64, "steps": 50, "lbfgs": 4}


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 2, 60)
    rows = np.stack([t, np.exp(-1.5 * t) + 0.01 * rng.normal(size=60)], axis=1)
    np.savetxt(tmp_path / "measured.csv", rows, delimiter=",", header="t,u", comments="")
    file = tmp_path / "decay.yaml"
    file.write_text(DECAY)
    return file


@pytest.mark.slow
@pytest.mark.backends
def test_a_parameter_is_fitted_with_an_interval(problem: Path, tmp_path: Path) -> None:
    settings = {**SETTINGS, "hard": True}
    out = str(tmp_path / "runs")
    try:
        run = mlzoo.train("pinn", str(problem), epochs=3, set=settings, out=out)
    finally:
        devices.set_precision("float32")
    [estimate] = run.metrics["estimates"].values()
    assert estimate["value"] == pytest.approx(1.5, rel=0.03)
    assert estimate["low"] < 1.5 < estimate["high"]
    # Least squares by the exact solution: .01 over the norm of t exp(-1.5 t).
    t = read_problem(problem).measurements.points[:, 0]
    expected = 2 * 1.96 * 0.01 / np.linalg.norm(t * np.exp(-1.5 * t))
    assert estimate["high"] - estimate["low"] == pytest.approx(expected, rel=0.35)
    assert run.metrics["test"]["metrics"]["relative_l2"] < 0.03
    header = (run.path / "history.csv").read_text().splitlines()[0]
    assert "data" in header.split(",") and header.endswith("k")


@pytest.mark.slow
def test_a_parameter_with_a_range_is_an_input(problem: Path, tmp_path: Path) -> None:
    text = DECAY.replace("fit: [0.2, 5]", "range: [0.5, 2]").replace("data: measured.csv\n", "")
    problem.write_text(text.replace("-1.5*t", "-k*t"))
    settings = {**SETTINGS, "hard": True, "gated": True, "causal": 1.0, "sampling": "adaptive"}
    out = str(tmp_path / "runs")
    try:
        run = mlzoo.train("pinn", str(problem), epochs=2, set=settings, out=out)
    finally:
        devices.set_precision("float32")
    assert run.metrics["test"]["metrics"]["relative_l2"] < 0.05
    points = tmp_path / "points.csv"
    points.write_text("k,t\n0.5,0.0\n1.5,0.5\n")
    np.testing.assert_allclose(run.predict(str(points)).labels, [1, np.exp(-0.75)], atol=0.05)


def test_without_an_exact_solution_measurements_are_held_out(problem: Path) -> None:
    problem.write_text(DECAY.replace('exact: {u: "exp(-1.5*t)"}\n', ""))
    samples = source.load(source.Config(data=str(problem)))
    assert samples.problem is not None and samples.problem.measurements is not None
    assert len(samples.problem.measurements.points) == 48
    test = samples.given_parts == "test"
    assert test.sum() == 12
    trained = set(samples.problem.measurements.points[:, 0])
    assert not trained & set(samples.inputs[test][:, 0])


@pytest.mark.parametrize(
    ("old", "new", "line", "cause"),
    [
        ("data: measured.csv", "", 3, "k is fitted to measurements, and there are none; add data"),
        ("fit: [0.2, 5]", "fit: [5, 1]", 3, "fit of k has two numbers, the lower first"),
        ("fit: [0.2, 5]", "guess: 1", 3, "or {fit: [0.01, 1]} or {range: [0.01, 1]}"),
        ("exp(-1.5*t)", "exp(-k*t)", 7, "'k' is fitted, so the exact solution has its true number"),
        ("measured.csv", "other.csv", 8, "other.csv: No such file"),
    ],
)
def test_mistakes_of_parameters_name_their_line(
    problem: Path, old: str, new: str, line: int, cause: str
) -> None:
    assert old in DECAY
    problem.write_text(DECAY.replace(old, new))
    with pytest.raises(DataError) as caught:
        read_problem(problem)
    assert f"line {line}: " in str(caught.value) and cause in str(caught.value)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("t,u\n0,x\n", "line 2: u is no number (got 'x')"),
        ("t\n0\n", "has no column of u; it has t"),
        ("s,u\n0,1\n", "has no column 't'; it has s and u"),
        ("t,u\n", "has no rows below its header"),
    ],
)
def test_measurements_that_cannot_be_read(tmp_path: Path, text: str, cause: str) -> None:
    file = tmp_path / "m.csv"
    file.write_text(text)
    with pytest.raises(DataError) as caught:
        read_measurements(file, ("t",), ("u",))
    assert cause in str(caught.value)


def test_settings_that_do_not_go_with_a_problem_are_refused(tmp_path: Path) -> None:
    fields = {"out": str(tmp_path / "runs"), "epochs": 1}
    with pytest.raises(UsageError, match="gated needs hidden layers of equal units"):
        mlzoo.train("pinn", "heat", set={"gated": True, "hidden": [8, 16]}, **fields)
    with pytest.raises(UsageError, match="causal needs a coordinate whose conditions stand"):
        mlzoo.train("pinn", "helmholtz", set={"causal": 1.0, "hidden": [4]}, **fields)
    devices.set_precision("float32")
