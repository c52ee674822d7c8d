"""Masks as pictures: class colors, indexed PNGs, overlays and downsizing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from mlzoo.core.files import write_bytes
from mlzoo.data.specs import IGNORED

MOST_CLASSES = 255
IGNORED_COLOR = (128, 128, 128)

# Okabe and Ito's, with sky blue before orange: the first class is often the only one, and sky blue
# stands out from gray pictures for every reader.
_FIRST = (
    (0, 0, 0),
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
_STRIP = 1 << 20
"""Pixels that are blended at a time, which bounds memory for large images."""
_LEVELS = 18
"""Values of each channel among which further colors are chosen."""
_FULL = 0.9
"""Share from which a class counts as filling a pixel of a downsized mask."""
_LIGHTNESS = 0.38, 0.93
"""Further colors are lighter than shadows and darker than paper, so that outlines are seen."""


def palette(classes: int) -> np.ndarray:
    """Return distinct colors (classes, 3) uint8; a class keeps its color whatever their number.

    Class 0 is black, the next seven have Okabe and Ito's colors, and each further one has the
    color that is farthest from all before it.

    Raises:
        ValueError: a mask can't hold that many classes.
    """
    if not 1 <= classes <= MOST_CLASSES:
        raise ValueError(f"a mask holds 1 to {MOST_CLASSES} classes, not {classes}")
    return np.array(_all_colors()[:classes], "uint8")


def full_palette(colors: np.ndarray) -> list[int]:
    """Return the 768 numbers of an image's palette: class colors, gray for ignored pixels."""
    table = np.full((256, 3), IGNORED_COLOR, "uint8")
    table[: len(colors)] = colors
    table[IGNORED] = IGNORED_COLOR
    return table.ravel().tolist()


def write_mask(path: Path, mask: np.ndarray, colors: np.ndarray) -> Path:
    """Write a mask as a PNG whose values are the classes and that viewers show in color.

    Args:
        path: file to write atomically; its folder is made if missing.
        mask: (height, width) uint8 positions of classes, 255 where a pixel is ignored.
        colors: (classes, 3) uint8, as of `palette`.
    """
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(mask, "uint8"))
    image.putpalette(full_palette(colors))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())
    return path


