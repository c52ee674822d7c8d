"""Generated solutions of equations against solvers of another kind."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mlzoo.data import loading
from mlzoo.sources._parametric import BURGERS_TIME, VISCOSITY, burgers, heat
from tests.data.pictures import config


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_burgers_equation_as_a_pseudo_spectral_method_solves_it() -> None:
    starts, ends = burgers(1, 256, rng())
    wave = 2j * np.pi * np.fft.rfftfreq(256, 1 / 256)

    def slope(time: float, u: np.ndarray) -> np.ndarray:
        transformed = VISCOSITY * wave**2 * np.fft.rfft(u) - wave * np.fft.rfft(u * u / 2)
        return np.fft.irfft(transformed, 256)

    solved = solve_ivp(slope, (0, BURGERS_TIME), starts[0], rtol=1e-6, atol=1e-8).y[:, -1]
    np.testing.assert_allclose(ends[0], solved, atol=1e-5)


def test_heat_as_finite_volumes_solve_it() -> None:
    # Cells' centers are every other point, so that the points between are the cells' faces.
    inputs, fields = heat(1, 800, rng())
    start, conductivity = inputs[0, 1::2, 0], inputs[0, 2::2, 1]

    def slope(time: float, u: np.ndarray) -> np.ndarray:
        flux = np.concatenate([[0], conductivity * np.diff(u) * 400, [0]])
        return np.diff(flux) * 400

    band = np.abs(np.subtract.outer(np.arange(400), np.arange(400))) <= 1
    solved = solve_ivp(
        slope, (0, 1), start, "BDF", [0.5, 1], rtol=1e-5, atol=1e-7, jac_sparsity=band
    )
    np.testing.assert_allclose(fields[0, 1::2], solved.y, atol=2e-4)


@pytest.mark.parametrize(
    ("name", "channels", "targets"),
    [("burgers-fields", 1, ("u",)), ("heat-fields", 2, ("temperature_at_0.5", "temperature_at_1"))],
)
def test_a_seed_means_the_same_functions_at_every_resolution(
    name: str, channels: int, targets: tuple[str, ...]
) -> None:
    coarse, fine = (
        loading.read(config(name, source_set={"samples": 12, "resolution": n})) for n in (32, 64)
    )
    assert (coarse.task, coarse.target_names) == ("fields", targets)
    assert coarse.inputs.shape == (12, 1, 32, channels)
    np.testing.assert_allclose(fine.inputs[:, :, ::2], coarse.inputs, atol=1e-6)
    np.testing.assert_allclose(fine.targets[:, :, ::2], coarse.targets, atol=1e-6)
    noisy = loading.read(config(name, source_set={"samples": 500, "noise": 0.5}))
    quiet = loading.read(config(name, source_set={"samples": 500}))
    assert np.std(noisy.targets - quiet.targets) == pytest.approx(0.5, rel=0.02)


def test_other_sets_have_no_resolution() -> None:
    with pytest.raises(Exception, match="resolution has no effect on moons"):
        loading.read(config("moons", source_set={"resolution": 64}))
