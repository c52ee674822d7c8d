"""Pictures in which any of five shapes lie: disc, square, triangle, ring and cross."""

from __future__ import annotations

import math

import numpy as np

from mlzoo.sources._shapes import SIDE, background, depth_of, free_place, reach_of

LABELS = ("cross", "disc", "ring", "square", "triangle")
_KINDS = {"disc": 1, "square": 2, "triangle": 3}
_HOLE = 0.55
"""Radius of a ring's hole over that of the ring."""
_ARM = 0.3
"""Half the width of a cross's arms over their length from its center."""


def scenes(count: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw pictures that hold each shape with a chance of one half, on a ground with a slope.

    Shapes do not touch, have any angle, and are brighter or darker than the ground.

    Args:
        count: of pictures.
        noise: standard deviation of the noise, in gray levels of 256.
        rng: decides everything.

    Returns:
        (count, SIDE, SIDE, 1) uint8 gray levels, and (count, 5) float32, 1 for each of LABELS that
        lies in a picture.
    """
    pictures = np.zeros((count, SIDE, SIDE), np.float64)
    labels = np.zeros((count, len(LABELS)), np.float32)
    for picture, label in zip(pictures, labels, strict=True):
        x, y, ground = background(rng)
        picture += ground
        placed: list[tuple[float, float, float]] = []
        for position in rng.permutation(np.flatnonzero(rng.random(len(LABELS)) < 0.5)):
            name, size = LABELS[position], rng.uniform(6, 9)
            reach = _reach(name, size)
            place = free_place(placed, reach, rng)
            if place is None:
                continue
            placed.append((*place, reach))
            angle = rng.uniform(0, 2 * np.pi)
            depth = _depth(x - place[0], y - place[1], name, size, angle)
            picture += rng.uniform(45, 80) * rng.choice((-1, 1)) * np.clip(depth + 0.5, 0, 1)
            label[position] = 1
    pictures += rng.normal(0, noise, pictures.shape)
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)[..., None], labels


def _reach(name: str, size: float) -> float:
    """Return the distance of a shape's farthest points from its center."""
    if name in _KINDS:
        return reach_of(_KINDS[name], size)
    return size * (math.hypot(1, _ARM) if name == "cross" else 1) * 1.2


def _depth(x: np.ndarray, y: np.ndarray, name: str, size: float, angle: float) -> np.ndarray:
    """Return the depth of points within a shape about the origin in pixels; negative outside."""
    if name in _KINDS:
        return depth_of(x, y, _KINDS[name], size, angle)
    size = 1.2 * size
    if name == "ring":
        radius = np.hypot(x, y)
        return np.minimum(size - radius, radius - _HOLE * size)
    along = np.abs(x * math.cos(angle) + y * math.sin(angle))
    across = np.abs(y * math.cos(angle) - x * math.sin(angle))
    bars = (
        np.minimum(size - along, _ARM * size - across),
        np.minimum(size - across, _ARM * size - along),
    )
    return np.maximum(*bars)
