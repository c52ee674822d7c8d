"""The residual of equations on fields, as a penalty beside a loss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import mlzoo
from mlzoo.core.configs import RunConfig
from mlzoo.core.errors import DataError, UsageError
from mlzoo.core.validation.consistency import check_fit
from mlzoo.data.problems.reading import parse_problem, read_problem
from mlzoo.data.specs import Inputs, Outputs, TrainingModel
from mlzoo.layers.grid_residual import EquationResidual, check_grid, difference_matrix
from mlzoo.runs import datasets
from mlzoo.sources._parametric import reaction
from mlzoo.training.compiling import compile_for_training, with_equation

NAMED = Path(mlzoo.__file__).parent / "data" / "problems" / "named"
REACTION = read_problem(NAMED / "reaction-fields.yaml")
WAVE = """\
unknowns: [u, v]
coordinates: {x: [0, 2]}
periodic: [x]
known: [a]
parameters: {k: 3}
equations: ["u_x = k*v + a_x", "v_x = -u"]
"""


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_on_a_grid(order: int) -> None:
    x = np.linspace(1, 3, 24)
    cubic = difference_matrix(24, (1, 3), order, periodic=False) @ (x**4)
    factors = [4, 3, 2, 1]
    np.testing.assert_allclose(cubic, np.prod(factors[:order]) * x ** (4 - order), atol=1e-6)
    x = np.arange(20) / 20 * 3
    wave = difference_matrix(20, (0, 3), order, periodic=True) @ np.sin(2 * np.pi * x / 3)
    phase = 2 * np.pi * x / 3 + order * np.pi / 2
    np.testing.assert_allclose(wave, (2 * np.pi / 3) ** order * np.sin(phase), atol=1e-7)


@pytest.mark.backends
def test_the_penalty_of_a_solution_is_small_and_of_others_is_not() -> None:
    sources, solved = (each[..., None] for each in reaction(3, 32, np.random.default_rng(0)))
    layer = EquationResidual(REACTION, (32, 32), 1.0)

    def penalty(fields: np.ndarray) -> float:
        return float(layer.penalty(sources.astype("float32"), fields.astype("float32")))

    assert penalty(solved) < 1e-4
    assert penalty(solved + 0.1) > 20 * penalty(solved)
    assert penalty(np.swapaxes(solved, 1, 2)) > 0.1  # rows are the first coordinate
    assert 0.5 < penalty(0 * solved) < 2  # nothing but the source is left


def test_fields_of_one_dimension_with_several_unknowns_and_known_functions() -> None:
    periodic = parse_problem(WAVE, "made")
    assert EquationResidual(periodic, (1, 40), 1.0).matrices.keys() == {(0, 1)}
    wave = replace(periodic, periodic=())
    x = np.linspace(0, 2, 40)[None, None, :, None]
    a = x**2
    v = np.cos(x)
    u = np.sin(x)
    # u_x - 3 v - a_x = -2 cos(x) - 2 x; v_x + u = 0
    layer = EquationResidual(wave, (1, 40), 1.0)
    fields = np.concatenate([u, v], axis=-1).astype("float32")
    residual = np.mean((-2 * np.cos(x) - 2 * x) ** 2)
    size = np.mean(np.cos(x) ** 2) + np.mean(9 * np.cos(x) ** 2) + np.mean(4 * x**2)
    got = float(layer.penalty(a.astype("float32"), fields))
    assert got == pytest.approx(residual / size, rel=1e-3)
    shifted = float(layer.penalty(a.astype("float32"), fields + 0.5))
    assert shifted > got + 0.1


@pytest.mark.backends
def test_it_adds_to_the_loss_in_training_alone() -> None:
    start = keras.Input((8, 8, 1))
    model = keras.Model(start, keras.layers.Conv2D(1, 1, name="map")(start))
    data = SimpleNamespace(inputs=Inputs((8, 8, 1)), outputs=Outputs("fields", 1), tiling=None)
    twin = with_equation(model, data, "reaction-fields", 100.0)
    twin.model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse")
    sources, solved = (
        each[..., None].astype("float32") for each in reaction(4, 8, np.random.default_rng(0))
    )
    plain = float(np.mean((model.predict(sources, verbose=0) - solved) ** 2))
    trained = twin.model.train_on_batch(sources, solved, return_dict=True)["loss"]
    tested = twin.model.test_on_batch(sources, solved, return_dict=True)["loss"]
    penalty = twin.model.get_layer("equation").penalty(sources, model(sources))
    assert float(tested) == pytest.approx(plain, rel=1e-4)
    assert float(trained) == pytest.approx(plain + 100 * float(penalty), rel=1e-3)
    with pytest.raises(UsageError, match="cut into tiles"):
        with_equation(model, SimpleNamespace(**{**vars(data), "tiling": 1}), "reaction-fields", 1.0)


@pytest.mark.parametrize(
    ("shape", "units", "cause"),
    [
        ((32, 32, 1), 2, "1 unknowns, and 2 fields"),
        ((1, 32, 1), 1, "2 coordinates, and fields here have 1"),
        ((32, 32, 0), 1, "knows 1 functions, and inputs have 0"),
        ((32, 4, 1), 1, "need 7 points a side"),
    ],
)
def test_a_problem_of_other_fields_is_refused(
    shape: tuple[int, ...], units: int, cause: str
) -> None:
    with pytest.raises(UsageError, match=cause):
        check_grid(REACTION, shape, units)


def test_features_are_refused_where_nothing_reads_them() -> None:
    problem = parse_problem(WAVE + 'features: ["sin(pi*x)"]\n', "made")
    with pytest.raises(UsageError, match="features are inputs of pinn alone; leave them out"):
        check_grid(problem, (1, 40, 1), 2)


def test_a_model_with_other_outputs_in_training_is_refused() -> None:
    start = keras.Input((8, 8, 1))
    model = keras.Model(start, keras.layers.Conv2D(1, 1, name="map")(start))
    model.twin = TrainingModel(model, members=4)
    data = SimpleNamespace(inputs=Inputs((8, 8, 1)), outputs=Outputs("fields", 1), tiling=None)
    config = RunConfig(model="unet", data="x", equation="reaction-fields")
    with pytest.raises(UsageError, match="the setting that adds them, such as deep_"):
        compile_for_training(model, data, config, 1, 0)


def test_it_is_for_fields_alone() -> None:
    with pytest.raises(UsageError, match="--equation is for fields of one or two dimensions"):
        check_fit(RunConfig(model="mlp", data="iris", equation="reaction-fields"), "classification")
    with pytest.raises(UsageError, match="leave out --augment"):
        check_fit(
            RunConfig(model="fno", data="x", equation="reaction-fields", augment="flips"), "fields"
        )
    with pytest.raises(DataError, match="the problem is for --equation"):
        datasets.load(RunConfig(model="pinn", data=str(NAMED / "reaction-fields.yaml")))


@pytest.mark.slow
def test_a_run_trains_on_it_and_its_model_is_read_without_it(tmp_path: Path) -> None:
    options = {"out": str(tmp_path), "pictures": "none", "baselines": "none", "epochs": 1}
    settings = {"width": 4, "modes": 3, "layers": 1, "projection": 8}
    source = {"samples": 16, "resolution": 16}
    runs = {
        name: mlzoo.train("fno", "reaction-fields", set=settings, source_set=source, name=name,
                          **options, **more)
        for name, more in (("plain", {}), ("hybrid", {"equation": "reaction-fields"}))
    }  # fmt: skip
    losses = [float(run.history["loss"].iloc[0]) for run in runs.values()]
    assert losses[1] > losses[0] + 0.01
    assert "equation" not in [layer.name for layer in runs["hybrid"].model.layers]
