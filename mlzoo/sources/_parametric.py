"""Solutions of differential equations with random starts, at any number of points."""

from __future__ import annotations

import numpy as np

POINTS = 128
"""Points of a field by default, from 0 on and evenly apart; the end 1 is none of them."""
VISCOSITY = 0.01
BURGERS_TIME = 0.5
HEAT_TIMES = (0.5, 1.0)
_WAVES = 8
"""Frequencies of a random start."""
_FREQUENCIES = 512
"""Frequencies of the transformed start of Burgers' equation; far more than the viscosity leaves."""
_COSINES, _NODES = 32, 512
DIFFUSION = 0.02
SIDE = 32
"""Points a side of a field of two dimensions by default."""
_SINES = 5


def burgers(count: int, points: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return random starts and solutions of u_t + u u_x = nu u_xx, (count, points) each.

    Periodic on [0, 1), with nu = 0.01, at time 0.5: steep fronts have formed. The substitution
    u = -2 nu f_x / f makes it the heat equation f_t = nu f_xx, which is solved by frequency; the
    only errors are of rounding. Starts have mean 0 and a deviation of about 0.6.

    Args:
        count: samples.
        points: x = 0, 1 / points, ...; the same functions are drawn for every number.
        rng: decides the starts.

    Source:
        J. D. Cole, "On a quasi-linear parabolic equation occurring in aerodynamics", Quarterly of
        Applied Mathematics 9 (1951), 225-236.
    """
    waves = np.arange(1, _WAVES + 1)
    cos, sin = rng.normal(size=(2, count, _WAVES)) * 1.5 / (1 + waves**2)
    angle = 2 * np.pi * waves[:, None] * np.arange(points) / points
    start = cos @ np.cos(angle) + sin @ np.sin(angle)
    fine = 2 * np.pi * waves[:, None] * np.arange(2 * _FREQUENCIES) / (2 * _FREQUENCIES)
    rate = 2 * np.pi * waves
    integral = (cos / rate) @ np.sin(fine) - (sin / rate) @ np.cos(fine)
    exponent = -integral / (2 * VISCOSITY)
    f = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    frequency = 2 * np.pi * np.arange(_FREQUENCIES)
    coefficients = np.fft.rfft(f, norm="forward")[:, :_FREQUENCIES]
    coefficients = coefficients * np.exp(-VISCOSITY * BURGERS_TIME * frequency**2)
    coefficients[:, 1:] *= 2
    back = np.exp(1j * frequency[:, None] * np.arange(points) / points)
    slope = (1j * frequency * coefficients @ back).real
    return start, -2 * VISCOSITY * slope / (coefficients @ back).real


def reaction(count: int, points: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return sources f and solutions u of u^3 - d (u_xx + u_yy) = f, (count, points, points) each.

    In a square from 0 to 1 with u = 0 at its sides, and d = 0.02. Solutions are random sums of
    sines, from which the sources follow exactly.

    Args:
        count: samples.
        points: a side, both ends among them.
        rng: decides the solutions.
    """
    waves = np.arange(1, _SINES + 1)
    squares = waves[:, None] ** 2 + waves**2
    drawn = rng.normal(size=(count, _SINES, _SINES)) * 4 / squares
    sines = np.sin(np.pi * waves[:, None] * np.linspace(0, 1, points))
    u = np.einsum("nij,iy,jx->nyx", drawn, sines, sines, optimize=True)
    bent = np.einsum("nij,iy,jx->nyx", drawn * np.pi**2 * squares, sines, sines, optimize=True)
    return u**3 + DIFFUSION * bent, u


def heat(count: int, points: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return starts with conductivities and solutions of u_t = (a u_x)_x, (count, points, 2) each.

    A rod from 0 to 1 with insulated ends and a conductivity a(x) of about 0.02 to 0.15; solutions
    are at times 0.5 and 1. They are sums of 32 cosines (Galerkin's method), exact in time.

    Args:
        count: samples.
        points: x = 0, 1 / points, ...; the same functions are drawn for every number.
        rng: decides starts and conductivities.
    """
    x, nodes = np.arange(points) / points, (np.arange(_NODES) + 0.5) / _NODES
    order = np.arange(_COSINES)
    drawn = rng.normal(size=(2, count, _COSINES))
    start = np.where((order > 0) & (order <= _WAVES), drawn[0] / np.maximum(order, 1), 0)
    bends = np.where((order > 0) & (order <= 4), drawn[1] / (1 + order), 0)
    shift = rng.uniform(-0.5, 0.5, (count, 1))

    def cosines(at: np.ndarray) -> np.ndarray:
        return np.cos(np.pi * order[:, None] * at)

    def conductivity(at: np.ndarray) -> np.ndarray:
        return 0.05 * np.exp(bends @ cosines(at) + shift)

    # An orthonormal basis makes the equation c' = -stiffness c.
    norm = np.where(order > 0, np.sqrt(2), 1.0)
    slopes = norm[:, None] * np.pi * order[:, None] * np.sin(np.pi * order[:, None] * nodes)
    stiffness = np.einsum("jx,nx,kx->njk", slopes, conductivity(nodes), slopes, optimize=True)
    rates, modes = np.linalg.eigh(stiffness / _NODES)
    amplitudes = np.einsum("nkm,nk->nm", modes, start / norm)
    decayed = [amplitudes * np.exp(-rates * time) for time in HEAT_TIMES]
    ends = [np.einsum("nkm,nm->nk", modes, each) * norm @ cosines(x) for each in decayed]
    inputs = np.stack([start @ cosines(x), conductivity(x)], axis=-1)
    return inputs, np.stack(ends, axis=-1)
