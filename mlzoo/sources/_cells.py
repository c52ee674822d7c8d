"""Pictures of cells that touch, with masks that number them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

SIDE = 64
"""Pixels a side of a picture."""
_FEWEST, _MOST = 5, 12
_RADII = 5.0, 9.0
_SLIMMEST = 0.6
_APART = 0.55
"""The least distance of two centers, as a share of the sum of their radii."""
_TRIES = 30
_KEPT = 0.4
"""Cells of which a neighbor covers more than the rest are left out."""


def cells(count: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of 5 to 12 bright cells, most of which touch others, and masks of their numbers.

    Cells are ellipses; where two overlap, each pixel belongs to the one whose center is nearer in
    units of its own axes. A cell grows darker towards its outline, so that a faint line remains
    where two touch; each has a brightness of its own, and the ground's changes slowly.

    Args:
        count: of pictures.
        noise: standard deviation of the noise, in gray levels of 256.
        rng: decides everything.

    Returns:
        (count, SIDE, SIDE, 1) uint8 gray levels, and (count, SIDE, SIDE) uint16 numbers from 1, 0
        where no cell is.
    """
    pictures = np.zeros((count, SIDE, SIDE))
    masks = np.zeros((count, SIDE, SIDE), np.uint16)
    for picture, mask in zip(pictures, masks, strict=True):
        depth, owner = _place(int(rng.integers(_FEWEST, _MOST + 1)), rng)
        numbers = [n for n in np.unique(owner) if n]
        for number, cell in enumerate(numbers, start=1):
            mask[owner == cell] = number
        brightness = np.concatenate([[0.0], rng.uniform(70, 130, len(numbers))])
        slow = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 16, mode="wrap")
        picture += 45 + 10 * slow / slow.std()
        picture += brightness[mask] * (0.35 + 0.65 * np.sqrt(depth)) * (mask > 0)
    pictures = gaussian_filter(pictures, (0, 0.5, 0.5)) + rng.normal(0, noise, pictures.shape)
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)[..., None], masks


def _place(wanted: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return how deep each pixel lies in its cell, 0 to 1, and the cell's number, 0 for none.

    All but the first cell are placed beside one that is there, about as far away as their radii.
    """
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    distance, owner = np.ones((SIDE, SIDE)), np.zeros((SIDE, SIDE), int)
    placed: list[tuple[float, float, float]] = []
    areas: dict[int, int] = {}
    for number in range(1, wanted + 1):
        for _ in range(_TRIES):
            radius, slimness = rng.uniform(*_RADII), rng.uniform(_SLIMMEST, 1)
            u, v = _beside(placed, radius, rng)
            if not all(np.hypot(u - a, v - b) > _APART * (radius + r) for a, b, r in placed):
                continue
            angle = rng.uniform(0, np.pi)
            along = (x - u) * np.cos(angle) + (y - v) * np.sin(angle)
            across = (y - v) * np.cos(angle) - (x - u) * np.sin(angle)
            cell = (along / radius) ** 2 + (across / (slimness * radius)) ** 2
            taken = cell < distance
            after = np.where(taken, number, owner)
            grown = {**areas, number: int((cell < 1).sum())}
            if all((after == n).sum() > _KEPT * area for n, area in grown.items()):
                distance, owner, areas = np.minimum(cell, distance), after, grown
                placed.append((u, v, radius))
                break
    return 1 - distance, owner


def _beside(
    placed: list[tuple[float, float, float]], radius: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Return a center next to one of the cells, within the picture."""
    if not placed:
        u, v = rng.uniform(radius, SIDE - radius, 2)
        return float(u), float(v)
    a, b, other = placed[int(rng.integers(len(placed)))]
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 1.05) * (radius + other)
    u, v = np.clip(
        [a + reach * np.cos(angle), b + reach * np.sin(angle)], radius / 2, SIDE - radius / 2
    )
    return float(u), float(v)
