"""Resizing of 8-bit images by NumPy alone, with the values that OpenCV gives.

The model was trained on images that OpenCV resized: averages over areas where a side shrinks, else
interpolation between pixels. Its arithmetic is followed down to the rounding (float32 sums for
areas, weights of 11 bits for interpolation: opencv/modules/imgproc/src/resize.cpp), so that a
prediction does not depend on who read the file.
"""

from __future__ import annotations

import numpy as np

_BITS = 11
_SMALLEST = 1e-3
"""Shares of a pixel that OpenCV leaves out of an average."""


def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return an image in another size; proportions are not kept.

    Args:
        pixels: (rows, columns, channels), uint8.
        height: rows of the result, from 1.
        width: columns of the result, from 1.

    Returns:
        (height, width, channels), uint8.
    """
    rows, columns = pixels.shape[:2]
    if (rows, columns) == (height, width):
        return pixels
    if height <= rows and width <= columns:
        if rows % height == 0 and columns % width == 0:
            return _mean_of_blocks(pixels, height, width)
        return _mean_of_areas(pixels, height, width)
    return _interpolated(pixels, height, width, area=height < rows or width < columns)


def _mean_of_blocks(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Average whole pixels: each side is a multiple of the new one."""
    rows, columns, channels = pixels.shape
    shape = (height, rows // height, width, columns // width, channels)
    sums = pixels.reshape(shape).sum(axis=(1, 3), dtype=np.int64)
    if shape[1] == shape[3] == 2 and channels != 2:
        return ((sums + 2) >> 2).astype(np.uint8)
    return _rounded(sums.astype(np.float32) * np.float32(1 / (shape[1] * shape[3])))


def _mean_of_areas(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Average pixels by the share of each that lies in an area, columns first, in float32."""
    values = pixels.astype(np.float32)
    places, weights = _shares(pixels.shape[1], width)
    means = np.zeros((len(values), width, pixels.shape[2]), np.float32)
    for place, weight in zip(places, weights, strict=True):
        means += values[:, place] * weight[:, None]
    places, weights = _shares(pixels.shape[0], height)
    result = np.zeros((height, *means.shape[1:]), np.float32)
    for place, weight in zip(places, weights, strict=True):
        result += means[place] * weight[:, None, None]
    return _rounded(result)


def _shares(side: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and shares (taps, wanted) of the pixels that each new one averages."""
    scale = 1 / (wanted / side)
    listed: list[list[tuple[int, float]]] = []
    for index in range(wanted):
        start = index * scale
        end, size = start + scale, min(scale, side - start)
        last = min(int(np.floor(end)), side - 1)
        first = min(int(np.ceil(start)), last)
        taps = [(place, 1 / size) for place in range(first, last)]
        if first - start > _SMALLEST:
            taps.insert(0, (first - 1, (first - start) / size))
        if end - last > _SMALLEST:
            taps.append((last, min(end - last, 1, size) / size))
        listed.append(taps)
    most = max(map(len, listed))
    padded = np.array([taps + [(0, 0)] * (most - len(taps)) for taps in listed])
    return padded[..., 0].T.astype(np.intp), padded[..., 1].T.astype(np.float32)


def _interpolated(pixels: np.ndarray, height: int, width: int, area: bool) -> np.ndarray:
    """Interpolate between two pixels of a row, then between two rows, in whole numbers."""
    values = pixels.astype(np.int32)
    left, right, share = _neighbors(pixels.shape[1], width, area)
    beyond = (left < 0) | (left >= pixels.shape[1] - 1)
    share[beyond] = 0  # The first and the last pixel go on beyond the border.
    left, right = (np.clip(place, 0, pixels.shape[1] - 1) for place in (left, right))
    one, other = _whole(share)
    between = values[:, left] * one[:, None] + values[:, right] * other[:, None]
    upper, lower, share = _neighbors(pixels.shape[0], height, area)
    upper, lower = (np.clip(place, 0, pixels.shape[0] - 1) for place in (upper, lower))
    one, other = _whole(share)
    above = (one[:, None, None] * (between[upper] >> 4)) >> 16
    below = (other[:, None, None] * (between[lower] >> 4)) >> 16
    return ((above + below + 2) >> 2).astype(np.uint8)


def _neighbors(side: int, wanted: int, area: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels before and after each new one, and the share of the one after."""
    inverse = wanted / side
    scale, index = 1 / inverse, np.arange(wanted)
    if area:
        before = np.floor(index * scale).astype(np.intp)
        share = ((index + 1) - (before + 1) * inverse).astype(np.float32)
        share = np.where(share <= 0, np.float32(0), share - np.floor(share))
    else:
        place = ((index + 0.5) * scale - 0.5).astype(np.float32)
        before = np.floor(place).astype(np.intp)
        share = place - before.astype(np.float32)
    return before, before + 1, share.astype(np.float32)


def _whole(share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of both neighbors as whole numbers of `_BITS` bits."""
    ones = np.float32(1 << _BITS)
    return (
        np.rint((np.float32(1) - share) * ones).astype(np.int32),
        np.rint(share * ones).astype(np.int32),
    )


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
