"""Random changes of sequences: of their values, and of their time, where labels move along.

Um et al., "Data Augmentation of Wearable Sensor Data for Parkinson's Disease Monitoring using
Convolutional Neural Networks" (2017); window slicing: Le Guennec et al., "Data Augmentation for
Time Series Classification using Convolutional Neural Networks" (2016).

Each takes x (steps, channels) float32 without padding, labels (steps,) or None, the spread
(2, channels) that holds each channel's mean and standard deviation over the training part, and a
generator; and gives x and labels of the same lengths. Missing values (NaN) stay missing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline

Labels = np.ndarray | None
Pair = tuple[np.ndarray, Labels]


def jitter(
    x: np.ndarray, labels: Labels, spread: np.ndarray, rng: np.random.Generator, sigma: float = 0.05
) -> Pair:
    """Add Gaussian noise of `sigma` standard deviations of each channel."""
    return x + (sigma * spread[1] * rng.standard_normal(x.shape)).astype(x.dtype), labels


def scaling(
    x: np.ndarray, labels: Labels, spread: np.ndarray, rng: np.random.Generator, sigma: float = 0.1
) -> Pair:
    """Stretch each channel about its mean by a factor from a normal distribution around 1.

    About the mean and not about 0, so that a channel's offset does not change what it does.
    """
    return _stretched(x, spread, rng.normal(1, sigma, (1, x.shape[1]))), labels


def magnitude_warp(
    x: np.ndarray,
    labels: Labels,
    spread: np.ndarray,
    rng: np.random.Generator,
    sigma: float = 0.2,
    knots: int = 4,
) -> Pair:
    """Stretch each channel about its mean by a smooth curve around 1, a spline through `knots`."""
    return _stretched(x, spread, _curve(x.shape, sigma, knots, rng)), labels


def _curve(
    shape: tuple[int, ...], sigma: float, knots: int, rng: np.random.Generator
) -> np.ndarray:
    """A smooth curve around 1 (steps, channels), a cubic spline through normal numbers."""
    places = np.linspace(0, 1, knots + 2)
    through = CubicSpline(places, rng.normal(1, sigma, (knots + 2, *shape[1:])))
    return through(np.linspace(0, 1, shape[0]))


def _stretched(x: np.ndarray, spread: np.ndarray, factor: np.ndarray) -> np.ndarray:
    return ((x - spread[0]) * factor + spread[0]).astype(x.dtype)


def time_warp(
    x: np.ndarray,
    labels: Labels,
    spread: np.ndarray,
    rng: np.random.Generator,
    sigma: float = 0.2,
    knots: int = 4,
) -> Pair:
    """Let time run faster and slower along a smooth curve; both ends stay where they are."""
    run = np.cumsum(np.maximum(_curve((len(x),), sigma, knots, rng), 0.1))
    where = (run - run[0]) / max(float(run[-1] - run[0]), 1e-12) * (len(x) - 1)
    return _at(x, labels, where)


def window_slice(
    x: np.ndarray, labels: Labels, spread: np.ndarray, rng: np.random.Generator, share: float = 0.9
) -> Pair:
    """Take a stretch of a `share` of the steps, anywhere, and stretch it to the whole length."""
    length = max(2.0, share * len(x))
    start = rng.uniform(0, max(len(x) - length, 0))
    return _at(x, labels, start + np.linspace(0, min(length, len(x)) - 1, len(x)))


def _at(x: np.ndarray, labels: Labels, where: np.ndarray) -> Pair:
    """Values between two steps, linearly; labels of the nearest."""
    low = np.clip(np.floor(where).astype(int), 0, len(x) - 1)
    high = np.minimum(low + 1, len(x) - 1)
    part = (where - low)[:, None].astype(x.dtype)
    # A weight of 0 must not let a missing value of the other step in.
    between = np.where(part == 0, x[low], x[low] * (1 - part) + x[high] * part)
    nearest = np.clip(np.rint(where).astype(int), 0, len(x) - 1)
    return between, None if labels is None else labels[nearest]


def channel_dropout(
    x: np.ndarray, labels: Labels, spread: np.ndarray, rng: np.random.Generator, share: float = 0.2
) -> Pair:
    """Hold each channel at its mean with probability `share`; one channel at least stays."""
    channels = x.shape[1]
    gone = (rng.random(channels) < share) & (np.arange(channels) != rng.integers(channels))
    return np.where(gone & ~np.isnan(x), spread[0].astype(x.dtype), x), labels


TRANSFORMS: dict[str, Callable[..., Pair]] = {
    "ChannelDropout": channel_dropout,
    "Jitter": jitter,
    "MagnitudeWarp": magnitude_warp,
    "Scaling": scaling,
    "TimeWarp": time_warp,
    "WindowSlice": window_slice,
}
IN_TIME = ("TimeWarp", "WindowSlice")
"""Those that move steps in time."""
