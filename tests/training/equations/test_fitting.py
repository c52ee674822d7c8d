"""Networks that are trained on the residuals of differential equations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import mlzoo
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import UsageError
from mlzoo.core.expressions import evaluate
from mlzoo.core.progress import Listener
from mlzoo.data.problems.points import draw
from mlzoo.data.problems.reading import parse_problem, read_problem
from mlzoo.explaining.explain_run import explain
from mlzoo.layers.derivatives.interface import functions
from mlzoo.runs import datasets, devices
from mlzoo.sources.problem import NAMES
from mlzoo.training.building import build_model
from mlzoo.training.compiling import compile_model
from mlzoo.training.equations import fitting
from mlzoo.training.equations.residuals import mean_squares
from mlzoo.training.equations.stepping import EquationTraining
from mlzoo.training.signals import Stop

NAMED = Path(mlzoo.__file__).parent / "data" / "problems" / "named"
OSCILLATOR = """\
unknowns: [u, v]
coordinates: {t: [0, 1]}
parameters: {w: 2}
equations: ["u_t = v", "v_t = -w^2*u"]
conditions:
  - {where: "t = 0", equation: "u = 1"}
  - {where: "t = 0", equation: "v = 0"}
exact: {u: "cos(w*t)", v: "-w*sin(w*t)"}
"""
SETTINGS = {"hidden": [16, 16], "points": 64, "steps": 40, "lbfgs": 4}


@pytest.fixture(autouse=True)
def _precision() -> Iterator[None]:
    yield
    devices.set_precision("float32")


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    file = tmp_path / "oscillator.yaml"
    file.write_text(OSCILLATOR)
    return file


@pytest.mark.backends
def test_the_residual_of_the_solution_is_zero_and_of_others_is_not() -> None:
    text = """\
unknowns: [u]
coordinates: {x: [0, 1], t: [0, 1]}
parameters: {a: 0.1}
equations: ["u_t = a*u_xx"]
conditions:
  - {where: "t = 0", equation: "u = exp(x)"}
  - {where: "x = 0", equation: "u = exp(a*t)"}
  - {where: "x = 1", equation: "u_x = u"}
