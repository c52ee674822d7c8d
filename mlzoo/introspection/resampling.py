"""Maps brought to the size of what they explain, and images blurred: pixels are areas.

Cell (i, j) of an h x w map stands for the middle of its share of the picture ("half-pixel
centers"). Corner-aligned resizing draws it up to half a cell away.
"""

from __future__ import annotations

import numpy as np

BLUR = 0.1
"""Standard deviation of the blur of a baseline, as a share of the shorter side."""


def upsample(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return maps (n, h, w), (n, depth, h, w) or (n, steps) resized linearly, as float32."""
    import cv2

    maps = np.asarray(maps, "float32")
    if maps.shape[1:] == tuple(size):
        return maps
    if maps.ndim == 4:
        flat = upsample(maps.reshape(-1, *maps.shape[2:]), size[1:])
        return _deeper(flat.reshape(*maps.shape[:2], *size[1:]), size[0])
    flat = maps[:, :, None] if maps.ndim == 2 else maps
    height, width = (*size, 1)[:2]
    rows = [cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in flat]
    return np.stack(rows).reshape(len(maps), *size)


def _deeper(maps: np.ndarray, depth: int) -> np.ndarray:
    """Return maps (n, cells, h, w) resized linearly along their first axis of cells."""
    cells = maps.shape[1]
    place = np.clip((np.arange(depth) + 0.5) * cells / depth - 0.5, 0, cells - 1)
    below = np.minimum(place.astype(int), max(cells - 2, 0))
    share = (place - below).astype("float32")[:, None, None]
    return (1 - share) * maps[:, below] + share * maps[:, np.minimum(below + 1, cells - 1)]


def positive(maps: np.ndarray) -> np.ndarray:
    """Return the positive part of each map (n, ...).

    Where nothing does, a map stays as it is, negative: its largest values speak least against it.
    """
    largest = maps.max(axis=tuple(range(1, maps.ndim)), keepdims=True)
    return np.where(largest > 0, np.maximum(maps, 0), maps)


def blur(images: np.ndarray, share: float = BLUR) -> np.ndarray:
    """Return blurred images (n, height, width, channels), mirrored at the edges; float32."""
    import cv2

    sigma = share * min(images.shape[1:3])
    size = 2 * int(np.ceil(3 * sigma)) + 1
    blurred = np.empty(images.shape, "float32")
    for one, image in zip(blurred, np.asarray(images, "float32"), strict=True):
        soft = cv2.GaussianBlur(image, (size, size), sigma, borderType=cv2.BORDER_REFLECT)
        one[...] = soft.reshape(image.shape)
    return blurred
