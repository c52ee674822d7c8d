"""Large images in tiles: where the tiles lie, and how their predictions are put together.

Neighbouring tiles share `overlap` pixels. Where they do, the outer three eighths of the overlap
of each tile, which the network saw with part of their surroundings missing, have no weight, and
the quarter in the middle goes over from one tile to the next in a straight line. The weights of
all tiles at a pixel sum to 1. Tiles start at multiples of `GRID`, so that a network that halves
its map up to five times sees the same grid in a tile as in the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mlzoo.data.decoding import mirrored
from mlzoo.errors import UsageError

GRID = 32
AUTO_SIDE = 512
LARGE = 1024 * 1024
"""Images with more pixels are cut into tiles unless `--tile none` says otherwise."""

Predict = Callable[[np.ndarray], np.ndarray]
"""From images (n, height, width, channels) to outputs (n, height, width, units)."""


@dataclass(frozen=True)
class Tiling:
    """Square tiles of `side` pixels that share `overlap` pixels, both multiples of `GRID`.

    Raises:
        UsageError: they are not, or the overlap is more than half of the side.
    """

    side: int
    overlap: int

    def __post_init__(self) -> None:
        if self.side % GRID or self.overlap % GRID or not 0 <= self.overlap <= self.side // 2:
            raise UsageError(
                f"tiles of {self.side} pixels that share {self.overlap}: both must be multiples "
                f"of {GRID}, and the overlap at most half of the side (--tile, --overlap)"
            )

    @property
    def stride(self) -> int:
        """Pixels from one tile to the next."""
        return self.side - self.overlap

    def starts(self, length: int) -> list[int]:
        """Where tiles start along an axis; the last may reach beyond its end."""
        count = max(1, -(-(length - self.overlap) // self.stride))
        return [number * self.stride for number in range(count)]

    def weights(self, number: int, count: int) -> np.ndarray:
        """(side,) float32: what tile `number` of `count` along an axis weighs at its pixels."""
        place = np.arange(self.side, dtype=np.float32) + 0.5
        weights = np.ones(self.side, np.float32)
        if number > 0:
            weights *= self._rising(place)
        if number < count - 1:
            weights *= 1 - self._rising(place - self.stride)
        return weights

    def _rising(self, place: np.ndarray) -> np.ndarray:
        """The weight of a tile's pixels beside a tile before it."""
        if not self.overlap:
            return (place > 0).astype(np.float32)
        margin, width = self.overlap * 3 / 8, self.overlap / 4
        return np.clip((place - margin) / width, 0, 1).astype(np.float32)


def choose_tiling(tile: int | str, overlap: int | None, height: int, width: int) -> Tiling | None:
    """The tiling of images of a size, None where they are taken whole.

    Args:
        tile: side of the tiles, `none`, or `auto`: 512 for images of more than a million pixels.
        overlap: pixels that tiles share; by default a quarter of the side, at least `GRID`.
        height: of the largest image.
        width: of the largest image.

    Raises:
        UsageError: the overlap does not fit the tiles.
    """
    if tile == "auto":
        tile = AUTO_SIDE if height * width > LARGE else "none"
    if isinstance(tile, str):
        return None
    if overlap is None:
        overlap = max(1, tile // 4 // GRID) * GRID
    return Tiling(tile, overlap)


def strips(image: np.ndarray, predict: Predict, tiling: Tiling | None) -> Iterator[np.ndarray]:
    """The outputs of an image (height, width, channels) from the top down, (rows, width, units).

    Memory follows the tiles and the width of the image, not its height.
    """
    height, width = image.shape[:2]
    if tiling is None:
        yield predict(image[None])[0]
        return
    tops, lefts = tiling.starts(height), tiling.starts(width)
    side, stride = tiling.side, tiling.stride
    buffer: np.ndarray | None = None
    for row, top in enumerate(tops):
        weights = tiling.weights(row, len(tops))[:, None, None]
        for column, left in enumerate(lefts):
            tile = mirrored(image[top : top + side, left : left + side], side, side)
            found = predict(tile[None])[0] * weights
            found *= tiling.weights(column, len(lefts))[None, :, None]
            if buffer is None:
                buffer = np.zeros((side, lefts[-1] + side, found.shape[-1]), np.float32)
            buffer[:, left : left + side] += found
        assert buffer is not None
        done = stride if row < len(tops) - 1 else side
        yield buffer[: min(done, height - top), :width].copy()
        buffer[: side - stride] = buffer[stride:]
        buffer[side - stride :] = 0
