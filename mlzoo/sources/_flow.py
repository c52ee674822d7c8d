"""Potential flow around ellipses: velocities from a conformal map, distances from the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

SIDE = 64
"""Pixels a side of an image."""
EXTENT = 2.0
"""The image shows x and y from -EXTENT to EXTENT."""
_OUTLINE = 720


@dataclass(frozen=True)
class Ellipse:
    """Semi-axes, angle of the first to the x axis (radians, anticlockwise), and center."""

    a: float
    b: float
    angle: float = 0.0
    x: float = 0.0
    y: float = 0.0


def pixel_centers(side: int = SIDE) -> np.ndarray:
    """(side, side) complex x + iy of the pixels' centers; y grows upwards, rows from the top."""
    step = 2 * EXTENT / side
    line = -EXTENT + step * (np.arange(side) + 0.5)
    return line[None, :] - 1j * line[:, None]


def velocities(z: np.ndarray, body: Ellipse) -> np.ndarray:
    """Velocity (..., 2) of a unit stream along x that passes an ellipse without circulation.

    With zeta + c² / zeta = z' in the body's own axes, c² = (a² - b²) / 4 and R = (a + b) / 2, the
    outside of the ellipse is that of the circle |zeta| = R, and with alpha the stream's angle to
    the first semi-axis

        u' - i v' = (exp(-i alpha) - R² exp(i alpha) / zeta²) / (1 - c² / zeta²).

    Args:
        z: complex positions.
        body: the ellipse.

    Returns:
        u and v; NaN within the body.

    Source:
        L. M. Milne-Thomson, Theoretical Hydrodynamics, 5th edition (1968), chapter 6.
    """
    body_z = (z - complex(body.x, body.y)) * np.exp(-1j * body.angle)
    squared = (body.a**2 - body.b**2) / 4
    focus = 2 * np.sqrt(complex(squared))
    zeta = (body_z + np.sqrt(body_z - focus) * np.sqrt(body_z + focus)) / 2
    radius, alpha = (body.a + body.b) / 2, -body.angle
    with np.errstate(divide="ignore", invalid="ignore"):
        numerator = np.exp(-1j * alpha) - radius**2 * np.exp(1j * alpha) / zeta**2
        conjugate = numerator / (1 - squared / zeta**2)
    velocity = np.conj(conjugate) * np.exp(1j * body.angle)
    velocity[inside(z, body)] = complex(np.nan, np.nan)
    return np.stack([velocity.real, velocity.imag], axis=-1)


def inside(z: np.ndarray, body: Ellipse) -> np.ndarray:
    """Return whether positions lie within an ellipse."""
    body_z = (z - complex(body.x, body.y)) * np.exp(-1j * body.angle)
    return (body_z.real / body.a) ** 2 + (body_z.imag / body.b) ** 2 < 1


def signed_distance(z: np.ndarray, body: Ellipse) -> np.ndarray:
    """Distance to an ellipse's outline, negative within it; right to a thousandth of the axes."""
    turn = np.linspace(0, 2 * np.pi, _OUTLINE, endpoint=False)
    outline = (body.a * np.cos(turn) + 1j * body.b * np.sin(turn)) * np.exp(1j * body.angle)
    outline += complex(body.x, body.y)
    tree = cKDTree(np.stack([outline.real, outline.imag], axis=-1))
    distance, _ = tree.query(np.stack([z.real, z.imag], axis=-1))
    return np.where(inside(z, body), -distance, distance)


def draw_bodies(count: int, rng: np.random.Generator) -> list[Ellipse]:
    """Ellipses of random size, slenderness, angle and place; every fourth one is a circle."""
    bodies = []
    for number in range(count):
        a = rng.uniform(0.3, 0.8)
        b = a if number % 4 == 0 else a * rng.uniform(0.3, 1.0)
        x, y = rng.uniform(-0.4, 0.4, 2)
        bodies.append(Ellipse(a, b, rng.uniform(0, np.pi), x, y))
    return bodies


def flow_fields(
    count: int, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Images of signed distances (count, 64, 64, 1) and of velocities (count, 64, 64, 2), float32.

    Velocities are NaN within the bodies. `noise` is added to them, its standard deviation in
    units of the stream's speed.
    """
    z = pixel_centers()
    bodies = draw_bodies(count, rng)
    distances = np.stack([signed_distance(z, body) for body in bodies])[..., None]
    fields = np.stack([velocities(z, body) for body in bodies])
    fields = fields + rng.normal(0, noise, fields.shape)
    return distances.astype(np.float32), fields.astype(np.float32)
