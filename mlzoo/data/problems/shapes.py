"""Discs and polygons that are cut out of a domain, in the plane of its first two coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Disc:
    """A disc.

    Attributes:
        center: of it, in the units of the coordinates.
        radius: above 0.
    """

    center: tuple[float, float]
    radius: float
    kind = "disc"

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Return distances (n,) from the rim, above 0 within, of points (n, 2)."""
        x, y = (points - self.center).T
        return np.asarray(self.radius - np.hypot(x, y))

    def rim(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return points (count, 2) that are uniform on the rim."""
        angles = rng.uniform(0, 2 * np.pi, count)
        return self.center + self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


@dataclass(frozen=True)
class Polygon:
    """A polygon, which need not be convex.

    Attributes:
        corners: at least three, in order; the last is joined to the first.
    """

    corners: tuple[tuple[float, float], ...]
    kind = "polygon"

    def depth(self, points: np.ndarray) -> np.ndarray:
        """Return distances (n,) from the rim, above 0 within, of points (n, 2)."""
        starts, edges = self._edges()
        lengths = (edges**2).sum(axis=1)
        apart = points[:, None] - starts
        along = np.clip((apart * edges).sum(axis=-1) / lengths, 0, 1)
        distance = np.linalg.norm(apart - along[..., None] * edges, axis=-1).min(axis=1)
        # A ray to the right crosses the rim an odd number of times from within.
        low, high = starts[:, 1], starts[:, 1] + edges[:, 1]
        y = points[:, 1:]
        crosses = (low > y) != (high > y)
        height = np.where(edges[:, 1] == 0, 1.0, edges[:, 1])
        at = starts[:, 0] + (y - low) / height * edges[:, 0]
        inside = (crosses & (points[:, :1] < at)).sum(axis=1) % 2 == 1
        return np.where(inside, distance, -distance)

    def rim(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return points (count, 2) that are uniform on the rim."""
        starts, edges = self._edges()
        lengths = np.linalg.norm(edges, axis=1)
        chosen = rng.choice(len(edges), count, p=lengths / lengths.sum())
        along = rng.uniform(0, 1, (count, 1))
        return np.asarray(starts[chosen] + along * edges[chosen])

    def _edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the starts of the edges and the ways to their ends, both (corners, 2)."""
        starts = np.array(self.corners)
        return starts, np.roll(starts, -1, axis=0) - starts


Hole = Disc | Polygon
