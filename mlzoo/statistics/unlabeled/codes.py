"""Paths and planes through the codes that a generative model makes samples of."""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt

import numpy as np

from mlzoo.core.errors import UsageError

_DRAWS = 512
"""Samples that the directions of largest change are estimated from."""
_TAIL = 0.05
"""Probability outside of a grid, at each of its sides."""
_PARALLEL = 1e-3
"""Sine of the angle below which a great circle is not well defined."""

Decode = Callable[[np.ndarray], np.ndarray]
"""From codes (n, *shape) to scaled samples (n, ...)."""


def slerp(start: np.ndarray, end: np.ndarray, count: int) -> np.ndarray:
    """Return codes (count, *shape) from one to another along a great circle, both included.

    Shoemake, "Animating rotation with quaternion curves" (1985); White, "Sampling generative
    networks" (2016): codes of many normal numbers have about the same length, which a straight
    line between two of them leaves. Codes in one line are joined by a straight one.

    Args:
        start: (*shape) code.
        end: the same.
        count: how many, from 2.
    """
    shares = np.linspace(0.0, 1.0, count).reshape(-1, *[1] * start.ndim)
    lengths = float(np.linalg.norm(start)), float(np.linalg.norm(end))
    cosine = float((start * end).sum()) / max(lengths[0] * lengths[1], 1e-12)
    angle = np.arccos(np.clip(cosine, -1, 1))
    if min(lengths) < 1e-6 or np.sin(angle) < _PARALLEL:
        codes = (1 - shares) * start + shares * end
    else:
        first, second = np.sin((1 - shares) * angle), np.sin(shares * angle)
        codes = (first * start + second * end) / np.sin(angle)
    return codes.astype("float32")


def quantile_grid(side: int) -> np.ndarray:
    """Return quantiles (side * side, 2) of two normal numbers at a square grid, row by row.

    The first number grows to the right and the second upward, at equal steps of probability
    (Kingma and Welling, 2014, figure 4).

    Args:
        side: of the grid, in samples.
    """
    from scipy.stats import norm

    quantiles = norm.ppf(np.linspace(_TAIL, 1 - _TAIL, side)) if side > 1 else np.zeros(1)
    right, up = np.meshgrid(quantiles, quantiles[::-1])
    return np.stack([right.ravel(), up.ravel()], axis=1).astype("float32")


def main_directions(decode: Decode, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return the two unit codes (2, n) along which samples change most in the mean.

    They are the first left singular vectors of the covariance of codes with their samples, which
    of normal codes is the mean Jacobian of the decoder (Stein's lemma).

    Args:
        decode: the decoder.
        shape: of a code.
        seed: of the codes that are drawn.
    """
    codes = np.random.default_rng([seed, 0x1A]).normal(size=(_DRAWS, *shape)).astype("float32")
    samples = decode(codes).reshape(_DRAWS, -1).astype("float64")
    flat = codes.reshape(_DRAWS, -1).astype("float64")
    covariance = flat.T @ (samples - samples.mean(axis=0)) / _DRAWS
    return np.linalg.svd(covariance, full_matrices=False)[0][:, :2].T


def grid_codes(decode: Decode, shape: tuple[int, ...], count: int, seed: int) -> np.ndarray:
    """Return the codes (side * side, *shape) of a grid, of at most `count` samples.

    Codes of two numbers are the grid's own. Longer ones are one code, drawn with the seed, whose
    parts along the two main directions are replaced by those of the grid.

    Args:
        decode: the decoder.
        shape: of a code.
        count: samples at most.
        seed: of the code and of the directions.

    Raises:
        UsageError: codes are single numbers.
    """
    places = quantile_grid(isqrt(count))
    size = int(np.prod(shape))
    if size < 2:
        raise UsageError(
            "--latent-grid needs codes of two numbers or more, and these are single numbers; use "
            "--interpolate, or train with --set code=2"
        )
    if size == 2:
        return places.reshape(-1, *shape)
    directions = main_directions(decode, shape, seed)
    code = np.random.default_rng(seed).normal(size=size)
    code = code - (directions @ code) @ directions
    return (code + places @ directions).reshape(-1, *shape).astype("float32")
