"""Pictures of two shapes, and a sentence that says which they are and how they lie."""

from __future__ import annotations

import numpy as np

from mlzoo.sources._shapes import CLASSES, SIDE, background, depth_of, free_place, reach_of


def captions(count: int, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
    """Draw two shapes a picture, of any angle, brighter or darker than the ground.

    The sentence begins with the shape on the left, or with the upper one where the two lie more one
    above the other than side by side: `bright disc above dark square`.

    Args:
        count: of pictures.
        noise: standard deviation of the noise, in gray levels of 256.
        rng: decides everything.

    Returns:
        (count, SIDE, SIDE, 1) uint8 gray levels, and the sentences.
    """
    pictures, texts = np.zeros((count, SIDE, SIDE), np.float64), []
    for picture in pictures:
        x, y, ground = background(rng)
        picture += ground
        placed: list[tuple[float, float, float]] = []
        words = []
        while len(placed) < 2:
            kind, size = int(rng.integers(1, len(CLASSES))), rng.uniform(6, 10)
            place = free_place(placed, reach_of(kind, size), rng)
            if place is None or (placed and not _told_apart(placed[0], place)):
                continue
            placed.append((*place, reach_of(kind, size)))
            depth = depth_of(x - place[0], y - place[1], kind, size, rng.uniform(0, 2 * np.pi))
            bright = bool(rng.integers(2))
            picture += rng.uniform(45, 80) * (1 if bright else -1) * np.clip(depth + 0.5, 0, 1)
            words.append(f"{'bright' if bright else 'dark'} {CLASSES[kind]}")
        texts.append(_sentence(words, placed))
    pictures += rng.normal(0, noise, pictures.shape)
    return np.clip(np.rint(pictures), 0, 255).astype(np.uint8)[..., None], texts


def _told_apart(first: tuple[float, float, float], second: tuple[float, float]) -> bool:
    """Return whether two places lie clearly side by side, or clearly one above the other."""
    across, down = abs(first[0] - second[0]), abs(first[1] - second[1])
    return max(across, down) > 1.5 * min(across, down)


def _sentence(words: list[str], placed: list[tuple[float, float, float]]) -> str:
    (x1, y1, _), (x2, y2, _) = placed
    beside = abs(x1 - x2) > abs(y1 - y2)
    first = int(x1 > x2 if beside else y1 > y2)
    return f"{words[first]} {'left of' if beside else 'above'} {words[1 - first]}"