def overlay(
    picture: np.ndarray,
    mask: np.ndarray,
    colors: np.ndarray,
    alpha: float = 0.45,
    skip_first: bool = True,
    regions: np.ndarray | None = None,
) -> np.ndarray:
    """Tint the pixels of each class and outline them in the class's full color.

    Args:
        picture: (height, width, 3) uint8; it is not changed.
        mask: (height, width) uint8 positions of classes; ignored pixels (255) are tinted gray.
        colors: (classes, 3) uint8.
        alpha: opacity of the tint, from 0 (picture alone) to 1 (mask alone).
        skip_first: leave the pixels of class 0, the background, as they are.
        regions: (height, width) numbers of regions, whose outlines are drawn in place of those of
            the classes.

    Returns:
        (height, width, 3) uint8. Outlines lie inside their class; they are one pixel wide, and
        one more for each 1000 pixels of the longer side.
    """
    table = np.array(full_palette(colors), "uint8").reshape(256, 3)
    tinted = mask > 0 if skip_first else np.ones(mask.shape, bool)
    drawn = mask if regions is None else regions
    lines = _borders(drawn, 1 + max(mask.shape) // 1000) & tinted & (mask != IGNORED)
    mixed = picture.copy()
    rows = max(1, _STRIP // max(1, mask.shape[1]))
    for start in range(0, len(mask), rows):
        strip = slice(start, start + rows)
        pixels, class_color, where = mixed[strip], table[mask[strip]], tinted[strip]
        pixels[where] = np.rint((1 - alpha) * pixels[where] + alpha * class_color[where])
        pixels[lines[strip]] = class_color[lines[strip]]
    return mixed


def instance_overlay(picture: np.ndarray, instances: np.ndarray) -> np.ndarray:
    """Tint and outline instances in seven colors that take turns; see `overlay`.

    Args:
        picture: (height, width, 3) uint8; it is not changed.
        instances: (height, width) ids, 0 where there is none.
    """
    colors = palette(len(_FIRST))
    turns = np.where(instances > 0, (instances.astype("int64") - 1) % (len(colors) - 1) + 1, 0)
    return overlay(picture, turns.astype("uint8"), colors, regions=instances)


def area_mean(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize numbers (height, width) to float32: area mean if smaller, nearest if larger."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(values, "float32"))
    return np.asarray(image.resize(size[::-1], Image.Resampling.BOX))


def shrink_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize a mask without losing thin structures.

    Each pixel gets its most frequent class, except where a class is so thin that it fills no pixel
    nearby: that class wins every pixel it touches. This keeps a crack of one pixel and a gap of
    one pixel between grains, while borders of large regions do not move.
    """
    from PIL import Image

    mask = np.ascontiguousarray(mask, "uint8")
    if size[0] >= mask.shape[0] and size[1] >= mask.shape[1]:
        return np.asarray(Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST))
    classes, most = np.zeros(size, "uint8"), np.zeros(size, "float32")
    for value in np.unique(mask):
        share = area_mean(mask == value, size)
        fullest = _windows(np.maximum, _windows(np.maximum, share, 1, axis=0), 1, axis=1)
        claim = share + ((share > 0) & (fullest < _FULL))
        classes[claim > most] = value
        most = np.maximum(claim, most)
    return classes


def _borders(mask: np.ndarray, thickness: int) -> np.ndarray:
    """Return pixels at most `thickness` from another class; the picture's edge is no border."""
    low = high = mask
    for axis in (0, 1):
        low = _windows(np.minimum, low, thickness, axis)
        high = _windows(np.maximum, high, thickness, axis)
    return low != high


def _windows(extreme: np.ufunc, values: np.ndarray, reach: int, axis: int) -> np.ndarray:
    """Return the running minimum or maximum within `reach` pixels along an axis."""
    lines = np.moveaxis(values, axis, 0)
    extremes = lines.copy()
    for shift in range(1, min(reach, len(lines) - 1) + 1):
        extreme(extremes[shift:], lines[:-shift], out=extremes[shift:])
        extreme(extremes[:-shift], lines[shift:], out=extremes[:-shift])
    return np.moveaxis(extremes, 0, axis)


@lru_cache(maxsize=1)
def _all_colors() -> tuple[tuple[int, ...], ...]:
    """Return the first colors, and further ones by farthest-point sampling of a color grid.

    White, the page's color, and the gray of ignored pixels are avoided too.
    """
    levels = np.rint(np.linspace(0, 255, _LEVELS)).astype("uint8")
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[(_oklab(grid)[:, 0] > _LIGHTNESS[0]) & (_oklab(grid)[:, 0] < _LIGHTNESS[1])]
    points = _oklab(grid)
    taken = _oklab(np.array([*_FIRST, (255, 255, 255), IGNORED_COLOR]))
    nearest = np.min([((points - point) ** 2).sum(axis=1) for point in taken], axis=0)
    colors: list[tuple[int, ...]] = list(_FIRST)
    while len(colors) < MOST_CLASSES:
        best = int(nearest.argmax())
        colors.append(tuple(grid[best].tolist()))
        nearest = np.minimum(nearest, ((points - points[best]) ** 2).sum(axis=1))
    return tuple(colors)


def _oklab(colors: np.ndarray) -> np.ndarray:
    """Convert colors (n, 3) to Oklab, where distance approximates perceived difference.

    The green-red axis counts half, since color-blind readers see least of it.

    Source: B. Ottosson, A perceptual color space for image processing, 2020.
    """
    srgb = colors / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    cones = linear @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    lab = np.cbrt(cones) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )
    return lab * (1, 0.5, 1)


def class_colors(mask_colors: Sequence[tuple[int, int, int]], classes: int) -> np.ndarray:
    """Return the colors that a run's own masks give its classes, or else those of `palette`.

    Args:
        mask_colors: `Reader.class_colors` of the training data.
        classes: number of classes.
    """
    return np.array(mask_colors, "uint8") if mask_colors else palette(classes)
