"""Sequences stretched in value and in time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Labels = np.ndarray | None
Pair = tuple[np.ndarray, Labels]
Change = Callable[[np.ndarray, Labels, np.ndarray, np.random.Generator], Pair]
"""From x (steps, channels), labels (steps,) or None, spread (2, channels) and a generator."""


def curve(shape: tuple[int, ...], sigma: float, knots: int, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth curve around 1 (steps, channels), a cubic spline through normal numbers.

    Args:
        shape: (steps,) or (steps, channels).
        sigma: standard deviation of the numbers.
        knots: of the spline, beside both ends.
        rng: where the numbers come from.
    """
    from scipy.interpolate import CubicSpline

    places = np.linspace(0, 1, knots + 2)
    through = CubicSpline(places, rng.normal(1, sigma, (knots + 2, *shape[1:])))
    return through(np.linspace(0, 1, shape[0]))


def stretched(x: np.ndarray, spread: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return values stretched about each channel's mean.

    Args:
        x: (steps, channels).
        spread: (2, channels) mean and standard deviation of each channel.
        factor: (steps, channels) or (1, channels).
    """
    return ((x - spread[0]) * factor + spread[0]).astype(x.dtype)


def at(x: np.ndarray, labels: Labels, where: np.ndarray) -> Pair:
    """Return values between two steps, linearly, and labels of the nearest.

    Args:
        x: (steps, channels).
        labels: (steps,) or None.
        where: (steps,) places in time, from 0 to steps - 1.
    """
    low = np.clip(np.floor(where).astype(int), 0, len(x) - 1)
    high = np.minimum(low + 1, len(x) - 1)
    part = (where - low)[:, None].astype(x.dtype)
    # A weight of 0 must not let a missing value of the other step in.
    between = np.where(part == 0, x[low], x[low] * (1 - part) + x[high] * part)
    nearest = np.clip(np.rint(where).astype(int), 0, len(x) - 1)
    return between, None if labels is None else labels[nearest]