"""
    devices.set_precision("float64")
    heat = parse_problem(text, "heat")
    rng = np.random.default_rng(0)
    points = [keras.ops.convert_to_tensor(each) for each in draw(heat, rng, 9, 5)]

    def solution(x):
        return keras.ops.exp(x[:, :1] + 0.1 * x[:, 1:])

    def wrong(x):
        return solution(x) + x[:, :1] ** 2

    def terms(function):
        return keras.ops.convert_to_numpy(mean_squares(heat, function, points))

    np.testing.assert_allclose(terms(solution), 0, atol=1e-20)
    x = keras.ops.convert_to_numpy(points[1])[:, 0]
    expected = [(2 * 0.1) ** 2, np.mean(x**4), 0, 1]
    np.testing.assert_allclose(terms(wrong), expected, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_exact_solutions_that_come_along_solve_their_equations(name: str) -> None:
    devices.set_precision("float64")
    problem = read_problem(NAMED / f"{name}.yaml")
    if not problem.exact:
        return
    drawn = draw(problem, np.random.default_rng(0), 20, 5)
    points = [keras.ops.convert_to_tensor(each) for each in drawn]

    def exact(x):
        xp, values = functions(), problem.values(x)
        return xp.stack([evaluate(each, values, xp) for each in problem.exact], axis=-1)

    terms = keras.ops.convert_to_numpy(mean_squares(problem, exact, points))
    np.testing.assert_allclose(terms, 0, atol=1e-18)


@pytest.mark.slow
@pytest.mark.backends
def test_a_run_solves_a_system_and_predicts_a_column_an_unknown(
    problem: Path, tmp_path: Path
) -> None:
    run = mlzoo.train("pinn", str(problem), epochs=5, set=SETTINGS, out=str(tmp_path / "runs"))
    assert run.config.precision == "float64"
    scores = run.metrics["test"]
    assert scores["headline"] == "relative_l2"
    assert scores["metrics"]["relative_l2"] < 1e-3
    assert scores["baselines"]["zero"]["relative_l2"] == pytest.approx(1)
    assert scores["baselines"]["classical"]["relative_l2"] < 1e-8
    assert "solve_ivp" in scores["baselines"]["classical"]["note"]
    assert run.metrics["valid"]["residual"] < 1e-2
    assert (run.path / "plots" / "solution.png").stat().st_size > 10_000
    with Image.open(run.path / "plots" / "epochs.gif") as film:
        assert film.n_frames == 1 + 9 + 1  # initial, an epoch each, kept
    assert "plots/epochs.gif" in (run.path / "README.md").read_text()
    assert "epochs.gif" in (run.path / "report.html").read_text()
    history = (run.path / "history.csv").read_text().splitlines()
    assert history[0].split(",")[:4] == ["epoch", "loss", "residual", "conditions"]
    points = tmp_path / "points.csv"
    points.write_text("t\n0.0\n0.5\n")
    [first, second] = run.predict(str(points)).labels
    np.testing.assert_allclose(first, [1, 0], atol=0.01)
    if keras.backend.backend() == "tensorflow":  # what explains
        result = explain(run.path, listener=Listener())
        assert result.folder == run.path / "explanations" / "residuals"
        assert (result.folder / "model" / "residuals.csv").read_text().startswith("t,u_t = v,")
        (finding,) = result.explained.findings["residuals"]
        assert finding.arrays["values"].max() < -1
    np.testing.assert_allclose(second, [np.cos(1), -2 * np.sin(1)], atol=0.01)
    record = json.loads((run.path / "data.json").read_text())
    assert record["task"] == "equations" and record["target_names"] == ["u", "v"]


@pytest.mark.slow
def test_training_is_the_same_again_and_never_sees_the_solution(problem: Path) -> None:
    def trained(text: str) -> list[np.ndarray]:
        problem.write_text(text)
        settings = {**SETTINGS, "steps": 5, "lbfgs": 1}
        run = RunConfig(
            model="pinn", data=str(problem), epochs=2, set=settings, precision="float64"
        )
        data = datasets.load(run)
        model = build_model(run, data, 0)
        fitting.fit(model, data, run, 0, Listener(), Stop())
        return model.get_weights()

    first = trained(OSCILLATOR)
    for weights in (trained(OSCILLATOR), trained(OSCILLATOR.replace("cos(w*t)", "7*cos(w*t)"))):
        for one, other in zip(first, weights, strict=True):
            np.testing.assert_array_equal(one, other)


def test_rounds_of_lbfgs_have_points_of_their_own(
    problem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**SETTINGS, "steps": 5, "lbfgs": 3, "lbfgs_rounds": 2}
    run = RunConfig(model="pinn", data=str(problem), epochs=1, set=settings, precision="float64")
    data = datasets.load(run)
    training = EquationTraining(build_model(run, data, 0), data, run, 0, Listener(), Stop())
    minimized, rounds = training.minimized, []

    def watched(points: list[np.ndarray], weights: np.ndarray, iterations: int, callback: Any):
        rounds.append((points[0], iterations))
        return minimized(points, weights, iterations, callback)

    monkeypatch.setattr(training, "minimized", watched)
    training.lbfgs()
    (first, few), (second, others) = rounds
    assert few + others == 15 and few in (7, 8)
    assert first.shape == second.shape == (128, 1) and not np.isin(first, second).any()
    losses = [row["val_loss"] for row in training.history]
    assert len(losses) == 3 and losses == sorted(losses, reverse=True), "a round goes on"


@pytest.mark.parametrize(
    ("flags", "cause"),
    [
        ({"folds": 3}, "--folds and --ensemble are not for equations"),
        ({"optimizer": "lbfgs"}, "--optimizer lbfgs is not for equations"),
        ({"metrics": ["accuracy"]}, "--metrics accuracy does not fit equations"),
    ],
)
def test_what_does_not_go_with_equations_is_refused(problem: Path, flags: dict, cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        mlzoo.train("pinn", str(problem), **flags)


@pytest.mark.slow
def test_a_search_ranks_networks_by_the_error_of_the_solution(
    problem: Path, tmp_path: Path
) -> None:
    fields = {"epochs": 1, "out": str(tmp_path / "searches"), "set": {**SETTINGS, "steps": 20}}
    search = {"strategy": "grid"}
    vary = ["learning_rate=1e-9,1e-2"]
    result = mlzoo.tune("pinn", str(problem), vary=vary, search=search, final=False, **fields)
    assert result.metric == "relative_l2" and len(result.trials) == 2
    best = (result.path / "best.yaml").read_text()
    assert "epochs: 1" in best and "train_on" not in best and "keep" not in best
    with pytest.raises(UsageError, match="draws what it is trained on anew"):
        mlzoo.tune("pinn", str(problem), vary=vary, search={"folds": 3}, **fields, overwrite=True)


def test_nothing_else_trains_on_the_solution(problem: Path) -> None:
    run = RunConfig(model="pinn", data=str(problem))
    data = datasets.load(run)
    with pytest.raises(UsageError, match="which are not minimized here"):
        compile_model(build_model(run, data, 0), data, run, 1)


def test_other_models_and_other_data_are_refused(problem: Path) -> None:
    with pytest.raises(UsageError, match="choose pinn"):
        mlzoo.train("mlp", str(problem))
    with pytest.raises(UsageError, match="--precision float64 has no effect on classification"):
        mlzoo.train("mlp", "iris", precision="float64")


def test_ordinary_equations_are_recommended_conditions_by_construction() -> None:
    from types import SimpleNamespace

    from mlzoo.models.pinn import recipe

    recipes = {}
    for name in ("damped-oscillator", "heat", "poisson-l-shape"):
        samples = SimpleNamespace(problem=read_problem(NAMED / f"{name}.yaml"))
        recipes[name] = recipe(SimpleNamespace(samples=samples), RunConfig(model="pinn", data=name))
    assert recipes["damped-oscillator"].settings["hard"] and not recipes["heat"].settings
    assert recipes["poisson-l-shape"].settings == {"hard": True}
    assert recipes["damped-oscillator"].fields["epochs"] < recipes["heat"].fields["epochs"]
