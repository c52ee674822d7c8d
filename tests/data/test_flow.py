"""Flow around bodies: known speeds on circles and ellipses, and the equations of the flow."""

from __future__ import annotations

import numpy as np
import pytest

from mlzoo.data import loading
from mlzoo.sources._flow import (
    Ellipse,
    draw_bodies,
    flow_fields,
    inside,
    pixel_centers,
    signed_distance,
    velocities,
)
from tests.data.pictures import config


@pytest.mark.parametrize(
    ("body", "point", "speed"),
    [
        (Ellipse(0.5, 0.5), 0.5j, 2.0),  # the top of a circle
        (Ellipse(0.5, 0.5), -0.5, 0.0),  # where the stream is parted
        (Ellipse(0.8, 0.4), 0.4j, 1.5),  # 1 + b / a
        (Ellipse(0.8, 0.4, np.pi / 2), 0.8j, 3.0),  # 1 + a / b: set across the stream
        (Ellipse(0.6, 0.3, 0.7, 0.2, -0.1), 60 + 20j, 1.0),  # far away
    ],
)
def test_speeds_that_are_known(body: Ellipse, point: complex, speed: float) -> None:
    outside = np.array([point * (1 + 1e-9) if abs(point) < 1 else point])
    u, v = velocities(outside, body)[0]
    assert np.hypot(u, v) == pytest.approx(speed, abs=1e-3)


def test_the_flow_has_neither_sources_nor_whirls_and_none_through_the_body() -> None:
    body = Ellipse(0.7, 0.3, 0.6, 0.1, 0.1)
    z = pixel_centers(400)
    field, step = velocities(z, body), 4 / 400
    far = signed_distance(z, body) > 0.2
    du_dy, du_dx = np.gradient(field[..., 0], -step, step)
    dv_dy, dv_dx = np.gradient(field[..., 1], -step, step)
    assert np.abs(du_dx + dv_dy)[far].max() < 5e-3
    assert np.abs(dv_dx - du_dy)[far].max() < 5e-3
    turn = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    rim = (body.a * np.cos(turn) + 1j * body.b * np.sin(turn)) * np.exp(1j * body.angle)
    normal = (np.cos(turn) / body.a + 1j * np.sin(turn) / body.b) * np.exp(1j * body.angle)
    on_rim = velocities(rim * (1 + 1e-9) + complex(body.x, body.y), body)
    through = on_rim[:, 0] * normal.real + on_rim[:, 1] * normal.imag
    assert np.abs(through).max() < 1e-6


def test_distances_and_the_body_s_inside_agree() -> None:
    z, body = pixel_centers(), Ellipse(0.5, 0.5, 0.0, 0.1, -0.2)
    distance = signed_distance(z, body)
    np.testing.assert_allclose(distance, np.abs(z - (0.1 - 0.2j)) - 0.5, atol=3e-3)
    np.testing.assert_array_equal(distance < 0, inside(z, body))
    assert z[0, 0].imag > 0 and z[-1, 0].imag < 0, "rows run from the top"


def test_fields_do_not_count_within_a_body() -> None:
    x, y = flow_fields(8, 0.0, np.random.default_rng(3))
    assert (x.shape, y.shape) == ((8, 64, 64, 1), (8, 64, 64, 2))
    np.testing.assert_array_equal(np.isnan(y).all(axis=-1), x[..., 0] < 0)
    bodies = draw_bodies(8, np.random.default_rng(3))
    assert [body.a == body.b for body in bodies] == [True, False, False, False] * 2


def test_the_data_set_follows_from_its_seed() -> None:
    few = {"samples": 12}
    one, same = (loading.read(config("flow-fields", source_set=few, seed=1)) for _ in range(2))
    other = loading.read(config("flow-fields", source_set=few, seed=2))
    np.testing.assert_array_equal(one.targets, same.targets)
    assert not np.array_equal(one.inputs, other.inputs)
    assert (one.task, one.target_names) == ("fields", ("velocity_x", "velocity_y"))
    noisy = loading.read(config("flow-fields", source_set={"noise": 0.1, **few}, seed=1))
    difference = np.asarray(noisy.targets) - np.asarray(one.targets)
    assert np.nanstd(difference) == pytest.approx(0.1, rel=0.05)
