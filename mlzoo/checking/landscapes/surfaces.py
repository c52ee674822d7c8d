"""The loss over a plane of weights within a time budget, and along a line of weights."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlzoo.checking.landscapes.columns import fast_surface
from mlzoo.checking.landscapes.losses import LossOf, Weights
from mlzoo.checking.landscapes.planes import Plane
from mlzoo.core.progress import Listener


@dataclass(frozen=True)
class Surface:
    """Losses z (m, n) over b (m,) and a (n,); `fast` says whether unchanged parts were shared."""

    a: np.ndarray
    b: np.ndarray
    z: np.ndarray
    fast: bool
    note: str = ""


class OnPlane:
    """A loss over a plane as a function of two numbers, for optimizers to walk on."""

    def __init__(self, loss: LossOf, plane: Plane) -> None:
        self._loss, self._plane = loss, plane
        self._fast = fast_surface(loss, plane)

    @property
    def fast(self) -> bool:
        """Return True if everything constant over the plane is computed once."""
        return self._fast is not None

    def value(self, points: np.ndarray) -> np.ndarray:
        """Return losses (n,) at points (n, 2)."""
        if self._fast is not None:
            return np.asarray(self._fast(points), float)
        return np.array([self._loss.value(self._plane.at(*point)) for point in points])

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Return gradients (n, 2): those in all weights, along the two directions."""
        return np.array([self._slope(point) for point in points])

    def _slope(self, point: np.ndarray) -> list[float]:
        if not np.isfinite(point).all():
            return [math.nan, math.nan]
        gradients = self._loss.gradients(self._plane.at(*point))
        both = (self._plane.first, self._plane.second)
        return [
            float(sum((g * d).sum() for g, d in zip(gradients, direction, strict=True)))
            for direction in both
        ]


def measure(
    land: OnPlane, plane: Plane, side: int, budget: float, listener: Listener | None = None
) -> Surface:
    """Measure the loss on a grid of `side` points a side, of fewer if the budget is too small.

    Args:
        land: the loss over the plane.
        plane: what is shown of it.
        side: points in each direction.
        budget: seconds; what a point takes is measured first.
        listener: progress callback.
    """
    listener = listener or Listener()
    began = time.perf_counter()
    row, few = (500, 50) if land.fast else (1, 1)
    probe = np.zeros((few, 2))
    land.value(probe)  # compiles
    compiled = time.perf_counter()
    land.value(probe)
    pace = (time.perf_counter() - compiled) / few
    left = max(0.0, budget - (time.perf_counter() - began))
    fitting = max(5, int(math.sqrt(left / max(pace, 1e-9))))
    note = ""
    if fitting < side:
        note = f"{fitting}x{fitting} points instead of {side}x{side}, to stay within --budget"
        side = fitting
    a, b = (np.linspace(*span, side) for span in plane.spans)
    points = np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2)
    losses = []
    for start in range(0, len(points), row):
        losses.append(land.value(points[start : start + row]))
        listener.progress(min(start + row, len(points)), len(points), "measuring the loss")
    return Surface(a, b, np.concatenate(losses).reshape(side, side), land.fast, note)


def along(
    losses: Sequence[LossOf], first: Weights, last: Weights, places: np.ndarray
) -> list[list[float]]:
    """Return losses on the line first + t (last - first), for each `LossOf` and each t.

    Args:
        losses: losses of a model.
        first: weights at t = 0.
        last: weights at t = 1.
        places: values of t.
    """
    values: list[list[float]] = [[] for _ in losses]
    for t in places:
        pairs = zip(first, last, strict=True)
        weights = [((1 - t) * f + t * end).astype(f.dtype) for f, end in pairs]
        for line_values, loss in zip(values, losses, strict=True):
            line_values.append(loss.value(weights))
    return values


def barrier(values: Sequence[float], places: np.ndarray) -> float:
    """Return the height of the loss above the straight line between its ends, for t in [0, 1]."""
    inside = (places >= 0) & (places <= 1)
    t, inside_values = places[inside], np.array(values)[inside]
    return float(
        max(0.0, (inside_values - ((1 - t) * inside_values[0] + t * inside_values[-1])).max())
    )
