"""Large images in tiles: where the tiles lie, and how their predictions are put together.

Neighboring tiles share `overlap` pixels. Where they do, the outer pixels of each tile, which the
network saw with part of their surroundings missing, have no weight, and a strip in the middle of
the overlap goes over from one tile to the next in a straight line: a quarter of the overlap, at
most `BLEND` pixels. The weights of all tiles at a pixel sum to 1. A network that sees no farther
than those outer pixels gives for tiles what it gives for the whole image. Tiles start at multiples
of `GRID`, so that a network that halves its map up to five times sees the same grid in a tile as
in the whole image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from mlzoo.core.errors import UsageError
from mlzoo.data.images.decoding import mirrored

GRID = 32
AUTO_SIDE = 512
BLEND = 16
LARGE = 1024 * 1024
"""Images with more pixels are cut into tiles unless `--tile none` says otherwise."""

Predict = Callable[[np.ndarray], np.ndarray]
"""From images (n, height, width, channels) to outputs (n, height, width, units)."""

Cut = Callable[[int, int], "Tiling | None"]
"""From an image's height and width to how it is cut."""


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

    @property
    def margin(self) -> int:
        """Pixels beside another tile that have no weight."""
        return (self.overlap - min(self.overlap // 4, BLEND)) // 2

    def holds(self, height: int, width: int) -> bool:
        """Return whether an image is no larger than one tile."""
        return max(height, width) <= self.side

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
        width = self.overlap - 2 * self.margin
        return np.clip((place - self.margin) / width, 0, 1).astype(np.float32)


@dataclass(frozen=True)
class Cutting:
    """Cutting of images for a network: from height and width to a tiling or None.

    Attributes:
        tile: side of the tiles, `none`, or `auto`: 512 for images of more than a million pixels.
        overlap: pixels that tiles share; None: as many as the network needs, at most half.
        reach: says how many pixels far the network sees; asked only where an image is cut.
    """

    tile: int | str
    overlap: int | None
    reach: Callable[[], float]

    def __call__(self, height: int, width: int) -> Tiling | None:
        """The tiling of an image, None where it is taken whole.

        Raises:
            UsageError: the overlap does not fit the tiles.
        """
        tiling = choose_tiling(self.tile, self.overlap or 0, height, width)
        if tiling is None or self.overlap is not None or tiling.holds(height, width):
            return tiling
        half = tiling.side // 2 // GRID * GRID
        return Tiling(tiling.side, int(min(needed_overlap(self.reach()), half)))


def uncut(height: int, width: int) -> None:
    """The tiling of images that are taken whole, whatever their size."""


def seams(tiling: Tiling | None, height: int, width: int, reach: Callable[[], float]) -> str | None:
    """Return a warning where tiles of an image share less than the network needs.

    Args:
        tiling: how the image is cut.
        height: of the image.
        width: of the image.
        reach: as that of `Cutting`.
    """
    if tiling is None or tiling.holds(height, width) or tiling.margin >= reach():
        return None
    shared = f"tiles of {tiling.side} pixels that share {tiling.overlap} may show seams"
    overlap = needed_overlap(reach())
    if overlap == math.inf:
        return f"{shared}: each output hangs on very much of the image; --tile none takes it whole"
    side = max(tiling.side, 2 * int(overlap))
    return (
        f"{shared}: the network sees {reach()} pixels far; with --tile {side} "
        f"--overlap {overlap} there are none"
    )


def needed_overlap(reach: float) -> float:
    """Pixels that tiles must share where a network sees `reach` pixels far, so that no seam shows.

    A multiple of `GRID`, or infinite.
    """
    if reach == math.inf:
        return reach
    return next(n for n in count(GRID, GRID) if Tiling(2 * n, n).margin >= reach)


def choose_tiling(tile: int | str, overlap: int, height: int, width: int) -> Tiling | None:
    """The tiling of images of a size, None where they are taken whole.

    Tiles are no larger than the image asks for; where one takes it in, none is shared.

    Args:
        tile: side of the tiles, `none`, or `auto`: 512 for images of more than a million pixels.
        overlap: pixels that tiles share.
        height: of the largest image.
        width: of the largest image.

    Raises:
        UsageError: the overlap does not fit the tiles.
    """
    if tile == "auto":
        tile = AUTO_SIDE if height * width > LARGE else "none"
    if isinstance(tile, str):
        return None
    requested, side = Tiling(tile, overlap), up_to_grid(max(height, width))
    return requested if tile <= side else Tiling(side, 0)


def tile_of(tile: int | str, depth: int) -> int | str:
    """Return the side of tiles as it was set; volumes are taken whole.

    Args:
        tile: as of `choose_tiling`.
        depth: slices of a volume; 0: samples are no volumes.

    Raises:
        UsageError: tiles of volumes.
    """
    if depth and not isinstance(tile, str):
        raise UsageError(f"--tile {tile}: volumes are taken whole; leave it out")
    return "none" if depth else tile


def up_to_grid(length: int) -> int:
    """A length in pixels, rounded up to a multiple of `GRID`."""
    return -(-length // GRID) * GRID


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
    tall, wide = (min(side, up_to_grid(length)) for length in (height, width))
    buffer: np.ndarray | None = None
    for row, top in enumerate(tops):
        weights = tiling.weights(row, len(tops))[:tall, None, None]
        for column, left in enumerate(lefts):
            tile = mirrored(image[top : top + tall, left : left + wide], tall, wide)
            output = predict(tile[None])[0] * weights
            output *= tiling.weights(column, len(lefts))[None, :wide, None]
            if buffer is None:
                buffer = np.zeros((tall, lefts[-1] + wide, output.shape[-1]), np.float32)
            buffer[:, left : left + wide] += output
        assert buffer is not None
        last = row == len(tops) - 1
        yield buffer[: height - top if last else stride, :width].copy()
        if not last:
            buffer[: side - stride] = buffer[stride:]
            buffer[side - stride :] = 0
