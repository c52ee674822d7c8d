"""Generated signals: what they say of themselves holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import simpson
from scipy.interpolate import CubicSpline

from mlzoo.core.errors import UsageError
from mlzoo.data import loading
from mlzoo.data.sequences.signals import (
    STATES,
    accelerometer,
    delayed_xor,
    mackey_glass,
    moving_spots,
    sine_mix,
)
from tests.data.pictures import config


def test_rides_feel_what_the_car_does() -> None:
    signals, states = accelerometer(200, 0.0, np.random.default_rng(0))
    steps, said = np.concatenate(signals), np.concatenate(states)
    along = {name: steps[said == i, 0] for i, name in enumerate(STATES)}
    assert along["standing"] == pytest.approx(0, abs=0.1)
    assert abs(along["driving"].mean()) < 0.01
    assert along["driving"].std() > 5 * along["standing"].std()
    assert 1 < along["accelerating"].mean() < 3 and along["accelerating"].min() > 0
    assert -6 < along["braking"].mean() < -0.5
    assert along["crash"].min() > -40 * 9.81 - 1 and along["crash"].max() < -9.81 * 20 * 0.38
    assert steps[said != 4, 2] == pytest.approx(9.81, abs=1.5)
    crashes = [ride for ride, own in enumerate(states) if (own == 4).any()]
    assert crashes == list(range(4, 200, 5))
    for ride in crashes:
        where = np.flatnonzero(states[ride] == 4)
        assert 2 <= len(where) <= 4 and (np.diff(where) == 1).all()
        assert (states[ride][where[-1] + 1 :] == 0).all()
    assert all(own[0] == 0 for own in states)


def test_noise_is_that_of_the_sensor() -> None:
    quiet, _ = accelerometer(20, 0.0, np.random.default_rng(0))
    loud, states = accelerometer(20, 0.5, np.random.default_rng(0))
    assert len(quiet[0]) == len(loud[0])
    assert (loud[0] - quiet[0]).std() == pytest.approx(0.5, rel=0.2)
    standing = np.concatenate([s[own == 0] for s, own in zip(loud, states, strict=True)])
    assert standing[:, 1].std() == pytest.approx(0.5, rel=0.1)


def test_sine_mix_has_its_periods_and_trend() -> None:
    values = sine_mix(40_000, 0.0, np.random.default_rng(0))[:, 0].astype(float)
    t = np.arange(40_000)
    waves = [f(2 * np.pi * t / p) for p in (24, 7.3, 61) for f in (np.sin, np.cos)]
    found, rest, *_ = np.linalg.lstsq(np.stack([t, *waves], axis=1), values, rcond=None)
    assert found[0] == pytest.approx(5e-4, rel=1e-3)
    assert np.hypot(found[1::2], found[2::2]) == pytest.approx([1, 0.5, 0.8], rel=1e-3)
    assert rest[0] < 1e-4  # and nothing else
    noisy = sine_mix(40_000, 0.3, np.random.default_rng(0))[:, 0]
    assert (noisy - values).std() == pytest.approx(0.3, rel=0.05)


def test_mackey_glass_follows_its_equation() -> None:
    values = mackey_glass(600, 0.0, np.random.default_rng(0))[:, 0].astype(float)
    assert 0.3 < values.min() < 0.6 and 1.2 < values.max() < 1.4
    at = CubicSpline(np.arange(600), values)

    def slope(t: np.ndarray) -> np.ndarray:
        return 0.2 * at(t - 17) / (1 + at(t - 17) ** 10) - 0.1 * at(t)

    starts = np.arange(30, 560)
    inner = np.linspace(0, 1, 21)
    change = simpson(slope(starts[:, None] + inner), x=inner, axis=1)
    assert np.abs(values[starts + 1] - values[starts] - change).max() < 2e-4
    assert np.abs(change).max() > 0.05
    noisy = mackey_glass(600, 0.1, np.random.default_rng(0))[:, 0]
    assert (noisy - values).std() == pytest.approx(0.1, rel=0.1)
    other = mackey_glass(600, 0.0, np.random.default_rng(1))[:, 0]
    assert np.abs(other - values)[-100:].max() > 0.2


@pytest.mark.parametrize("lag", [1, 5, 50])
def test_delayed_xor_is_the_xor_of_the_marked_bits(lag: int) -> None:
    x, y = delayed_xor(500, lag, np.random.default_rng(0))
    assert x.shape == (500, lag + 2, 2) and set(np.unique(x)) == {0, 1}
    assert (x[:, :2, 1] == 1).all() and (x[:, 2:, 1] == 0).all()
    assert np.array_equal(y, (x[:, 0, 0] != x[:, 1, 0]).astype(int))
    assert 0.4 < y.mean() < 0.6 and 0.4 < x[:, 2:, 0].mean() < 0.6
    samples = loading.read(config("delayed-xor", source_set={"lag": lag}))
    assert samples.inputs.shape == (2000, lag + 2, 2)
    assert samples.class_names == ("equal", "different")


def test_spots_move_a_pixel_a_step() -> None:
    films, answers = moving_spots(40, 0.0, np.random.default_rng(0))
    assert films.shape == (40, 8, 16, 16, 1) and answers.tolist() == [0, 1, 2, 3] * 10
    line = np.arange(16)
    moves = {0: (-1, 0), 1: (1, 0), 2: (0, -1), 3: (0, 1)}
    for film, answer in zip(films[..., 0], answers.tolist(), strict=True):
        weight = film.sum(axis=(1, 2))
        x = (film.sum(axis=1) * line).sum(axis=1) / weight
        y = (film.sum(axis=2) * line).sum(axis=1) / weight
        inside = slice(2, 7)  # near an edge a part of the spot is cut off
        assert np.diff(x[inside]).mean() == pytest.approx(moves[answer][0], abs=0.25)
        assert np.diff(y[inside]).mean() == pytest.approx(moves[answer][1], abs=0.25)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("moons", {"lag": 3}, "lag has no effect on moons: it is for delayed-xor"),
        ("delayed_xor", {"noise": 0.1}, "noise has no effect on delayed-xor: it has symbols"),
        ("delayed-xor", {"lag": 0}, "lag: must be at least 1"),
    ],
)
def test_settings_without_effect_are_refused(
    name: str, settings: dict[str, float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        loading.read(config(name, source_set=settings))


def test_sine_mix_is_cut_as_asked() -> None:
    samples = loading.read(config("sine-mix", window=30, horizon=6, stride=4))
    assert samples.inputs.shape == (len(range(0, 2000 - 35, 4)), 30, 1)
    assert samples.targets.shape[1:] == (6, 1)
    assert samples.windows.season == 24
    assert np.array_equal(samples.inputs[9][4:], samples.inputs[10][:-4])
