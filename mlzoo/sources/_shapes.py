"""Pictures of discs, squares and triangles with their masks: the outline alone tells them apart."""

from __future__ import annotations

import math

import numpy as np

SIDE = 64
"""Pixels a side of a picture."""
CLASSES = ("background", "disc", "square", "triangle")
_CORNERS = {1: 0, 2: 4, 3: 3}
_MOST = 4
_TRIES = 30


def shapes(count: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and masks of one to four shapes that don't touch, of any angle.

    Shapes of one size have one area, whatever their outline. They are brighter or darker than the
    ground, whose brightness changes along a line, so a pixel's own value says little.

    Args:
        count: of pictures.
        noise: standard deviation of the noise, in gray levels of 256.
        rng: decides everything.

    Returns:
        (count, SIDE, SIDE, 1) uint8 gray levels, and (count, SIDE, SIDE) uint8 places in CLASSES.
    """
    pictures = np.zeros((count, SIDE, SIDE), np.float64)
    masks = np.zeros((count, SIDE, SIDE), np.uint8)
    for picture, mask in zip(pictures, masks, strict=True):
        x, y, ground = background(rng)
        picture += ground
        placed: list[tuple[float, float, float]] = []
        for _ in range(int(rng.integers(1, _MOST + 1))):
            kind, size = int(rng.integers(1, len(CLASSES))), rng.uniform(6, 11)
            place = free_place(placed, reach_of(kind, size), rng)
            if place is None:
                continue
            placed.append((*place, reach_of(kind, size)))
            depth = depth_of(x - place[0], y - place[1], kind, size, rng.uniform(0, 2 * np.pi))
            contrast = rng.uniform(35, 70) * rng.choice((-1, 1))
            picture += contrast * np.clip(depth + 0.5, 0, 1)
            mask[depth > 0] = kind
    pictures += rng.normal(0, noise, pictures.shape)
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)[..., None], masks


def background(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the coordinates of pixels, and a brightness that changes along a line.

    Args:
        rng: decides on the brightness and the line.

    Returns:
        x, y and gray levels, (SIDE, SIDE) each.
    """
    line = np.arange(SIDE) + 0.5
    y, x = np.meshgrid(line, line, indexing="ij")
    angle = rng.uniform(0, 2 * np.pi)
    slope = rng.uniform(0, 60) / SIDE
    along = (x - SIDE / 2) * math.cos(angle) + (y - SIDE / 2) * math.sin(angle)
    return x, y, rng.uniform(90, 165) + slope * along


def reach_of(kind: int, size: float) -> float:
    """Return the distance of a shape's corners from its center, from its disc's radius."""
    corners = _CORNERS[kind]
    if not corners:
        return size
    return size * math.sqrt(2 * math.pi / (corners * math.sin(2 * math.pi / corners)))


def depth_of(x: np.ndarray, y: np.ndarray, kind: int, size: float, angle: float) -> np.ndarray:
    """Return the depth of a point within a shape about the origin in pixels; negative outside."""
    corners, reach = _CORNERS[kind], reach_of(kind, size)
    if not corners:
        return reach - np.hypot(x, y)
    normals = angle + 2 * np.pi * np.arange(corners) / corners
    outward = [x * math.cos(normal) + y * math.sin(normal) for normal in normals]
    return reach * math.cos(math.pi / corners) - np.max(outward, axis=0)


def free_place(
    placed: list[tuple[float, float, float]], reach: float, rng: np.random.Generator
) -> tuple[float, float] | None:
    """A center from which a shape touches neither another nor the picture's edge."""
    for _ in range(_TRIES):
        x, y = rng.uniform(reach + 1, SIDE - reach - 1, 2)
        if all(math.hypot(x - u, y - v) > reach + other + 1 for u, v, other in placed):
            return x, y
    return None
